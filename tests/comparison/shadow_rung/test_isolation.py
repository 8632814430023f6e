"""Tests that the control notices nothing of a shadow, whatever its candidate does: hang, flood, raise, leak."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from shim.comparison.shadow_rung import shadow_calls, shadow_thread
from shim.comparison.shadow_rung.budget import ShadowBudget
from shim.comparison.shadow_rung.shadow_comparison import ShadowComparison
from shim.loops import select_loop
from shim.model import ErrorCategory, Message, MissingCredentialsError, ModelRequest, StreamEvent
from shim.provider import Completion, Provider
from shim.testing.scripted import Play, ScriptedProvider, failure, text_stream
from tests.comparison.live_parts import eventually
from tests.comparison.shadow_rung.parts import REQUEST, completed
from tests.comparison.shadow_rung.troublesome import (
    RELEASE,
    TROUBLES,
    Blocking,
    ClosesItself,
    Deaf,
    Flooding,
    raising,
    well_behaved,
)

ROOT = Path(__file__).parents[3]
BUDGET = ShadowBudget(calls_per_minute=1000, tokens_per_minute=10**7, concurrency=3)
PLAYS = [
    text_stream("Hel", "lo."),
    failure(ErrorCategory.SERVER, "down", http_status=500),
    text_stream("", "x"),
    text_stream("y"),
]


@pytest.fixture(autouse=True)
def _bounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shorter patience, and a release of whatever still blocks at the end."""
    RELEASE.clear()
    monkeypatch.setattr(shadow_calls, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(shadow_calls, "MOST_CHARACTERS", 100_000)
    monkeypatch.setattr(shadow_calls, "_FIRST_PAUSE", 0.001)
    yield
    RELEASE.set()
    eventually(lambda: not any(each.name == "shim-shadow" for each in threading.enumerate()))


def shadow_of(candidate: Callable[[], Provider], **settings: object) -> ShadowComparison:
    """A shadow of every request, with little patience."""
    defaults: dict[str, object] = {"budget": BUDGET, "own_key": True, "sample": 1, "deadline": 0.1, "max_share": 1}
    return ShadowComparison(candidate, **(defaults | settings))  # type: ignore[arg-type]  # settings of any kind


def check_sum(shadow: ShadowComparison) -> None:
    """Nothing sampled is unaccounted for."""
    counts = shadow.counts
    told = counts.waiting + counts.running + counts.compared + counts.dropped
    assert counts.sampled == told + sum(counts.skipped.values()) + sum(counts.refused.values()), counts


class Control:
    """Serves requests by a control, one after the other; notes all that its caller is told."""

    def __init__(self, plays: list[Play]) -> None:
        self.told: list[object] = []
        self._provider = ScriptedProvider(plays)

    def serve(self, request: ModelRequest, shadow: ShadowComparison | None) -> None:
        """Serve one, and hand it over where it is wanted."""
        wanted = shadow is not None and shadow.wants(request)

        def on_event(event: StreamEvent) -> None:
            self.told.append(type(event).__name__)

        def on_completion(completion: Completion) -> None:
            self.told.append((completion.response, str(completion.error)))
            if shadow is not None and wanted:
                shadow.submit(request, streamed=True, control=completion)

        self._provider.start_stream(request, on_event, on_completion)
        select_loop.run(self._provider)

    def close(self) -> None:
        """Close it."""
        self._provider.close()


def served(shadow: ShadowComparison | None) -> list[object]:
    """What the caller of a control is told over its plays."""
    control = Control(list(PLAYS))
    for _ in PLAYS:
        control.serve(REQUEST, shadow)
    control.close()
    return control.told


@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_a_candidate_does_the_control_is_the_same(trouble: str) -> None:
    """Events, answers and errors of the control are those it has without a shadow, nothing waits, and all is accounted for."""
    without = served(None)
    shadow = shadow_of(TROUBLES[trouble])
    began = time.monotonic()
    assert served(shadow) == without
    assert time.monotonic() - began < 2
    if trouble not in ("blocks", "floods"):
        assert shadow.flush(10), shadow.counts
        assert shadow.counts.compared + sum(shadow.counts.refused.values()) == len(PLAYS)
        assert shadow.close()
    check_sum(shadow)
    RELEASE.set()
    eventually(shadow.close)
    check_sum(shadow)


@pytest.mark.parametrize("trouble", [name for name in TROUBLES if "raises" in name and "cancel" not in name])
def test_what_is_raised_is_counted_where_it_was(trouble: str) -> None:
    """Each fault is counted under its place, told to `on_error`, and its calls end as broken where it broke them."""
    method, _, kind = trouble.split(" ")[:3]
    place = {"start_stream": "start"}.get(method, method)
    told: list[BaseException] = []
    with shadow_of(TROUBLES[trouble], on_error=told.append) as shadow:
        shadow.submit(REQUEST, streamed=True, control=completed())
        assert shadow.flush(10)
        pairs = shadow.pairs
        eventually(lambda: method == "close" or f"candidate.{place}" in shadow.counts.faults)
    assert shadow.counts.faults[f"candidate.{place}"] >= 1
    assert type(told[0]).__name__ == kind
    answered = method in ("close", "fileno", "timeout")  # asked for after the first turn, which answers
    assert [pair.candidate.ending for pair in pairs] == ["answered" if answered else "broken"]


def test_a_candidate_that_never_answers_ends_at_its_deadline() -> None:
    """The call is cancelled by the shadow's own clock, counts as such, and its place is free for the next."""
    with shadow_of(TROUBLES["never answers"]) as shadow:
        for _ in range(7):
            shadow.submit(REQUEST, streamed=True, control=completed())
        assert shadow.flush(10)
        assert [pair.candidate.ending for pair in shadow.pairs] == ["deadline"] * 7
        assert shadow.counts.faults == {}


@pytest.mark.slow
def test_a_candidate_that_hangs_costs_no_memory() -> None:
    """While it does not return the queue fills to its bound and the rest is dropped; once noticed, nothing is handed over."""
    with shadow_of(Blocking, max_queue=5) as shadow:
        for _ in range(50):
            shadow.submit(REQUEST, streamed=True, control=completed())
        eventually(lambda: shadow.counts.running > 0)
        assert shadow.counts.waiting <= 5
        assert shadow.counts.dropped >= 50 - 5 - BUDGET.concurrency
        assert shadow.wants(REQUEST)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shadow_thread, "HUNG_SECONDS", 0.0)
            eventually(lambda: not shadow.wants(REQUEST))
        assert not shadow.close(timeout=0.1)
        RELEASE.set()
        eventually(shadow.close)
        check_sum(shadow)


def test_a_candidate_that_closes_itself_is_replaced() -> None:
    """A closed provider is made anew, and the next request is answered by the new one."""
    made: list[ClosesItself] = []

    def make() -> Provider:
        made.append(ClosesItself())
        return made[-1]

    with shadow_of(make) as shadow:
        for number in range(1, 4):
            shadow.submit(REQUEST, streamed=True, control=completed())
            assert shadow.flush(10)
            eventually(lambda number=number: shadow.counts.faults.get("candidate.fileno", 0) == number)  # type: ignore[misc]  # bound now
        assert [pair.candidate.ending for pair in shadow.pairs] == ["answered"] * 3
    assert len(made) == 3


def test_a_candidate_without_a_key_is_given_up() -> None:
    """That no call can be made for want of a key is a fault, and the shadow stops after a few and says so."""
    without = raising("start_stream", MissingCredentialsError("no key"))
    with shadow_of(without) as shadow:
        for _ in range(10):
            shadow.submit(REQUEST, streamed=True, control=completed())
            assert shadow.flush(10)
        eventually(lambda: shadow.stopped is not None)
        assert shadow.counts.faults == {"candidate.start": shadow_calls.MOST_FAILURES}
        assert (shadow.counts.calls, shadow.counts.tokens) == (0, 0)
        shadow.resume("the key is there now")
        shadow.submit(REQUEST, streamed=True, control=completed())
        assert shadow.flush(10)
        assert shadow.counts.compared == shadow_calls.MOST_FAILURES + 1


@pytest.mark.slow
def test_a_flood_is_ended_and_slowed() -> None:
    """What sends without end is ended at the bound, and then has to wait for each further event."""
    made: list[Flooding] = []

    def make() -> Provider:
        made.append(Flooding())
        return made[0]

    with shadow_of(make) as shadow:
        shadow.submit(REQUEST, streamed=True, control=completed())
        eventually(lambda: bool(made) and made[0].sent > 102)
        sent, began, cpu = made[0].sent, time.monotonic(), time.process_time()
        eventually(lambda: time.monotonic() - began > 0.5)
        assert made[0].sent - sent <= 12  # 20 a second
        assert time.process_time() - cpu < 0.4
        RELEASE.set()
        assert shadow.flush(10)
        assert [pair.candidate.ending for pair in shadow.pairs] == ["flood"]


@pytest.mark.slow
def test_what_a_candidate_keeps_is_little() -> None:
    """A provider that keeps every callback keeps neither the control's answer nor the pair, and is replaced and then given up."""
    made: list[Deaf] = []

    def make() -> Provider:
        made.append(Deaf())
        return made[-1]

    with shadow_of(make) as shadow:
        for _ in range(40):
            shadow.submit(REQUEST, streamed=True, control=completed())
        assert shadow.flush(15), shadow.counts
        assert shadow.stopped is not None
        assert "broke again and again" in shadow.stopped.reason
        assert len(made) <= shadow_calls.MOST_FAILURES
        assert sum(len(each.kept) for each in made) <= shadow_calls.MOST_FAILURES * BUDGET.concurrency
        for _request, on_event, _on_completion, _ballast in (kept for each in made for kept in each.kept):
            assert on_event.__self__.on_end is None  # a bound method of the ended call
        check_sum(shadow)


@pytest.mark.slow
def test_a_spinning_candidate_leaves_the_time_to_others() -> None:
    """A provider that always wants its turn gets a share of the time and no more."""
    provider_turns = 0

    class Spinning(Flooding):
        def perform(self) -> int:
            nonlocal provider_turns
            provider_turns += 1
            until = time.monotonic() + 0.002
            while time.monotonic() < until:
                pass
            return 1

    with shadow_of(Spinning, max_share=0.1, deadline=2) as shadow:
        shadow.submit(REQUEST, streamed=True, control=completed())
        eventually(lambda: shadow.counts.rests > 3)
        turns, began = provider_turns, time.monotonic()
        eventually(lambda: time.monotonic() - began > 0.6)
        assert provider_turns - turns < 150  # a tenth of the time, where it would take 300
        assert shadow.flush(10)
        assert [(pair.candidate.ending, pair.candidate.rested) for pair in shadow.pairs] == [("deadline", True)]


def test_handing_over_never_raises() -> None:
    """Whatever is handed over, production goes on: a fault is counted and no more."""
    with shadow_of(well_behaved) as shadow:
        spoilt: list[Any] = [None, 7, ModelRequest("m", [cast("Message", None)])]
        for request in spoilt:
            assert shadow.wants(request) in {True, False}
            shadow.submit(request, streamed=True, control=completed())
        shadow.submit(REQUEST, streamed=True, control=cast("Completion", None))
        assert shadow.flush(10)
        assert set(shadow.counts.faults) <= {"wants", "submit", "observe", "candidate.start"}
        assert shadow.counts.faults["submit"] >= 3


def test_without_threads_everything_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread, requests are dropped and counted."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with shadow_of(well_behaved) as shadow:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            shadow.submit(REQUEST, streamed=True, control=completed())
        assert shadow.counts.dropped == 1
        shadow.submit(REQUEST, streamed=True, control=completed())
        assert shadow.flush(10)
        assert shadow.counts.compared == 1


PROGRAM = """
import time
from shim.comparison import ShadowBudget, ShadowComparison
from tests.comparison.shadow_rung.parts import REQUEST, completed
from tests.comparison.shadow_rung.troublesome import TROUBLES
shadow = ShadowComparison(TROUBLES[{trouble!r}], budget=ShadowBudget(), own_key=True, sample=1)
shadow.submit(REQUEST, streamed=True, control=completed())
deadline = time.monotonic() + 10
while not shadow.counts.running and time.monotonic() < deadline:
    time.sleep(0.01)
print("done", shadow.counts.running)
"""


@pytest.mark.parametrize("trouble", ["blocks", "never answers", "floods"])
def test_a_program_ends_whatever_its_candidate_does(trouble: str) -> None:
    """A candidate that does not return does not keep the program from ending, closed or not."""
    ran = subprocess.run(  # noqa: S603 - our own interpreter on the text above
        [sys.executable, "-c", PROGRAM.format(trouble=trouble)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "done 1"), ran.stderr
