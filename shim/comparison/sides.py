"""The two sides of a comparison: what a sender and a reader are.

Not any of them: `codec_reader` and `replay` read, `wire` sends through the codecs, a provider's own `sent_request` is a sender.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from shim.model import ModelRequest
from shim.observation import SentRequest
from shim.provider import Provider
from shim.recording.exchange import Exchange
from shim.recording.reading import Reading


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


def own_way(thing: object, *names: str) -> str:
    """The first of several methods that come to the same, unless a subclass has made another of them anew: then that one.

    So whoever overrides the simple way is never bypassed by the quick one, which was inherited.

    Args:
        thing: what has them.
        names: of the methods, the quickest first, the one that everybody has last.
    """
    places = [_place_of(thing, name) for name in names]
    return names[places.index(min(places))] if min(places) < _NOWHERE else names[-1]


_NOWHERE = 1 << 30


def _place_of(thing: object, name: str) -> int:
    """How far up an attribute is defined: -1 on the instance itself, 0 its class; nowhere where it is made up when asked for."""
    if name in getattr(thing, "__dict__", ()):
        return -1
    return next((place for place, each in enumerate(type(thing).__mro__) if name in vars(each)), _NOWHERE)


ProviderMaker: TypeAlias = Callable[..., Provider]
"""Makes a provider from keyword arguments, `session` (a `requests.Session`) and `api_key` among them: `LegacyProvider`."""
