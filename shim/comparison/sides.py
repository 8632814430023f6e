"""The two sides of a comparison: what a sender and a reader are.

Not any of them: `codec_reader` and `replay` read, `wire` sends through the codecs, a provider's own `sent_request` is a sender.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from shim.comparison.exchange import Exchange
from shim.comparison.reading import Reading
from shim.model import ModelRequest
from shim.observation import SentRequest
from shim.provider import Provider


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


ProviderMaker: TypeAlias = Callable[..., Provider]
"""Makes a provider from keyword arguments, `session` (a `requests.Session`) and `api_key` among them: `LegacyProvider`."""


class UnreadableExchangeError(ValueError):
    """A recorded exchange cannot be compared: its body was left out, say. Never a difference between the two sides."""
