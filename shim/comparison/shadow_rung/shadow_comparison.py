"""The shadow: a sample of production's requests is asked a second time by the candidate, off the control's path.

Not what is concluded (`shadow_report`), no moving of traffic (`shim.migration`): the candidate's answers are measured and
thrown away. It can never hurt the control: handing a request over never waits and never raises, what does not fit is dropped
and counted, and the candidate lives on a thread of its own, where whatever it does stays.

Whoever serves a request needs two calls, on any thread::

    if shadow.wants(request):  # the sample, and whether it may be asked again; costs next to nothing
        ...  # and when the control's completion has come:
        shadow.submit(request, streamed=True, control=completion)

    shadow = ShadowComparison(lambda: create_provider("native"), own_key=SHADOW_KEY, sample=0.01, budget=ShadowBudget())
"""

from __future__ import annotations

import itertools
import logging
import os
import random
import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shim.call_options import ApiKey
from shim.comparison.shadow_rung.budget import ShadowBudget
from shim.comparison.shadow_rung.call_recording import CallRecording
from shim.comparison.shadow_rung.eligibility import estimated_tokens, size_of_request, why_not
from shim.comparison.shadow_rung.observation import ShadowPair, ended_by_caller, observed
from shim.comparison.shadow_rung.shadow_calls import ShadowCaller
from shim.comparison.shadow_rung.shadow_report import ShadowReport, report_of
from shim.comparison.shadow_rung.shadow_settings import (
    check_callables,
    check_numbers,
    check_over_zero,
    check_share,
    options_of,
)
from shim.comparison.shadow_rung.shadow_state import QueueSettings, ShadowCounts, ShadowItem, ShadowState, Stopped
from shim.comparison.shadow_rung.shadow_telling import (
    LOGGER,
    OnPair,
    OnShadowError,
    ShadowTelling,
    ShadowTellingSettings,
)
from shim.comparison.shadow_rung.shadow_thread import Arm, ShadowThread
from shim.recording.exchange import PAIR_HEADER

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.model import ModelRequest
    from shim.provider import Completion, Provider
    from shim.recording.redaction.redaction import Redaction
    from shim.recording.sinks import SinkTarget

# Tokens of an answer whose request sets no bound, until its usage is known: four times a usual one.
_UNSAID_OUTPUT_TOKENS = 2_000

_FEWEST_PAIRS = 30
"""Below so many, a difference is the luck of a few answers."""


class _Limits(Struct, frozen=True, kw_only=True):
    """Which requests are taken."""

    sample: float
    allow_stateful: bool
    allow_server_tools: bool
    max_characters: int


class _Process:
    """The shadow in one process."""

    def __init__(self, state: ShadowState, telling: ShadowTelling, *, thread: ShadowThread) -> None:
        self.state = state
        self.telling = telling
        self.thread = thread


class ShadowComparison:
    """Asks a sample a second time and compares by derived fields and their distributions. Use it from any thread.

    After a fork the child asks with a thread, a budget and counters of its own.

    Args:
        candidate: makes the candidate's provider, on the shadow's thread: `lambda: create_provider("native")`. It must not retry.
        budget: what may be spent in each process.
        own_key: the key of the shadow's calls, or a function that gives it, sent with each of them; True where the providers made
            have one of their own. The control's limits and bill are then not touched.
        allow_shared_key: let the calls use the control's key, and its limits.
        sample: the share of requests that are asked again, 0 to 1.
        baseline: makes a provider of the control's kind, which is asked too: its differences from the control are the noise
            that the candidate's have to exceed. Doubles the cost.
        deadline: seconds for one call, by the shadow's own clock; it is cancelled then, and never made again.
        allow_stateful: take requests that read or write what the server keeps, too.
        allow_server_tools: take requests with tools that the server runs, too; each is run, and paid for, a second time.
        record_to: where the candidate's exchanges go, with role "candidate" and the control's pair id: a path of a JSON Lines
            file, a `RotatingFile`, or a function. None records nothing.
        redaction: what is taken out of them first; None is `Redaction()`.
        on_pair: gets each `ShadowPair`, on the shadow's thread, in a copy of the context of its request.
        on_error: gets what was raised, on the thread where it was.
        max_queue, max_waiting_characters: how many requests, and characters of them, wait at a time; more are dropped.
        max_characters: a longer request is skipped.
        max_wait: seconds after which a request that waits is let go: later it would meet another hour's load.
        max_pairs: the latest so many pairs are kept for the report.
        max_share: of the time at which the thread is at work at most; calls under way while it rests tell no times.
        logger: None is "shim.comparison.shadow".

    Raises:
        ValueError: a setting is out of its range, or nothing was said of the key; the message names it.
        TypeError: something is of the wrong kind.
        OSError: the file cannot be written.
    """

    def __init__(
        self,
        candidate: Callable[[], Provider],
        *,
        budget: ShadowBudget,
        own_key: ApiKey | bool | None = None,
        allow_shared_key: bool = False,
        sample: float = 0.01,
        baseline: Callable[[], Provider] | None = None,
        deadline: float = 120.0,
        allow_stateful: bool = False,
        allow_server_tools: bool = False,
        record_to: SinkTarget | None = None,
        redaction: Redaction | None = None,
        on_pair: OnPair | None = None,
        on_error: OnShadowError | None = None,
        max_queue: int = 100,
        max_waiting_characters: int = 16_000_000,
        max_characters: int = 1_000_000,
        max_wait: float = 30.0,
        max_pairs: int = 10_000,
        max_share: float = 0.25,
        logger: logging.Logger | None = None,
    ) -> None:
        check_callables(candidate=candidate, baseline=baseline, on_pair=on_pair, on_error=on_error)
        check_numbers(max_queue=max_queue, max_waiting_characters=max_waiting_characters)
        check_numbers(max_characters=max_characters, max_pairs=max_pairs)
        check_over_zero(deadline=deadline, max_wait=max_wait, max_share=max_share)
        check_share(sample=sample, max_share=max_share)
        if not isinstance(budget, ShadowBudget):
            raise TypeError(f"budget is of type {type(budget).__name__}; give a ShadowBudget")
        self._options = options_of(own_key, allow_shared_key=allow_shared_key)
        self._own_key = own_key not in (None, False)
        self._limits = _Limits(
            sample=sample,
            allow_stateful=allow_stateful,
            allow_server_tools=allow_server_tools,
            max_characters=max_characters,
        )
        self._queue = QueueSettings(
            budget=budget, max_queue=max_queue, max_size=max_waiting_characters, max_wait=max_wait, max_pairs=max_pairs
        )
        self._makers: dict[Arm, Callable[[], Provider] | None] = {"candidate": candidate, "baseline": baseline}
        self._deadline = deadline
        self._max_share = max_share
        self._redaction = redaction
        self._tells = ShadowTellingSettings(on_pair=on_pair, on_error=on_error, logger=logger or LOGGER)
        self._sink = None if record_to is None else _sink(record_to, on_error=self._note_recording)
        self._prefix, self._numbers = uuid.uuid4().hex[:16], itertools.count(1)
        self._processes: dict[int, _Process] = {}  # its own, and those of the processes it was forked from

    def wants(self, request: ModelRequest, *, share: float | None = None) -> bool:
        """Whether to hand a request over once its control has ended; never waits, never raises.

        Args:
            request: as it was given to the control.
            share: the share of requests in the sample, 0 to 1, in the place of `sample`: a rollout's `shadow_percent` / 100.
        """
        wanted = self._limits.sample if share is None else share
        if not random.random() < wanted:  # noqa: S311 - chooses what to compare, guards nothing; no number is no share
            return False
        try:
            return self._may_be_asked_again(request)
        except Exception as error:  # noqa: BLE001 - the caller is production
            self._fault("wants", error)
            return False

    def submit(
        self,
        request: ModelRequest,
        *,
        streamed: bool,
        control: Completion,
        context: Context | None = None,
        pair_id: str | None = None,
    ) -> None:
        """Take a request to ask it again, or drop and count it; never waits, never raises. Not sampled here: see `wants`.

        Args:
            request: as it was given to the control.
            streamed: whether the control was asked for a stream; the candidate is asked alike.
            control: how the control's call ended.
            context: what `on_pair` runs in a copy of; None is the caller's.
            pair_id: of the control's record; None takes the request's `X-Shim-Pair-Id`, or makes one up.
        """
        try:
            process = self._process()
            kind = "cancelled" if ended_by_caller(control) else self._why_not(request)
            size = size_of_request(request)
            if kind is None and size > self._limits.max_characters:
                kind = "too_large"
            if kind is not None:
                process.state.skip(kind)
                return
            item = ShadowItem(
                request=request,
                streamed=streamed,
                control=control if control.ok else observed(control, request, streamed=streamed),
                context=copy_context() if context is None else context,
                pair_id=pair_id or self._pair_id(request),
                size=size + _size_of_answer(control),
                tokens=estimated_tokens(request, size=size, unsaid_output=_UNSAID_OUTPUT_TOKENS),
                taken_at=time.monotonic(),
            )
            process.state.put(item, begin=process.thread.begin)
        except Exception as error:  # noqa: BLE001 - the caller is production
            self._fault("submit", error)

    @property
    def stopped(self) -> Stopped | None:
        """Why no more calls are made in this process, None where they are: a limit was met, or the candidate broke too often."""
        return self._process().state.stopped

    def resume(self, reason: str) -> None:
        """Make calls again after a stop.

        Args:
            reason: what was found and done; it is logged.

        Raises:
            ValueError: the reason is empty.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError("reason is empty; say what was found and done, it is logged")
        process = self._process()
        process.thread.renew()
        process.state.resume()
        process.telling.resumed(reason)

    @property
    def counts(self) -> ShadowCounts:
        """What became of the sampled requests of this process so far."""
        return self._process().state.counts

    @property
    def pairs(self) -> tuple[ShadowPair, ...]:
        """The latest pairs of this process, oldest first."""
        return self._process().state.pairs

    def report(self, *, confidence: float = 0.95, minimum_pairs: int = _FEWEST_PAIRS) -> ShadowReport:
        """What the latest pairs of this process say; see `shadow_report.report_of`."""
        process = self._process()
        return report_of(
            process.state.pairs,
            counts=process.state.counts,
            stopped=process.state.stopped,
            confidence=confidence,
            minimum_pairs=minimum_pairs,
        )

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until nothing waits and nothing is under way; False where that was not within `timeout` seconds."""
        return self._process().state.wait(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Take no more, drop what waits, let what is under way end for at most `timeout` seconds, and close the providers.

        Returns:
            False where a provider does not return; its thread ends with the program. True otherwise. Call it again at any time.
        """
        process = self._process()
        process.state.close()
        ended = process.thread.close(timeout)
        if self._sink is not None:
            self._sink.close()
        return ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        counts, stopped = self.counts, self.stopped
        state = f"{counts.compared} compared, {counts.waiting + counts.running} waiting"
        return f"<ShadowComparison: {state}{'' if stopped is None else ', stopped'}>"

    def _may_be_asked_again(self, request: ModelRequest) -> bool:
        process = self._process()
        if process.state.stopped is not None or process.state.closed or process.thread.is_hung:
            return False
        kind = self._why_not(request)
        if kind is not None:
            process.state.skip(kind)
        return kind is None

    def _why_not(self, request: ModelRequest) -> str | None:
        limits = self._limits
        return why_not(request, allow_stateful=limits.allow_stateful, allow_server_tools=limits.allow_server_tools)

    def _pair_id(self, request: ModelRequest) -> str:
        given = (value for name, value in request.extra_headers.items() if name.lower() == PAIR_HEADER.lower())
        return next(given, None) or f"{self._prefix}-{os.getpid()}-{next(self._numbers)}"

    def _process(self) -> _Process:
        pid = os.getpid()
        process = self._processes.get(pid)
        if process is None:
            for inherited in list(self._processes.values()):
                inherited.thread.abandon()
            process = self._processes.setdefault(pid, self._new_process())  # one step: another thread may be here too
        return process

    def _new_process(self) -> _Process:
        state = ShadowState(self._queue)
        telling = ShadowTelling(self._tells, count_fault=state.count_fault)
        thread = ShadowThread(
            state,
            telling=telling,
            make_callers=lambda: self._callers(telling),
            max_share=self._max_share,
            own_key=self._own_key,
        )
        return _Process(state, telling, thread=thread)

    def _callers(self, telling: ShadowTelling) -> Mapping[Arm, ShadowCaller]:
        """The callers of both arms; called on the shadow's thread."""
        callers: dict[Arm, ShadowCaller] = {}
        for arm, make in self._makers.items():
            if make is not None:
                recording = None
                if arm == "candidate" and self._sink is not None:
                    recording = CallRecording(self._sink, redaction=self._redaction, on_error=self._note_recording)
                callers[arm] = ShadowCaller(
                    make,
                    deadline=self._deadline,
                    options=self._options,
                    recording=recording,
                    note_fault=lambda place, error, arm=arm: telling.fault(f"{arm}.{place}", error),  # type: ignore[misc]  # mypy cannot infer a lambda's default
                )
        return callers

    def _note_recording(self, error: Exception) -> None:
        self._fault("record", error)

    def _fault(self, place: str, error: Exception) -> None:
        self._process().telling.fault(place, error)


def _sink(record_to: SinkTarget, *, on_error: Callable[[Exception], object]) -> Any:
    from shim.recording.sinks import sink_of

    return sink_of(record_to, on_error=on_error)


def _size_of_answer(control: Completion) -> int:
    """What the control's answer keeps in memory while it waits."""
    response = control.response
    if response is None:
        return 0
    return len(response.raw) if response.raw is not None else len(response.text) + len(response.reasoning_text)
