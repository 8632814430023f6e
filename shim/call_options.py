"""Call options: how one call goes out, beside what it asks.

Not what is asked (`shim.model.ModelRequest`) and not the address (`shim.endpoint`). A provider honours an option or refuses it by
name (`UnsupportedFeatureError`); it never ignores one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from shim.endpoint import Endpoint, can_be_sent
from shim.model.checks import is_positive, kind_of
from shim.model.errors import InvalidRequestError

ApiKey: TypeAlias = str | Callable[[], str]
"""A key, or what gives one: asked once when a call starts, so that a token can be refreshed."""


class Deadlines(Struct, frozen=True, kw_only=True):
    """Limits of time, in seconds; None leaves each to the provider, `math.inf` waits for ever.

    Attributes:
        connect: for name, TCP, proxy and TLS.
        read: silence of the server, keep-alives counting as sound.
        first_event: until the first content of an answer.
        between_events: between two pieces of content; comments, keep-alives and empty deltas are none.
        total: for the whole call.

    Raises:
        InvalidRequestError: one is no number of seconds above 0.
    """

    connect: float | None = None
    read: float | None = None
    first_event: float | None = None
    between_events: float | None = None
    total: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not is_positive(value):
                shown = value if isinstance(value, (int, float)) and not isinstance(value, bool) else kind_of(value)
                place = f"deadlines.{name}"
                raise InvalidRequestError(f"{place} is {shown}; give seconds above 0, or None", field=place)


class CallOptions(Struct, frozen=True, kw_only=True):
    """How one call goes out; what is None is as the provider has it. Never recorded, and shown without the key.

    Attributes:
        api_key: a string, or a callable that is asked once when the call starts.
        endpoint: where it goes and on whose behalf, in place of the provider's own.
        deadlines: limits of time.
        retries: a policy of tries; honoured by a provider with a retry layer.
        idempotency_key: sent as the header `Idempotency-Key`.

    Raises:
        InvalidRequestError: an option is of the wrong kind; the message names it.
    """

    api_key: ApiKey | None = None
    endpoint: Endpoint | None = None
    deadlines: Deadlines | None = None
    retries: Any = None
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        if not (self.api_key is None or isinstance(self.api_key, str) or callable(self.api_key)):
            raise _wrong("api_key", self.api_key, remedy="give a string, or a function that returns one")
        if not (self.endpoint is None or isinstance(self.endpoint, Endpoint)):
            raise _wrong("endpoint", self.endpoint, remedy="give an Endpoint")
        if not (self.deadlines is None or isinstance(self.deadlines, Deadlines)):
            raise _wrong("deadlines", self.deadlines, remedy="give Deadlines(read=30)")
        if self.idempotency_key is not None and not (self.idempotency_key and can_be_sent(self.idempotency_key)):
            raise _wrong(
                "idempotency_key", self.idempotency_key, remedy="give printable ASCII without spaces around it"
            )

    def __repr__(self) -> str:
        shown = [
            f"{name}={'…' if name == 'api_key' else repr(value)}"
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None
        ]
        return f"CallOptions({', '.join(shown)})"

    def __reduce__(self) -> Any:
        if self.api_key is not None:
            raise TypeError("CallOptions with an api_key cannot be pickled: make them where the key is known")
        return super().__reduce__()


def _wrong(name: str, value: object, *, remedy: str) -> InvalidRequestError:
    place = f"options.{name}"
    return InvalidRequestError(f"{place} is {kind_of(value)}; {remedy}", field=place)
