"""Ledger: which request counts as what, once for each conversation, and what is still to be handed to the store.

Not the tests (`guard_evidence`), not what follows from them (`guard_verdict`, `guard`). Not safe to use from several threads: the
guard holds a lock.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from shim.migration.guard_evidence import (
    ANSWERED,
    SAMPLE_FAILED,
    Evidence,
    EvidenceSettings,
    answer_sums,
    bad_sums,
    exposure_sums,
)
from shim.migration.store.protocol import MOST_FIRSTS, Batch, Exposure, First
from shim.migration.unit_memory import UnitMemory

if TYPE_CHECKING:
    from shim.migration.decision import Arm, Decision

# What is kept for a store that is away: half a minute of a thousand new conversations a second. What comes later is not
# counted, and the status tells how much that was.
MOST_PENDING = 50_000

# What was noted before a store was first asked is handed to it too, if it is not more; a guard without a store keeps no more.
_BEFORE_SHARING = 1000

# Requests of the step before are still under way when a step begins, and are left out. So many in a row without one of the
# new step mean that the rollout went back.
_ROW_OF_EARLIER = 20

_ARM_BITS: dict[Arm, int] = {"control": 1, "candidate": 2}
_BOTH_ARMS = 3
_ANSWERED_BIT = 4
_FIRST_KIND_BIT = 8

_Pending: TypeAlias = "tuple[str, First | Exposure]"


def is_eligible(decision: Decision) -> bool:
    """Whether a request is evidence: its unit is named, and could have gone to either arm."""
    return bool(decision.unit) and 0.0 < decision.share < 1.0


def step_of(decision: Decision) -> str:
    """The step a decision belongs to: its `step`; of one made by hand its stage and percent."""
    return decision.step or f"{decision.stage}@{decision.percent:g}"


class GuardLedger:
    """Counts for one step at a time.

    Attributes:
        step: the step whose evidence is counted; None before the first.
        resets: how often somebody has reset the guard.
        evidence: what counts now.
        ineligible, late, dropped: requests left out: not eligible, of the step before; and what no room was left for.
    """

    def __init__(self, settings: EvidenceSettings) -> None:
        self._settings = settings
        self._bits = {kind: _FIRST_KIND_BIT << position for position, kind in enumerate(settings.kinds)}
        self.step: str | None = None
        self._step_before: str | None = None
        self._earlier_in_a_row = 0
        self.resets = 0
        self._memory = UnitMemory()
        self.evidence = Evidence(settings)
        self.ineligible = self.late = self.dropped = 0
        self.shared = False  # whether a store tells what counts
        self._pending: deque[_Pending] = deque()
        self._waiting: dict[str, int] = {}  # the sums of what waits for the store
        self._taken: dict[str, int] = {}  # the sums of what is on its way there

    @property
    def epoch(self) -> str:
        """Names the evidence in a store: what processes of one step, one setting and the same resets add up."""
        step = self.step or ""
        if len(step) > 100 or not step.isprintable():  # a name in a store is short and plain
            step = hashlib.blake2b(step.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return f"{step}#{self.resets} x{self._settings.tolerated_ratio:g}"

    def begin(self, step: str) -> bool:
        """Begin a step with fresh tests; False where it is the one that runs."""
        if step == self.step:
            return False
        self._step_before, self.step = self.step, step
        self.fresh()
        return True

    def fresh(self) -> None:
        """Forget the evidence; what was not handed to the store yet still goes there, under its own epoch."""
        self._earlier_in_a_row = 0
        self._memory.forget()
        self.evidence = Evidence(self._settings)
        self._waiting, self._taken = {}, {}
        if not self.shared:
            self._pending.clear()

    def expose(self, decision: Decision) -> bool:
        """Count that a unit was given to an arm; whether that was news."""
        if not self._counts(decision):
            return False
        return self._mark(decision, answered=False)

    def note(self, decision: Decision, bad: Iterable[str]) -> bool:
        """Count that a request has ended, and its bad events; whether that was news."""
        if not self._counts(decision):
            return False
        news = self._mark(decision, answered=True)
        for kind in bad:
            if self._memory.mark(decision.unit or "", self._bits[kind]) is not None:
                news = True
                self._bad(kind, decision)
        return news

    def _mark(self, decision: Decision, *, answered: bool) -> bool:
        unit, arm_bit = decision.unit or "", _ARM_BITS[decision.arm]
        before = self._memory.mark(unit, arm_bit | _ANSWERED_BIT if answered else arm_bit)
        if before is None:
            return False
        if not before & arm_bit:
            self._exposed(unit, decision, crosses=bool(before & _BOTH_ARMS))
        if answered and not before & _ANSWERED_BIT:
            self._answered(unit, decision.arm)
        return True

    def _counts(self, decision: Decision) -> bool:
        if not is_eligible(decision):
            self.ineligible += 1
            return False
        step = step_of(decision)
        if step == self.step:
            self._earlier_in_a_row = 0
            return True
        if step == self._step_before:
            self._earlier_in_a_row += 1
            if self._earlier_in_a_row < _ROW_OF_EARLIER:
                self.late += 1
                return False
        return self.begin(step)

    def _exposed(self, unit: str, decision: Decision, *, crosses: bool) -> None:
        arm, share = decision.arm, decision.share
        if self._queues:
            self._queue(Exposure(unit=unit, arm=arm, sums=exposure_sums(arm, share=share)))
        if not self.shared:
            if crosses:
                self.evidence.crossed += 1
            else:
                self.evidence.expose(arm, share=share)

    def _answered(self, unit: str, arm: Arm) -> None:
        if self._queues:
            self._queue(First(kind=f"{ANSWERED}.{arm}", unit=unit, sums=answer_sums(arm)))
        if not self.shared:
            self.evidence.answer(arm)

    def _bad(self, kind: str, decision: Decision) -> None:
        arm, share = decision.arm, decision.share
        if self._queues:
            sums = bad_sums(kind, arm, share=share, tolerated_ratio=self._settings.tolerated_ratio)
            self._queue(First(kind=kind, unit=decision.unit or "", sums=sums))
        if not self.shared:
            self.evidence.bad(kind, arm, share=share)

    @property
    def _queues(self) -> bool:
        return self.shared or len(self._pending) < _BEFORE_SHARING

    def _queue(self, item: First | Exposure) -> None:
        if len(self._pending) >= MOST_PENDING:
            self.dropped += 1
            return
        self._pending.append((self.epoch, item))
        _add(self._waiting, item.sums)

    def be_shared(self) -> None:
        """From now on nothing counts before a store has told it."""
        if not self.shared:
            self.shared = True
            self.evidence = Evidence(self._settings)

    def take(self) -> list[Batch]:
        """What waits for the store, in batches."""
        self.be_shared()
        batches = []
        while self._pending:
            batches.append(self._batch())
        _add(self._taken, self._waiting)
        self._waiting = {}
        return batches

    def _batch(self) -> Batch:
        epoch = self._pending[0][0]
        firsts: list[First] = []
        exposures: list[Exposure] = []
        while self._pending and self._pending[0][0] == epoch and len(firsts) + len(exposures) < MOST_FIRSTS:
            _, item = self._pending.popleft()
            if isinstance(item, First):
                firsts.append(item)
            else:
                exposures.append(item)
        return Batch(batch_id=uuid.uuid4().hex, epoch=epoch, firsts=firsts, exposures=exposures)

    def absorb(self, sums: Mapping[str, float], *, crossed: int) -> None:
        """Take what the store holds of all processes for this epoch, all that was taken included, as the evidence."""
        self.be_shared()
        evidence = Evidence(self._settings)
        evidence.add(sums, crossed=crossed)
        evidence.sample_failed = evidence.sample_failed or self.evidence.sample_failed
        if evidence.sample_failed and not sums.get(SAMPLE_FAILED):
            self._queue(First(kind=SAMPLE_FAILED, unit="", sums={SAMPLE_FAILED: 1}))  # once for all processes
        self.evidence = evidence
        self._taken = {}

    def blind_evidence(self) -> Evidence:
        """What counted when the store was last reached, and what this process alone has seen since."""
        evidence = Evidence(self._settings)
        evidence.add(self.evidence.sums(), crossed=self.evidence.crossed)
        for sums in (self._taken, self._waiting):
            evidence.add(sums)
        return evidence


def _add(sums: dict[str, int], more: Mapping[str, float]) -> None:
    for name, value in more.items():
        sums[name] = sums.get(name, 0) + round(value)
