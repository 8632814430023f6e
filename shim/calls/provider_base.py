"""What every provider with a transport of its own repeats: its key, its calls, how it is closed and shown.

Not the interface (`shim.provider`) nor a transport: a subclass starts, drives and cancels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn

from shim.call_options import ApiKey, CallOptions, Deadlines
from shim.calls.table import CallTable
from shim.endpoint import DEFAULT_BASE_URL, Endpoint
from shim.model import InvalidRequestError, MissingCredentialsError, UnsupportedFeatureError
from shim.model.caps import Caps, checked_caps
from shim.model.checks import kind_of
from shim.plain_http import check_address, checked_hosts, exposed_host
from shim.provider import ForkedProviderError, ProviderClosedError
from shim.wire.masking import Secret, credentials_in, hidden

if TYPE_CHECKING:
    from typing_extensions import Self

# Of `Deadlines`: what a transport cannot know, as it sees bytes and not content.
_OF_THE_LAYER = ("first_event", "between_events", "total")


class _Masking:
    """A key with what masks it; shown without it."""

    __slots__ = ("key", "secret")

    def __init__(self, key: str) -> None:
        self.key = key
        self.secret = Secret(key)


class ProviderBase:
    """A provider's key, calls and state.

    Args:
        name: told by handles and in messages.
        api_key: None takes `OPENAI_API_KEY` from the environment, looked up when a request starts; a function is asked then.
        insecure_hosts: that may get it over plain HTTP, beside this machine.
        caps: of every stream; None is the default.
    """

    def __init__(
        self,
        *,
        name: str,
        api_key: ApiKey | None,
        insecure_hosts: Iterable[str] = (),
        caps: Caps | None = None,
    ) -> None:
        self.name = name
        self._api_key = hidden(api_key) if isinstance(api_key, str) else api_key
        self._insecure_hosts = checked_hosts(insecure_hosts)
        self._caps = checked_caps(caps)
        self._calls = CallTable()
        self._closed = False
        self._process = os.getpid()
        self._masking = _Masking("")  # the last key's
        self._safe: Endpoint | None = None  # where the provider's own key, which is a string, may go in any environment

    def info_read(self) -> int:
        """Deliver completions; see `Provider`."""
        if os.getpid() != self._process:
            self._check_process()
        return self._calls.deliver() if self._calls.completed else 0

    def may_gather(self, hurry: Callable[[], object] | None = None) -> bool:
        """Whether streams are all that is under way; see `Gathering`."""
        self._check_process()
        return not self._closed and self._calls.may_gather(hurry)

    def close(self) -> None:
        """Cancel and deliver what is open, release everything; see `Provider`."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._calls)} open, {self._calls.waiting} completed"
        return f"<{type(self).__name__} {self.name!r}: {state}>"

    def __reduce__(self) -> NoReturn:
        kind = type(self).__name__
        raise TypeError(f"a {kind} cannot be pickled: it holds sockets and a key; make one where it is needed")

    def _check_open(self) -> None:
        if self._closed:
            raise ProviderClosedError(f"provider {self.name!r}")
        self._check_process()

    def _check_process(self) -> None:
        """Refuse a forked child, where the provider is open: closed it does nothing, in any process."""
        if os.getpid() != self._process and not self._closed:
            raise ForkedProviderError(f"provider {self.name!r}", self._process)

    def _is_parents(self) -> bool:
        """Whether a fork brought this provider here; then its calls are the parent's, and are forgotten."""
        if os.getpid() == self._process:
            return False
        self._calls = CallTable()
        return True

    def _key(self, options: CallOptions, *, endpoint: Endpoint) -> str:
        """The key of a call, once it is known that it may go where the call goes: there, or else to `endpoint`."""
        if self._closed or os.getpid() != self._process:
            self._check_open()
        if options is NO_OPTIONS and self._safe is endpoint and isinstance(self._api_key, str):
            return self._api_key
        address = (options.endpoint or endpoint).base_url
        check_address(address, insecure_hosts=self._insecure_hosts)
        key = find_key(self._api_key if options.api_key is None else options.api_key)
        if options is NO_OPTIONS and key is self._api_key and exposed_host(address) is None:
            self._safe = endpoint
        return key

    def _secret(self, key: str, *, extra_headers: object) -> Secret:
        """What masks a call's key, and the credentials in its own headers; made once while it is the key alone, and the same."""
        if extra_headers:
            return Secret(key, *credentials_in(extra_headers))
        if self._masking.key != key:
            self._masking = _Masking(key)
        return self._masking.secret


NO_OPTIONS = CallOptions()
_NO_DEADLINES = Deadlines()


def checked_options(options: CallOptions | None) -> CallOptions:
    """The options of a call, as far as a transport can honour them.

    Raises:
        InvalidRequestError: they are no `CallOptions`.
        UnsupportedFeatureError: one is for a layer; the message names it.
    """
    if options is None or options is NO_OPTIONS:
        return NO_OPTIONS
    if not isinstance(options, CallOptions):
        raise InvalidRequestError(f"options is {kind_of(options)}; give CallOptions(…)", field="options")
    for name in _OF_THE_LAYER:
        if options.deadlines is not None and getattr(options.deadlines, name) is not None:
            remedy = (
                "a provider without a deadline layer knows connect and read alone; make it with deadlines=Deadlines()"
            )
            raise _unsupported(f"options.deadlines.{name}", remedy)
    if options.retries is not None:
        raise _unsupported("options.retries", "a provider without a retry layer sends a request once")
    return options


def deadlines_of(options: CallOptions) -> Deadlines:
    """The limits of a call; all None where it has none of its own."""
    return _NO_DEADLINES if options.deadlines is None else options.deadlines


def endpoint_of(
    endpoint: Endpoint | None, *, base_url: str | None, organization: str | None, project: str | None
) -> Endpoint:
    """The endpoint of a provider, given as one or in its short form.

    Raises:
        InvalidRequestError: a part cannot be used, or both forms are given.
    """
    short = {"base_url": base_url, "organization": organization, "project": project}
    said = {name: value for name, value in short.items() if value is not None}
    if endpoint is None:
        return Endpoint(DEFAULT_BASE_URL if base_url is None else base_url, organization=organization, project=project)
    if not isinstance(endpoint, Endpoint):
        raise InvalidRequestError(f"endpoint is {kind_of(endpoint)}; give an Endpoint", field="endpoint")
    if said:
        names = ", ".join(said)
        raise InvalidRequestError(f"endpoint is given and so is {names}; say it in the endpoint", field="endpoint")
    return endpoint


def find_key(api_key: ApiKey | None) -> str:
    """The key of a request: the one given, else `OPENAI_API_KEY` from the environment, as it is now.

    Raises:
        MissingCredentialsError: there is none.
        InvalidRequestError: it is not a string.
    """
    key: object = api_key() if callable(api_key) else api_key or os.environ.get("OPENAI_API_KEY")
    if not key and callable(api_key):
        raise MissingCredentialsError("no API key: the function given as api_key returned none")
    if not key:
        raise MissingCredentialsError("no API key: give api_key, or set OPENAI_API_KEY in the environment")
    if not isinstance(key, str):
        raise InvalidRequestError(f"api_key is {kind_of(key)}; give a string", field="api_key")
    return hidden(key)


def _unsupported(place: str, reason: str) -> UnsupportedFeatureError:
    return UnsupportedFeatureError(f"{place} cannot be honoured here: {reason}", field=place)
