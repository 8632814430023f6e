"""Made-up traffic for `bench.guard_simulation`: what conversations ask, in which arm, and what goes wrong.

Not the guard, which judges it as it would a service's, nor the running and counting (`guard_simulation`). The figures of a
scenario are in its fields; all chance comes from one seeded generator, so a run can be repeated.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from shim.migration.bad_events import ERROR, SLOW
from shim.migration.decision import Decision
from shim.migration.policy import Stage
from shim.migration.slowness import Slowness

# Spread of the latencies: the 95th of 100 takes 2.3 times as long as the median one.
_SIGMA = 0.5


@dataclass(frozen=True)
class Leg:
    """A part of a run with one told share; a new leg is a new step unless it has the name of the one before."""

    start: int
    share: float
    step: str


@dataclass(frozen=True)
class Scenario:
    """Traffic of one kind.

    Attributes:
        name, group: what it is called; "false rollbacks" where the arms do not differ, "detection" where the candidate is worse.
        legs: told shares, in order.
        real_share: the share that units are really given with; None for the told one.
        length, open_at_once: requests of a conversation, and conversations that take turns.
        base, base_at_end: error rate of a request in the control, as it moves evenly from the one to the other.
        times: how many times the control's error rate the candidate has, from request `worse_from` on.
        spread: parameter a of the beta distribution that each conversation's error rate is drawn from; None for the same in all.
        outage: first and last request, and the error rate of both arms meanwhile.
        without_unit, their_rate: the part of requests whose conversation is not named (control serves them), their error rate.
        slower: how many times the control's time the candidate takes; None where times are not looked at.
        aim: requests that the median detection may take; None where no aim is set.
    """

    name: str
    group: str
    legs: tuple[Leg, ...]
    real_share: float | None = None
    length: int = 1
    open_at_once: int = 1
    base: float = 0.01
    base_at_end: float | None = None
    times: float = 1.0
    worse_from: int = 0
    spread: float | None = None
    outage: tuple[int, int, float] | None = None
    without_unit: float = 0.0
    their_rate: float = 0.0
    slower: float | None = None
    aim: int | None = None


class _Conversation:
    __slots__ = ("decision", "left", "position", "rate", "unit")

    def __init__(self, unit: str, *, position: float, rate: float | None, left: int) -> None:
        self.unit = unit
        self.position = position  # where it lies between 0 and 1: below the share it is the candidate's
        self.rate = rate
        self.left = left
        self.decision: Decision | None = None  # its last one


class Traffic:
    """The requests of one run of a scenario."""

    def __init__(self, scenario: Scenario, *, seed: str, requests: int) -> None:
        self._scenario = scenario
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrets
        self._requests = requests
        self._slowness = Slowness()
        self._units = 0
        self._open = [self._conversation(first=True) for _ in range(scenario.open_at_once)]

    def __iter__(self) -> Iterator[tuple[Decision, tuple[str, ...]]]:
        """Each request as its decision and its kinds of bad event."""
        legs = self._scenario.legs
        current = 0
        for number in range(self._requests):
            while current + 1 < len(legs) and number >= legs[current + 1].start:
                current += 1
            yield self._request(number, legs[current])

    def _request(self, number: int, leg: Leg) -> tuple[Decision, tuple[str, ...]]:
        scenario = self._scenario
        if scenario.without_unit and self._random.random() < scenario.without_unit:
            return _decision(None, leg, in_candidate=False), self._failed(scenario.their_rate)
        conversation = self._next()
        share = leg.share if scenario.real_share is None else scenario.real_share
        in_candidate = conversation.position < share
        decision = conversation.decision
        if decision is None or decision.step != leg.step:
            decision = conversation.decision = _decision(conversation.unit, leg, in_candidate=in_candidate)
        if scenario.slower is not None:
            return decision, self._slow(scenario.slower if in_candidate else 1.0, in_candidate=in_candidate)
        return decision, self._failed(self._rate(number, conversation, in_candidate=in_candidate))

    def _next(self) -> _Conversation:
        place = self._random.randrange(len(self._open)) if len(self._open) > 1 else 0
        conversation = self._open[place]
        conversation.left -= 1
        if conversation.left == 0:
            self._open[place] = self._conversation(first=False)
        return conversation

    def _conversation(self, *, first: bool) -> _Conversation:
        scenario = self._scenario
        self._units += 1
        # At the start of a run conversations are in the middle of their course.
        several = first and scenario.open_at_once > 1
        left = self._random.randint(1, scenario.length) if several else scenario.length
        spread = scenario.spread
        rate = (
            None if spread is None else self._random.betavariate(spread, spread * (1 - scenario.base) / scenario.base)
        )
        return _Conversation(f"conversation-{self._units}", position=self._random.random(), rate=rate, left=left)

    def _rate(self, number: int, conversation: _Conversation, *, in_candidate: bool) -> float:
        scenario = self._scenario
        if scenario.outage is not None and scenario.outage[0] <= number < scenario.outage[1]:
            return scenario.outage[2]
        rate = scenario.base if conversation.rate is None else conversation.rate
        if scenario.base_at_end is not None:
            rate += (scenario.base_at_end - scenario.base) * number / self._requests
        return rate * scenario.times if in_candidate and number >= scenario.worse_from else rate

    def _failed(self, rate: float) -> tuple[str, ...]:
        return (ERROR,) if self._random.random() < rate else ()

    def _slow(self, times: float, *, in_candidate: bool) -> tuple[str, ...]:
        limit = self._slowness.slow_after.whole
        seconds = times * math.exp(self._random.gauss(0.0, _SIGMA))
        if not in_candidate:
            self._slowness.add(seconds, streamed=False)
        return (SLOW,) if limit is not None and seconds > limit else ()


def _decision(unit: str | None, leg: Leg, *, in_candidate: bool) -> Decision:
    return Decision(
        unit=unit,
        arm="candidate" if in_candidate else "control",
        stage=Stage.RAMP,
        percent=leg.share * 100,
        share=leg.share,
        bucket=None,
        reason="bucket",
        step=leg.step,
    )


def scenarios(requests: int) -> list[Scenario]:
    """All scenarios, for runs of so many requests."""
    return [*_alike(requests), *_told_wrong(), *_worse(), *_after_clean(requests)]


NULL = "false rollbacks"
DETECTION = "detection"


def _at(share: float) -> tuple[Leg, ...]:
    return (Leg(0, share, f"ramp@{share * 100:g}"),)


def _alike(requests: int) -> Iterator[Scenario]:
    for share in (0.05, 0.5):
        yield Scenario(f"A/A at 1 %, {share:.0%} share", NULL, _at(share))
    yield Scenario("A/A at 1 %, conversations of ten, 5% share", NULL, _at(0.05), length=10, open_at_once=100)
    for share in (0.05, 0.5):
        for spread in (0.005, 0.02, 0.1, 1.0):
            name = f"clustered conversations of ten, a = {spread:g}, {share:.0%} share"
            yield Scenario(name, NULL, _at(share), length=10, open_at_once=100, spread=spread)
    yield Scenario(
        "half without a conversation: 0.5 % errors against 2 %",
        NULL,
        _at(0.05),
        base=0.02,
        without_unit=0.5,
        their_rate=0.005,
    )
    third = requests // 3
    ramp = (Leg(0, 0.05, "ramp@5"), Leg(third, 0.25, "ramp@25"), Leg(2 * third, 0.5, "ramp@50"))
    yield Scenario("ramp 5/25/50 % while errors rise 1 -> 3 %", NULL, ramp, base_at_end=0.03)
    outage = (requests * 2 // 5, requests // 2, 0.6)
    yield Scenario("outage of both arms, 60 % errors", NULL, _at(0.05), outage=outage)
    yield Scenario("outage, conversations of ten", NULL, _at(0.05), outage=outage, length=10, open_at_once=100)
    yield Scenario("as slow as the control, 5% share", NULL, _at(0.05), slower=1.0)


def _told_wrong() -> Iterator[Scenario]:
    for real in (0.06, 0.07, 0.10):
        yield Scenario(f"wrong share: told 5 %, really {real:.0%}", NULL, _at(0.05), real_share=real)


def _worse() -> Iterator[Scenario]:
    yield Scenario("1 -> 10 %, 5% share", DETECTION, _at(0.05), times=10, aim=800)
    yield Scenario(
        "1 -> 10 %, conversations of ten, one by one, 5% share", DETECTION, _at(0.05), times=10, length=10, aim=1700
    )
    at_once = "1 -> 10 %, conversations of ten, 100 at once, 5% share"
    yield Scenario(at_once, DETECTION, _at(0.05), times=10, length=10, open_at_once=100, aim=1700)
    for share in (0.25, 0.5):
        yield Scenario(f"1 -> 10 %, {share:.0%} share", DETECTION, _at(share), times=10)
    for share in (0.05, 0.25):
        yield Scenario(f"1 -> 3 %, {share:.0%} share", DETECTION, _at(share), times=3)
    for share in (0.05, 0.25):
        yield Scenario(f"1.5 times slower (holds), {share:.0%} share", DETECTION, _at(share), slower=1.5)


def _after_clean(requests: int) -> Iterator[Scenario]:
    half = requests // 2
    yield Scenario("1 -> 10 % after a clean half, same step", DETECTION, _at(0.05), times=10, worse_from=half)
    steps = (Leg(0, 0.05, "ramp@5"), Leg(half, 0.05, "ramp@5+next"))
    yield Scenario("1 -> 10 % after a clean half, as a step begins", DETECTION, steps, times=10, worse_from=half)
