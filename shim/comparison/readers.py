"""The two sides of a comparison: what a sender and a reader are.

Not any of them: `codec_reader` and `session_reader` read, `wire` sends through the codecs, a provider's own `sent_request` is a
sender.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from shim.model import ModelRequest
from shim.provider import Provider
from shim.recording.exchange import Exchange
from shim.recording.reading import Reading
from shim.transfer_observer import SentRequest


class Sender(Protocol):
    """Says what would be sent for a request, and sends nothing.

    Raises:
        InvalidRequestError, UnsupportedFeatureError: it would refuse the request.
    """

    def __call__(self, request: ModelRequest, *, stream: bool) -> SentRequest:
        """Write the request."""
        ...


@runtime_checkable
class Reader(Protocol):
    """Reads a recorded answer as its client would. It may hold threads: close it. Belongs to one thread."""

    name: str

    def read(self, exchange: Exchange) -> Reading:
        """Read the segments of an exchange as they stand there, with its status, headers, end and fault.

        Raises:
            UnreadableExchangeError: it cannot be replayed to this reader; the message says why.
        """
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


def has_quick_way(thing: object, *, one: str, many: str) -> bool:
    """Whether something does many at once in the place of one by one.

    So a subclass that makes the simple method anew is never bypassed by the quick one, which it inherited.

    Args:
        thing: what may have both methods.
        one: the name of the method for one.
        many: the name of the method for many.
    """
    nearest = next((each for each in type(thing).__mro__ if one in vars(each) or many in vars(each)), object)
    return many in vars(nearest) and one not in getattr(thing, "__dict__", ())


def at_once(reader: Reader | None) -> int:
    """How many exchanges a reader is best given together."""
    return int(getattr(reader, "at_once", 1))


ProviderMaker: TypeAlias = Callable[..., Provider]
"""Makes a provider from keyword arguments, `session` (a `requests.Session`) and `api_key` among them: `LegacyProvider`."""
