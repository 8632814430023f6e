"""The guard: watches both arms of a rollout and says fine, hold or roll back.

Not the statistics (`sequential_test`, `sample_ratio`), not what counts (`guard_ledger`), not the going back (`rollout`). It only
ever asks to go back: nothing it says moves a rollout forward. What it cannot see: whatever nobody notes as bad, an answer that
is wrong in content above all.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shim.migration.guard_events import Announcer, GuardEvent, OnAnswer, Telemetry
from shim.migration.guard_evidence import Evidence, EvidenceSettings
from shim.migration.guard_ledger import GuardLedger
from shim.migration.guard_report import e_value_of, figures
from shim.migration.guard_verdict import GuardVerdict, Reason, explain, judge

if TYPE_CHECKING:
    from shim.migration.decision import Decision
    from shim.migration.guard_port import Answer
    from shim.migration.store import Batch, Snapshot, StoredLatch

__all__ = ["Guard", "GuardEvent", "GuardMode"]

GuardMode: TypeAlias = Literal["observe", "enforce"]

GUARDRAILS = ("error",)
SIGNALS = ("slow", "mismatch", "refused")

# What another good conversation does not change.
_ONLY_BAD_EVENTS_CHANGE: frozenset[Reason] = frozenset({"fine", "signal"})


class GuardState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a guard without a store keeps over a restart; see `Guard.state`."""

    version: Literal[1]
    tolerated_ratio: float
    step: str | None
    resets: int
    latch: GuardEvent | None
    sums: dict[str, int]
    crossed: int


class Guard:
    """Compares how often conversations go wrong in the two arms, and may be asked after every request.

    Of each conversation, and of each kind of bad event, the first counts, with the share under which that request was assigned.
    Requests without a unit, and those whose arm was certain (a share of 0 or 1), are left out of both arms. Each step has tests
    of its own: alpha is the chance of a rollback without cause in one step.

    Three answers. "roll_back": guardrails tell against the candidate. "hold": there is doubt, or not enough to say anything, as
    before the first request. "fine": at least `minimum_units` conversations in each arm, and nothing against the candidate.
    "roll_back" stays, whatever the policy does meanwhile, until `reset`. Both modes answer alike: in "observe" it is what the
    guard would have done, and `Rollout` acts on it in "enforce" only.

    Safe to use from several threads, and in a forked child. Its lock is held for microseconds, and never while a hook runs.

    Args:
        alpha: the chance of a rollback without cause, over all looks, in one step; that of a signal without cause as well.
        tolerated_ratio: how many times the control's rate of bad conversations is accepted, at least 1.
        minimum_units: distinct conversations that a request has ended of: in both arms together before it rolls back (and three
            of the candidate's must have failed), in each arm before it says fine. Going back is the safe side, so it needs
            less: at a share of 5 %, 30 in the candidate are 600 conversations of all.
        mode: "observe" or "enforce".
        guardrails: kinds of bad event that roll back.
        signals: kinds of bad event that only hold.
        on_answer: called with a `GuardEvent` where the answer or its reason changes, on the thread that brought the news.
        telemetry: called with "shim.migration.guard" and the event's attributes.
        clock: epoch seconds, for the events.

    Raises:
        ValueError: a setting is out of its range; the message names it.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        tolerated_ratio: float = 1.25,
        minimum_units: int = 30,
        mode: GuardMode = "observe",
        guardrails: Sequence[str] = GUARDRAILS,
        signals: Sequence[str] = SIGNALS,
        on_answer: OnAnswer | None = None,
        telemetry: Telemetry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if mode not in ("observe", "enforce"):
            raise ValueError(f"mode is {mode!r}; give 'observe' or 'enforce'")
        if isinstance(minimum_units, bool) or not isinstance(minimum_units, int) or minimum_units < 1:
            raise ValueError(f"minimum_units is {minimum_units!r}; give a whole number from 1 on, such as 30")
        self.mode: GuardMode = mode
        self._minimum_units = minimum_units
        self._settings = EvidenceSettings(
            alpha=alpha, tolerated_ratio=tolerated_ratio, guardrails=tuple(guardrails), signals=tuple(signals)
        )
        _check_kinds(self._settings.guardrails, self._settings.signals)
        self._ledger = GuardLedger(self._settings)
        self._announcer = Announcer(on_answer=on_answer, telemetry=telemetry)
        self._clock = clock
        self._verdict = GuardVerdict("hold", "not_enough")
        self._judged_step: str | None = None
        self._latch: GuardEvent | None = None
        self._failed_why = ""  # of the sample ratio
        self._reset_awaited: int | None = None
        self._blind: str | None = None
        # Re-entrant: a signal handler that makes a request may strike while its own thread is here.
        self._lock = threading.RLock()
        self._pid = os.getpid()

    @property
    def answer(self) -> Answer:
        """What it says of the step that runs."""
        return "roll_back" if self._latch else self._verdict.answer

    @property
    def reason(self) -> Reason:
        """Why, in a word; `evidence` has the sentence."""
        return "guardrail" if self._latch else self._verdict.reason

    def note(self, decision: Decision, *, bad: Collection[str] = ()) -> Answer:
        """Take a request that has ended. Never blocks and never raises: what it cannot use is counted, and logged once.

        Args:
            decision: of the request; read are its unit, arm, share and step.
            bad: the kinds of bad event it had. Another note of the same request adds kinds and nothing else.
        """
        return self._take_note(lambda: self._ledger.note(decision, self._known(bad)), bad=bool(bad))

    def expose(self, decision: Decision) -> Answer:
        """Take a request that begins, so that the arms are compared before an answer comes; `note` does it where nobody has.

        Where the candidate is slower or hangs, its answers are missing at first. Counted only when they end, that looks like a
        wrong share. Never blocks and never raises.
        """
        return self._take_note(lambda: self._ledger.expose(decision), bad=False)

    def begin(self, step: str) -> None:
        """Begin a step with fresh tests, as the first decision with its name does; nothing where it runs already."""
        with self._held():
            event = self._judge() if self._ledger.begin(step) else None
        self._tell(event)

    def reset(self, reason: str) -> None:
        """Forget a trip, and begin fresh tests.

        Args:
            reason: for people: what was done about it.

        Raises:
            ValueError: the reason is empty.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError("reason is empty; say what was found and done, such as 'proxy of the candidate fixed'")
        with self._held():
            before = self.answer
            self._latch = None
            if self._ledger.shared:
                self._reset_awaited = self._ledger.resets
            else:
                self._ledger.resets += 1
            self._ledger.fresh()
            self._judge()
            event = self._event(self._verdict, before=before, reason="reset", why=f"reset: {reason}")
        self._tell(event)

    def evidence(self) -> dict[str, Any]:
        """Plain data that explains the answer: figures by kind and arm, the sample ratio, `why` as a sentence."""
        with self._held():
            ledger = self._ledger
            return {
                "answer": self.answer,
                "reason": self.reason,
                "kind": self._latch.kind if self._latch else self._verdict.kind,
                "why": self._latch.why if self._latch else self._why_now(),
                "mode": self.mode,
                "step": ledger.step,
                "epoch": ledger.epoch,
                "minimum_units": self._minimum_units,
                **figures(self._seen(), self._settings),
                "latched": msgspec.to_builtins(self._latch),
                "blind": self._blind,
                "left_out": {"ineligible": ledger.ineligible, "late": ledger.late, "dropped": ledger.dropped},
                "faults": dict(self._announcer.errors),
            }

    # A guard without a store, over a restart.

    def state(self) -> dict[str, Any]:
        """What `restore` takes, as plain JSON data: sums, latch, resets; not which conversations have been counted."""
        with self._held():
            state = GuardState(
                version=1,
                tolerated_ratio=self._settings.tolerated_ratio,
                step=self._ledger.step,
                resets=self._ledger.resets,
                latch=self._latch,
                sums=self._ledger.evidence.sums(),
                crossed=self._ledger.evidence.crossed,
            )
        plain: dict[str, Any] = msgspec.to_builtins(state)
        return plain

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another guard of the same settings was; before the first request.

        Raises:
            ValueError: it is no such state.
        """
        try:
            found = msgspec.convert(state, GuardState)
        except msgspec.ValidationError as error:
            raise ValueError(f"state is no guard's state ({error}); give what Guard.state() gave") from None
        if found.tolerated_ratio != self._settings.tolerated_ratio:
            raise ValueError(
                f"state is of tolerated_ratio {found.tolerated_ratio:g}, whose sums mean something else; give that one"
            )
        with self._held():
            if found.step is not None:
                self._ledger.begin(found.step)
            self._ledger.resets = found.resets
            before = self.answer, self.reason
            self._latch = found.latch
            self._ledger.evidence.add(found.sums, crossed=found.crossed)
            event = self._judge(before)
        self._tell(event)

    # A guard with a store; the rollout's thread carries between the two.

    def take(self) -> Sequence[Batch]:
        """What was noted since it was last asked, for the store; bounded.

        From the first time on only what the store tells counts, so that a conversation whose requests meet several processes
        counts once. Ask once before the first request.
        """
        with self._held():
            return self._ledger.take()

    def share(self, snapshot: Snapshot) -> None:
        """Take the sums of all processes, the latch and the resets, as they stand in the store after all that `take` gave."""
        with self._held():
            before = self.answer, self.reason
            self._follow(0 if snapshot.reset is None else snapshot.reset.count, snapshot.latch)
            if self._reset_awaited is None:
                epoch = snapshot.epochs.get(self._ledger.epoch)
                self._ledger.absorb(epoch.sums if epoch else {}, crossed=epoch.crossed if epoch else 0)
            self._blind = None
            event = self._judge(before)
        self._tell(event)

    def blind(self, reason: str) -> None:
        """The store cannot be reached: the answer is hold at best, until the next `share`.

        What this process sees meanwhile can still trip it. A conversation that other processes have counted may count again
        then: a rollback too many is better than a broken candidate that nobody watches.
        """
        with self._held():
            self._ledger.be_shared()
            self._blind = reason
            event = self._judge()
        self._tell(event)

    def _follow(self, resets: int, latch: StoredLatch | None) -> None:
        """Follow the resets and the latch of the store."""
        if resets > self._ledger.resets:
            self._ledger.resets = resets
            self._ledger.fresh()
            self._latch = None
            self._reset_awaited = None
        elif latch is None:
            self._reset_awaited = None
        if latch is not None and self._latch is None and self._reset_awaited is None:
            verdict = GuardVerdict("roll_back", "guardrail", latch.evidence.get("kind"))
            event = self._event(verdict, before=self.answer, reason="guardrail", why=latch.reason)
            self._latch = replace(event, step=latch.epoch, at=latch.at)

    def _take_note(self, noted: Callable[[], bool], *, bad: bool) -> Answer:
        event = None
        try:
            with self._held():
                if noted() and self._has_news(bad=bad):
                    event = self._judge()
        except Exception as error:  # noqa: BLE001 - the guard watches a call, and must not be what breaks it
            self._announcer.fault("a request it could not take", error)
        self._tell(event)
        return self.answer

    def _has_news(self, *, bad: bool) -> bool:
        """Whether what was noted can change the answer; with a store it counts when the store has told it."""
        if self._ledger.step != self._judged_step:
            return True
        if not bad and self._verdict.reason in _ONLY_BAD_EVENTS_CHANGE and self._ledger.evidence.trusted:
            return False
        return not self._ledger.shared if self._blind is None else bad

    def _known(self, bad: Collection[str]) -> Collection[str]:
        if not bad:
            return ()
        known = [kind for kind in self._settings.kinds if kind in bad]
        if isinstance(bad, str) or len(known) < len(set(bad)):
            self._announcer.fault("a kind of bad event that is neither in guardrails nor in signals", ValueError())
        return () if isinstance(bad, str) else known

    def _judge(self, before: tuple[Answer, Reason] | None = None) -> GuardEvent | None:
        """Judge anew; the event where the answer or its reason is another than before."""
        before = before or (self.answer, self.reason)
        self._judged_step = self._ledger.step
        self._verdict = judge(
            self._seen(),
            settings=self._settings,
            minimum_units=self._minimum_units,
            before=before[1],
            blind=self._blind is not None,
        )
        if before == (self.answer, self.reason):
            return None
        if self._latch is not None:  # that of another process, or of a former life
            return replace(self._latch, before=before[0])
        event = self._event(self._verdict, before=before[0], reason=self._verdict.reason, why=self._why())
        if event.answer == "roll_back":
            self._latch = event
        if event.reason == "sample_ratio":
            self._failed_why = event.why
        return event

    def _seen(self) -> Evidence:
        return self._ledger.evidence if self._blind is None else self._ledger.blind_evidence()

    def _why_now(self) -> str:
        # The units that failed the test are outnumbered later, and the figures of then are those that explain.
        return self._failed_why if self._verdict.reason == "sample_ratio" and self._failed_why else self._why()

    def _why(self) -> str:
        if self._verdict.reason == "blind":
            return f"the store cannot be reached ({self._blind}), so what other processes see is not known"
        return explain(
            self._verdict,
            self._seen(),
            settings=self._settings,
            minimum_units=self._minimum_units,
        )

    def _event(self, verdict: GuardVerdict, *, before: Answer, reason: str, why: str) -> GuardEvent:
        evidence = self._seen()
        return GuardEvent(
            answer=verdict.answer,
            before=before,
            reason=reason,
            kind=verdict.kind,
            why=why,
            step=self._ledger.step or "",
            enforced=self.mode == "enforce",
            e_value=e_value_of(evidence.signals if verdict.reason == "signal" else evidence.guardrails),
            limit=1 / self._settings.alpha,
            control=evidence.answered["control"],
            candidate=evidence.answered["candidate"],
            at=self._clock(),
        )

    def _tell(self, event: GuardEvent | None) -> None:
        if event is not None:
            self._announcer.tell(event)

    def _held(self) -> AbstractContextManager[object]:
        """The lock; a new one in a forked child, since another thread of the parent may have held it."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._lock = threading.RLock()
        return self._lock

    def __repr__(self) -> str:
        return f"<Guard {self.mode}: {self.answer} ({self.reason})>"


def _check_kinds(guardrails: tuple[str, ...], signals: tuple[str, ...]) -> None:
    if not guardrails:
        raise ValueError("guardrails is empty; name at least one kind of bad event that rolls back, such as 'error'")
    for kind in guardrails + signals:
        if not isinstance(kind, str) or not kind.isidentifier():
            raise ValueError(f"guardrails and signals hold {kind!r}; give names such as 'error'")
    if len({*guardrails, *signals}) < len(guardrails) + len(signals):
        raise ValueError("guardrails and signals name a kind twice; name each once")
