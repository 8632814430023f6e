"""Properties of providers as machines: whatever callers do, and in whatever order, each request ends once.

Not the contract's own cases (`shim.testing.contract`), each of which is one way through: here hypothesis draws the way, over the
legacy and the native provider, scripts, a migrating provider and one under all layers.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from shim.layers import DeadlineLayer, RetryLayer, RetryPolicy, TelemetryLayer
from shim.legacy_adapter import LegacyProvider
from shim.migration import MigratingProvider, Policy, Rollout, Stage
from shim.model import ErrorCategory, ModelRequest, StreamDone, StreamError, StreamEvent, StreamStart, user
from shim.native import NativeProvider
from shim.provider import Completion, Deadlines, Provider, ProviderClosedError, RequestHandle
from shim.testing.fake_openai import FakeOpenAI
from shim.testing.scripted import Play, ScriptedProvider, answer, failure, hang, text_stream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PATIENCE_SECONDS = 10.0
KEY = "sk-test-key"
SCRIPTS: tuple[Play, ...] = (
    text_stream("Hello", " there", " you"),
    answer("Hello", after_ms=2),
    failure(ErrorCategory.NETWORK, "connection refused"),
    hang(),
)
_numbers = itertools.count()


class WantedError(Exception):
    """What a callback raises on purpose."""


def scripted() -> Provider:
    """Plays one script after another; each fourth request is never answered, so it is cancelled or closed."""
    plays = itertools.cycle(SCRIPTS)
    return ScriptedProvider(lambda _request: next(plays), remember=0)


def layered(url: str) -> Provider:
    """The native provider under all layers, stacked as the factory does."""
    limits = Deadlines(connect=20, read=50, first_event=40, between_events=40, total=60)
    inner = DeadlineLayer(NativeProvider(api_key=KEY, base_url=url), limits)
    return TelemetryLayer(RetryLayer(inner, RetryPolicy(first_backoff=0.01, budget=None)))


def migrating(url: str) -> Provider:
    """Half of the requests on either arm."""
    arms = LegacyProvider(api_key=KEY, base_url=url), NativeProvider(api_key=KEY, base_url=url)
    return MigratingProvider(*arms, Rollout(Policy(stage=Stage.RAMP, percent=50)))


MAKERS: dict[str, Callable[[str], Provider]] = {
    "legacy": lambda url: LegacyProvider(api_key=KEY, base_url=url),
    "native": lambda url: NativeProvider(api_key=KEY, base_url=url),
    "scripted": lambda _url: scripted(),
    "migrating": migrating,
    "layered": layered,
}


class Asked:
    """One request, and what its callbacks have heard and are to do."""

    def __init__(self, machine: ProviderMachine, *, in_event: str, in_completion: str, at: int) -> None:
        self.machine = machine
        self.handle: RequestHandle | None = None
        self.events: list[StreamEvent] = []
        self.completions: list[Completion] = []
        self.left_by_caller = False
        self._in_event, self._in_completion, self._at = in_event, in_completion, at

    def on_event(self, event: StreamEvent) -> None:
        """Take an event, and do what is to be done in it."""
        assert self.machine.phases[-1:] == ["perform"], "an event came from outside perform()"
        assert not self.completions, "an event came after the completion"
        assert not self.left_by_caller, "an event came after the caller had ended the stream"
        self.events.append(event)
        if len(self.events) == self._at:
            self._act(self._in_event)

    def on_completion(self, completion: Completion) -> None:
        """Take the completion, and do what is to be done in it."""
        assert self.machine.phases[-1:] in (["info_read"], ["close"]), "a completion came from somewhere else"
        self.completions.append(completion)
        self._act(self._in_completion)

    def _act(self, what: str) -> None:
        machine = self.machine
        if what == "raise":
            self.left_by_caller = True
            raise WantedError
        if what == "cancel":
            self.left_by_caller = True
            machine.provider.cancel(self.handle)
        elif what == "cancel others":
            machine.cancel_all()
        elif what == "ask" and not machine.closed:
            machine.ask(stream=True, in_event="nothing", in_completion="nothing", at=1)
        elif what == "close":
            machine.close_it()
        elif what == "re-enter" and machine.phases[-1] == "perform":
            with pytest.raises(RuntimeError):
                machine.provider.perform()


class ProviderMachine(RuleBasedStateMachine):
    """A provider in the hands of a caller who may do anything; `make` is given by the test."""

    make: Callable[[], Provider]

    def __init__(self) -> None:
        super().__init__()
        self.provider = type(self).make()
        self.phases: list[str] = []
        self.asked: list[Asked] = []
        self.closed = False

    def ask(self, *, stream: bool, in_event: str, in_completion: str, at: int) -> None:
        """Start a request."""
        asked = Asked(self, in_event=in_event, in_completion=in_completion, at=at)
        request = ModelRequest("gpt-4o-mini", (user("Count to 4"),), conversation_id=f"c{next(_numbers)}")
        if stream:
            asked.handle = self.provider.start_stream(request, asked.on_event, asked.on_completion)
        else:
            asked.handle = self.provider.start_request(request, asked.on_completion)
        self.asked.append(asked)

    def cancel_all(self) -> None:
        """Cancel whatever is open."""
        for each in self.asked:
            each.left_by_caller = each.left_by_caller or not self._has_ended(each)
        self.provider.cancel()

    def close_it(self) -> None:
        """Close the provider; from inside a callback, too."""
        self.closed = True
        for each in self.asked:
            each.left_by_caller = True
        with self._phase("close"):
            self.provider.close()

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self.phases.append(name)
        try:
            yield
        except WantedError:
            if len(self.phases) > 1:  # in a callback: it leaves that too
                raise
        finally:
            self.phases.pop()

    @staticmethod
    def _has_ended(asked: Asked) -> bool:
        return bool(asked.events) and isinstance(asked.events[-1], StreamDone | StreamError)

    # No rule has a precondition: what callbacks have done by then depends on time, and hypothesis must draw the same again.

    @rule(
        stream=st.booleans(),
        in_event=st.sampled_from(("nothing", "raise", "cancel", "cancel others", "ask", "close", "re-enter")),
        in_completion=st.sampled_from(("nothing", "nothing", "raise", "ask", "close", "cancel others")),
        at=st.integers(1, 5),
    )
    def start(self, *, stream: bool, in_event: str, in_completion: str, at: int) -> None:
        """Ask, with callbacks that will do something."""
        if not self.closed and len(self.asked) < 12:
            self.ask(stream=stream, in_event=in_event, in_completion=in_completion, at=at)

    @rule(place=st.integers(0, 11))
    def cancel_one(self, place: int) -> None:
        """Cancel any request there ever was."""
        if self.asked:
            asked = self.asked[place % len(self.asked)]
            asked.left_by_caller = True
            self.provider.cancel(asked.handle)

    @rule()
    def cancel(self) -> None:
        """Cancel all."""
        self.cancel_all()

    @rule(turns=st.integers(1, 4))
    def drive(self, turns: int) -> None:
        """Take some turns of a loop."""
        for _ in range(turns):
            self._turn(0.01)

    @rule()
    def close(self) -> None:
        """Close it, perhaps again."""
        self.close_it()

    @rule()
    def use_when_closed(self) -> None:
        """A closed provider refuses what would begin something, and ends a loop quietly."""
        if not self.closed:
            return
        assert (self.provider.perform(), self.provider.info_read(), self.provider.timeout()) == (0, 0, -1)
        for act in (self.provider.fileno, self.provider.fdset):
            with pytest.raises(ProviderClosedError):
                act()
        with pytest.raises(ProviderClosedError):
            self.ask(stream=True, in_event="nothing", in_completion="nothing", at=1)

    @invariant()
    def each_has_at_most_one_completion(self) -> None:
        """No request is told twice, and a stream has one start, first, and one end, last."""
        for each in self.asked:
            assert len(each.completions) <= 1
            assert not any(isinstance(event, StreamStart) for event in each.events[1:])
            assert not any(isinstance(event, StreamDone | StreamError) for event in each.events[:-1])
            assert len(each.completions) == 1 or not self.closed or bool(self.phases)

    def _turn(self, longest: float) -> None:
        if not self.closed:
            milliseconds = self.provider.timeout()
            wait = longest if milliseconds < 0 else min(longest, milliseconds / 1000)
            select.select(*self.provider.fdset(), wait)
        with self._phase("perform"):
            self.provider.perform()
        with self._phase("info_read"):
            self.provider.info_read()

    def teardown(self) -> None:
        """Cancel what is never answered, drive the rest to its end, and close: each request then has its one completion."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while not self.closed and any(not each.completions for each in self.asked):
            if self.provider.name == "scripted":
                self.cancel_all()  # in each turn: a completion may ask anew
            assert time.monotonic() < limit, "a request is never completed"
            self._turn(0.05)
        self.close_it()
        for each in self.asked:
            assert len(each.completions) == 1
            ended = each.completions[0].response
            if ended is not None and each.events:
                last: Any = each.events[-1]
                assert isinstance(last, StreamDone)
                assert last.response.text == ended.text


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A fake API on this machine."""
    with FakeOpenAI() as server:
        yield server.base_url


@pytest.mark.parametrize("kind", MAKERS)
def test_whatever_callers_do_each_request_ends_once(url: str, kind: str) -> None:
    """Started, cancelled, raised in, re-entered and closed in any order, a provider keeps its invariants and loses nothing."""

    class Machine(ProviderMachine):
        make = staticmethod(lambda: MAKERS[kind](url))

    examples = settings(max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=examples)
