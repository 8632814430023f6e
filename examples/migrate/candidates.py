"""Four versions of the candidate: the native provider, three times behind a small fault, and once without.

Not the service that uses them (`desk`). Each fault is of a kind that happens: a field that the new path forgets to send, a piece
of a stream that it drops, a key that was rotated and that one path still uses now and then.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

import shim
from shim.comparison import Comparer
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.layers.layer import Layer
from shim.legacy_adapter import LegacyProvider
from shim.native import NativeProvider
from shim.provider import OnCompletion, OnEvent, RequestHandle
from shim.recording.exchange import Exchange
from shim.recording.reading import Reading
from shim.transfer_observer import SentRequest

KEY = "sk-test"
OLD_KEY = "sk-test-rotated"
_PIECE, _NOTHING = b'"content":" 3,"', b'"content":""'


@dataclass(frozen=True)
class Version:
    """A version of the candidate.

    Attributes:
        name: as the story calls it.
        forgets_limit: it does not send the limit of the answer.
        drops_piece: it loses a piece of a stream.
        uses_old_key: every fourth request goes out with a key that was rotated away.
    """

    name: str
    forgets_limit: bool = False
    drops_piece: bool = False
    uses_old_key: bool = False


VERSIONS = (
    Version("version 1", forgets_limit=True, drops_piece=True, uses_old_key=True),
    Version("version 2", drops_piece=True, uses_old_key=True),
    Version("version 3", uses_old_key=True),
    Version("version 4"),
)


class Candidate(Layer):
    """The native provider behind the faults of a version."""

    def __init__(self, version: Version, *, base_url: str) -> None:
        super().__init__(NativeProvider(base_url=base_url, api_key=KEY, api="chat_completions"), name="candidate")
        self._version = version
        self._count = 0

    def start_request(
        self,
        request: shim.ModelRequest,
        on_completion: OnCompletion,
        *,
        options: shim.CallOptions | None = None,
    ) -> RequestHandle:
        """Ask, as the version does."""
        return super().start_request(
            asked(request, self._version), on_completion, options=self._options_of_the_next(options)
        )

    def start_stream(
        self,
        request: shim.ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: shim.CallOptions | None = None,
    ) -> RequestHandle:
        """Ask for a stream, as the version does."""
        return super().start_stream(
            asked(request, self._version), on_event, on_completion, options=self._options_of_the_next(options)
        )

    def _options_of_the_next(self, options: shim.CallOptions | None) -> shim.CallOptions | None:
        self._count += 1
        is_struck = self._version.uses_old_key and self._count % 4 == 0
        return shim.CallOptions(api_key=OLD_KEY) if is_struck else options


class CarelessReader(CodecReader):
    """Reads as the native provider does, but for one piece of a stream."""

    name = "careless"

    def read(self, exchange: Exchange) -> Reading:
        """Read everything but the piece."""
        response = exchange.response
        if response is None:
            return super().read(exchange)
        left = tuple(replace(each, data=(each.data or b"").replace(_PIECE, _NOTHING)) for each in response.segments)
        return super().read(replace(exchange, response=replace(response, segments=left)))


def asked(request: shim.ModelRequest, version: Version) -> shim.ModelRequest:
    """A request as a version sends it."""
    return replace(request, max_output_tokens=None) if version.forgets_limit else request


def comparer_of(version: Version, *, base_url: str) -> Comparer:
    """Compares what control did with what this version would send, and read."""
    writer = NativeProvider(
        base_url=base_url, api_key=KEY, api="chat_completions"
    )  # asked what it would send, never driven

    def sender(request: shim.ModelRequest, *, stream: bool) -> SentRequest:
        return writer.sent_request(asked(request, version), stream=stream)

    reader = CarelessReader() if version.drops_piece else CodecReader()
    return Comparer(control=LegacyProvider, candidate=reader, sender=sender)
