"""Records of the candidate's own calls: exchanges of role `candidate`, with the pair id of the control's.

Not the tap (`shim.recording.tap`), which does the recording, nor the control's records: those are made where the control is. The
pair id never reaches the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from shim.comparison.live.request_links import WatchedPairs
from shim.recording.exchange import PAIR_HEADER

if TYPE_CHECKING:
    from shim.model import ModelRequest
    from shim.provider import Provider
    from shim.recording.exchange import Exchange
    from shim.recording.recorder import Sink
    from shim.recording.redaction.redaction import Redaction
    from shim.recording.tap.session_tap import Watchable
    from shim.transfer_observer import SentRequest


class CallRecording:
    """Taps the providers of one arm, one after the other. Belongs to the thread that drives them.

    Args:
        sink: where the exchanges go.
        redaction: what is taken out first; None is the tap's own default.
        on_error: gets what goes wrong in it; nothing is raised into a call.
    """

    def __init__(self, sink: Sink, *, redaction: Redaction | None, on_error: Callable[[Exception], object]) -> None:
        self._sink = sink
        self._redaction = redaction
        self._on_error = on_error
        self._pair_id = ""
        self._is_watched = False
        self._is_attached = False

    def attach(self, provider: Provider) -> Callable[[], None]:
        """Record what passes through a provider from now on; what is returned ends that.

        Raises:
            TypeError: the provider has neither a `watch` nor a `session`.
        """
        from shim.recording.tap.session_tap import tap

        self._is_attached = False
        self._is_watched = callable(getattr(provider, "watch", None))
        target: Any = WatchedPairs(cast("Watchable", provider), told=self._told) if self._is_watched else provider
        attached = tap(target, self._take, redaction=self._redaction, on_error=self._on_error)
        self._is_attached = True
        return attached.remove

    def marked(self, request: ModelRequest, pair_id: str) -> ModelRequest:
        """The request to start next, such that its exchange has this pair id: a tapped session takes a header off again."""
        self._pair_id = pair_id
        if self._is_watched or not self._is_attached:  # without a tap the header would be sent
            return request
        return replace(request, extra_headers={**request.extra_headers, PAIR_HEADER: pair_id})

    def _told(self, sent: SentRequest) -> SentRequest:
        return replace(sent, headers=(*sent.headers, (PAIR_HEADER, self._pair_id)))

    def _take(self, exchange: Exchange) -> None:
        exchange = replace(exchange, role="candidate")
        response = exchange.response
        weight = max(0, exchange.request.length) + (0 if response is None else response.length)
        self._sink.put(lambda: exchange, weight=weight)
