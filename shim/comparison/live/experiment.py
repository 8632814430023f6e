"""The experiment: a layer that compares live what a provider does, and changes nothing of what it does.

Not the comparing (`live_comparison`), not the recording (`session_tap`), no second call. All passes through as it is: the
control's own handles, events, completions and exceptions. What it adds is knowledge: the `ModelRequest` behind each exchange,
so that the wire rung holds the control's real bytes against what the candidate would send for the same request, and the context
(`contextvars`) it was started in. Whatever fails in that is counted, and the request goes on as if nothing were there.

    live = LiveComparison(shim.factory.create_comparer, record_to="mismatches.jsonl", on_verdict=count)
    provider = Experiment(LegacyProvider(), live)  # or Client(lambda: Experiment(LegacyProvider(), live))
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast, final

from msgspec.structs import replace

from shim.comparison.live.request_links import Pair, Pairs, WatchedPairs
from shim.layers import Layer
from shim.model import ModelRequest
from shim.provider import CallOptions, Completion, OnCompletion, OnEvent, Provider, RequestHandle
from shim.recording.exchange import PAIR_HEADER

if TYPE_CHECKING:
    from shim.comparison.live.live_comparison import LiveComparison
    from shim.comparison.verdict import Rung
    from shim.recording.exchange import Exchange
    from shim.recording.redaction.redaction import Redaction
    from shim.recording.tap.session_tap import Watchable
    from shim.transfer_observer import SentRequest

_PAIR_NAME: Final = PAIR_HEADER.lower()

_Start: TypeAlias = Callable[[ModelRequest, OnCompletion], RequestHandle]


@final
class Experiment(Layer):
    """A provider, watched: a `Provider` itself, with the invariants of `shim.provider`.

    Args:
        provider: the control. Closed when this is closed.
        live: what compares; it may serve any number of experiments. Close it yourself, after them.
        tapped: where the exchanges pass, if the provider is only a layer: the provider inside, or its `requests.Session`.
        redaction: what the tap takes out; None is the tap's own default.
        rungs: asked when a request starts, which rungs compare it. What was started past the experiment, on the provider itself,
            is then not compared. None: all that passes is, on all rungs of `live`.

    Raises:
        TypeError: the tap cannot be put on it.
    """

    def __init__(
        self,
        provider: Provider,
        live: LiveComparison,
        *,
        tapped: object = None,
        redaction: Redaction | None = None,
        rungs: Callable[[], Sequence[Rung]] | None = None,
    ) -> None:
        from shim.recording.tap.session_tap import tap

        super().__init__(provider)
        self._live = live
        self._rungs = rungs
        self._pairs = Pairs()
        self._starting: Pair | None = None
        self._closed = False
        target = provider if tapped is None else tapped
        self._is_watched = callable(getattr(target, "watch", None))
        if self._is_watched:
            target = WatchedPairs(cast("Watchable", target), told=self._with_pair_id)
        self._tap = tap(
            cast("Any", target),
            self._take,
            redaction=redaction,
            max_body=live.max_exchange_bytes,  # more would be skipped
            on_error=functools.partial(live.note_error, what="recording"),
        )

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; see `Provider`."""

        def start(request: ModelRequest, on_completion: OnCompletion) -> RequestHandle:
            return self._provider.start_request(request, on_completion, options=options)

        return self._start(request, on_completion, start=start)

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""

        def start(request: ModelRequest, on_completion: OnCompletion) -> RequestHandle:
            return self._provider.start_stream(request, on_event, on_completion, options=options)

        return self._start(request, on_completion, start=start)

    def close(self) -> None:
        """Close the control, then take the tap off; see `Provider`. What was recorded is still compared: see `live`."""
        closed, self._closed = self._closed, True
        try:
            self._provider.close()
        finally:
            if not closed:
                self.detach()  # after the control: a request that still waited there carries our header

    def detach(self) -> None:
        """Take the tap off, and leave the control open; no request may be started here any more."""
        self._closed = True
        self._tap.remove()
        self._pairs.clear()

    def _start(self, request: ModelRequest, on_completion: OnCompletion, *, start: _Start) -> RequestHandle:
        pair, request = self._expected(request)
        if pair is None or not callable(on_completion):
            return start(request, on_completion)
        self._pairs.add(pair)
        self._starting = pair
        try:
            return start(request, self._ending(pair, on_completion))
        except BaseException:
            self._pairs.remove(pair)
            raise
        finally:
            self._starting = None

    def _expected(self, request: ModelRequest) -> tuple[Pair | None, ModelRequest]:
        """What is known of a request's exchange, and the request to start; the same one where nothing is known."""
        if self._closed or not isinstance(request, ModelRequest):
            return None, request
        try:
            given = _pair_id_in(request)
            rungs = None if self._rungs is None else tuple(self._rungs())
            # One that is said of several requests, as of all of a task, does not tell whose an exchange is.
            link = given if given and not self._pairs.holds(given) else self._pairs.new_id()
            pair = Pair(link, request=replace(request), context=copy_context(), rungs=rungs, given=given)
            if link == given or self._is_watched:
                return pair, request
            return pair, replace(request, extra_headers={**_without_pair_id(request.extra_headers), PAIR_HEADER: link})
        except Exception as error:  # noqa: BLE001 - the control refuses a bad request in its own words
            self._live.note_error(error, what="linking a request")
            return None, request

    def _ending(self, pair: Pair, on_completion: OnCompletion) -> OnCompletion:
        def end(completion: Completion) -> object:
            self._pairs.end(pair)
            return on_completion(completion)

        return end

    def _take(self, exchange: Exchange) -> None:
        """Be the tap's sink; on whatever thread read the body."""
        pair = self._pairs.find(exchange.pair_id)
        if pair is not None:
            if pair.given and pair.given != pair.id:
                exchange = replace(exchange, pair_id=pair.given)
            self._live.submit(exchange, request=pair.request, context=pair.context, rungs=pair.rungs)
        elif self._rungs is None:
            self._live.submit(exchange)

    def _with_pair_id(self, sent: SentRequest) -> SentRequest:
        """What a watched provider says it sends, with the header for the tap: the wire never sees that."""
        pair = self._starting
        if pair is None:
            return sent
        try:
            others = [each for each in sent.headers if each[0].lower() != _PAIR_NAME] if pair.given else sent.headers
            return replace(sent, headers=(*others, (PAIR_HEADER, pair.id)))
        except Exception as error:  # noqa: BLE001 - the request is being sent
            self._live.note_error(error, what="linking a request")
            return sent


def _pair_id_in(request: ModelRequest) -> str | None:
    """The pair id that the application gave by itself, None where it did not."""
    found = (value for name, value in request.extra_headers.items() if name.lower() == _PAIR_NAME)
    return next(found, None)


def _without_pair_id(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: value for name, value in headers.items() if name.lower() != _PAIR_NAME}
