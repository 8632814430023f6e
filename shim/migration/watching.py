"""What compares live what the arms of a migrating provider do, by stage and by the policy's share.

Not the comparing (`shim.comparison`), and no arm is changed by it: without a live comparison, and in stage off, nothing is
watched and nothing paid. An arm is tapped with the first request that is to be compared, and from then on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from shim.layers.request_attributes import given_attributes
from shim.migration.policy import Stage

if TYPE_CHECKING:
    from shim.comparison import Experiment, LiveComparison, ShadowComparison, Verdict
    from shim.comparison.verdict import Rung
    from shim.migration.decision import Decision
    from shim.migration.rollout import Rollout
    from shim.migration.serving import Serving
    from shim.provider import Completion, Provider

__all__ = ["Watching", "decided", "note_mismatch"]

_DECISION: ContextVar[Decision | None] = ContextVar("shim_migration_decision", default=None)

_WIRE: tuple[Rung, ...] = ("wire",)
_BOTH: tuple[Rung, ...] = ("wire", "tee")


@contextmanager
def decided(decision: Decision) -> Iterator[None]:
    """Have what is started meanwhile know its decision: a verdict comes back in the context its request was started in.

    A telemetry layer, in the arm or over both, takes arm and stage as attributes of the request.
    """
    token = _DECISION.set(decision)
    try:
        with given_attributes({"shim.migration.arm": decision.arm, "shim.migration.stage": decision.stage.value}):
            yield
    finally:
        _DECISION.reset(token)


def note_mismatch(rollout: Rollout, verdict: Verdict) -> None:
    """Tell a rollout of a verdict; `functools.partial(note_mismatch, rollout)` is an `on_verdict`.

    A mismatch in what the candidate served is a signal against it, and the guard holds. One in what control served says what the
    candidate would do, and is no event of either arm. All verdicts are counted, for the status and the report.
    """
    decision = _DECISION.get()
    if decision is None:
        return
    rollout.note_verdict(decision, rung=verdict.rung, outcome=verdict.outcome.value)
    if decision.arm == "candidate" and verdict.outcome == "mismatch":
        rollout.note_bad(decision, "mismatch")


class Watching:
    """Gives each request what to start it on: its arm, or an experiment on it."""

    def __init__(
        self,
        control: Provider,
        candidate: Provider,
        *,
        rollout: Rollout,
        live: LiveComparison | None,
        live_candidate: LiveComparison | None,
        shadow: ShadowComparison | None,
    ) -> None:
        self._rollout = rollout
        self._shadow = shadow
        self._control = _WatchedArm(control, live)
        self._candidate = _WatchedArm(candidate, live_candidate)

    def control(self, decision: Decision) -> Provider:
        """What a request of control's is started on."""
        if decision.stage is Stage.OFF:
            return self._control.provider
        return self._control.watched(_WIRE if decision.stage is Stage.WIRE else _BOTH, percent=self._percent())

    def candidate(self, decision: Decision) -> Provider:
        """What a request of the candidate's is started on."""
        del decision  # it serves in ramp and complete alone
        return self._candidate.watched(_BOTH, percent=self._percent())

    def ask_again(self, decision: Decision, serving: Serving, *, control: Completion) -> None:
        """Hand what control has served to the shadow, where the stage and the sample have it; never waits, never raises."""
        if self._shadow is None or decision.stage < Stage.SHADOW:
            return
        if self._shadow.wants(serving.request, share=self._rollout.policy.shadow_percent / 100):
            self._shadow.submit(serving.request, streamed=serving.is_streamed, control=control)

    def end(self) -> None:
        """Take the taps off; after the arms are closed."""
        self._control.end()
        self._candidate.end()

    def _percent(self) -> float:
        return self._rollout.policy.compare_percent


class _WatchedArm:
    """An arm, and the experiment on it once there is one."""

    def __init__(self, provider: Provider, live: LiveComparison | None) -> None:
        self.provider = provider
        self._live = live
        self._experiment: Experiment | None = None
        self._rungs: Sequence[Rung] = ()

    def watched(self, rungs: Sequence[Rung], *, percent: float) -> Provider:
        """The arm, or the experiment where this request is compared."""
        if self._live is None:
            return self.provider
        if percent < 100 and random.random() * 100 >= percent:  # noqa: S311 - chooses what to compare, guards nothing
            return self.provider
        self._rungs = rungs
        return self._experiment or self._made(self._live)

    def end(self) -> None:
        """Take the tap off."""
        experiment, self._experiment = self._experiment, None
        if experiment is not None:
            experiment.detach()

    def _made(self, live: LiveComparison) -> Provider:
        from shim.comparison import Experiment

        try:
            self._experiment = Experiment(self.provider, live, rungs=lambda: self._rungs)
        except Exception as error:  # noqa: BLE001 - an arm that cannot be tapped serves all the same
            self._live = None
            live.note_error(error, what="tapping an arm")
            return self.provider
        return self._experiment
