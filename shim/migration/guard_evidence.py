"""Evidence: what is counted of one step, as tests and as sums that add up over processes.

Not which request counts (`guard_ledger`), nor what follows from it (`guard_verdict`). Several kinds of bad event are one
question: the mean of their e-values is an e-value again (Vovk & Wang 2021), whatever they have to do with each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from shim.migration.sample_ratio import SampleRatioTest
from shim.migration.sequential_test import SequentialTest

if TYPE_CHECKING:
    from shim.migration.decision import Arm

# Names of sums beside those of the kinds, which are `KIND.control`, `KIND.candidate` and `KIND.log.RATIO`.
SAMPLE = "sample"
ANSWERED = "answered"
SAMPLE_FAILED = "sample.failed"


class EvidenceSettings(Struct, frozen=True, kw_only=True):
    """What is tested, and how strictly; see `Guard`."""

    alpha: float
    tolerated_ratio: float
    guardrails: tuple[str, ...]
    signals: tuple[str, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """All kinds of bad event."""
        return self.guardrails + self.signals


class Evidence:
    """The tests of one step.

    Attributes:
        sample: of the arms of the units, against the told shares.
        sample_failed: whether that ever failed in this step: what was counted under a wrong share stays wrong.
        tests: kind of bad event -> its test.
        answered: arm -> distinct units of which a request has ended.
        crossed: distinct units that were seen in both arms.
    """

    def __init__(self, settings: EvidenceSettings) -> None:
        self._settings = settings
        self.sample = SampleRatioTest()
        self.sample_failed = False
        self.tests = {
            kind: SequentialTest(alpha=settings.alpha, tolerated_ratio=settings.tolerated_ratio)
            for kind in settings.kinds
        }
        self.answered: dict[Arm, int] = {"control": 0, "candidate": 0}
        self.crossed = 0
        self._guardrails: float | None = 0.0  # None: not computed since the last bad event
        self._signals: float | None = 0.0

    @property
    def trusted(self) -> bool:
        """Whether nothing is known against the assignment of the units."""
        return not self.sample_failed and not self.crossed

    def expose(self, arm: Arm, *, share: float) -> None:
        """Count a unit that was given to an arm."""
        self.sample.add(in_candidate=arm == "candidate", share=share)
        self.sample_failed = self.sample_failed or self.sample.failed

    def answer(self, arm: Arm) -> None:
        """Count a unit of which a request has ended."""
        self.answered[arm] += 1

    def bad(self, kind: str, arm: Arm, *, share: float) -> None:
        """Count a bad event."""
        self.tests[kind].add(in_candidate=arm == "candidate", share=share)
        self._guardrails = self._signals = None

    def add(self, sums: Mapping[str, float], *, crossed: int = 0) -> None:
        """Add sums of the form of `sums`, of another process or of all of them."""
        whole = {name: round(value) for name, value in sums.items()}
        self.sample.add_state(_part(whole, SAMPLE))
        self.sample_failed = self.sample_failed or whole.get(SAMPLE_FAILED, 0) > 0 or self.sample.failed
        for kind, test in self.tests.items():
            test.add_state(_part(whole, kind))
        for arm in self.answered:
            self.answered[arm] += whole.get(f"{ANSWERED}.{arm}", 0)
        self.crossed += crossed
        self._guardrails = self._signals = None

    def sums(self) -> dict[str, int]:
        """All of it but `crossed`, as sums."""
        found = _prefixed(SAMPLE, self.sample.state())
        for kind, test in self.tests.items():
            found |= _prefixed(kind, test.state())
        found |= {f"{ANSWERED}.{arm}": count for arm, count in self.answered.items()}
        found[SAMPLE_FAILED] = int(self.sample_failed)
        return {name: value for name, value in found.items() if value}

    @property
    def guardrails(self) -> float:
        """The logarithm of the evidence of all guardrails together."""
        if self._guardrails is None:
            self._guardrails = self._together(self._settings.guardrails)
        return self._guardrails

    @property
    def signals(self) -> float:
        """The logarithm of the evidence of all signals together."""
        if self._signals is None:
            self._signals = self._together(self._settings.signals)
        return self._signals

    def _together(self, kinds: Sequence[str]) -> float:
        """The logarithm of the mean of their e-values."""
        logs = [self.tests[kind].log_e_value for kind in kinds]
        largest = max(logs, default=0.0)
        return largest + math.log(sum(math.exp(each - largest) for each in logs) / len(logs)) if logs else 0.0

    def strongest(self, kinds: Sequence[str]) -> str:
        """The kind that tells most against the candidate."""
        return max(kinds, key=lambda kind: self.tests[kind].log_e_value)


@lru_cache(maxsize=1024)
def exposure_sums(arm: Arm, *, share: float) -> Mapping[str, int]:
    """What `Evidence.expose` adds, as sums; not to be changed."""
    return _prefixed(SAMPLE, SampleRatioTest().increments(in_candidate=arm == "candidate", share=share))


@lru_cache(maxsize=8)
def answer_sums(arm: Arm) -> Mapping[str, int]:
    """What `Evidence.answer` adds, as sums; not to be changed."""
    return {f"{ANSWERED}.{arm}": 1}


@lru_cache(maxsize=1024)
def bad_sums(kind: str, arm: Arm, *, share: float, tolerated_ratio: float) -> Mapping[str, int]:
    """What `Evidence.bad` adds, as sums; not to be changed."""
    test = SequentialTest(alpha=0.5, tolerated_ratio=tolerated_ratio)  # alpha is not in the sums
    return _prefixed(kind, test.increments(in_candidate=arm == "candidate", share=share))


def _prefixed(prefix: str, state: Mapping[str, int]) -> dict[str, int]:
    return {f"{prefix}.{name}": value for name, value in state.items()}


def _part(sums: Mapping[str, int], prefix: str) -> dict[str, int]:
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in sums.items() if name.startswith(start)}
