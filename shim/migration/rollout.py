"""Rollout: decides for each request which arm serves it, and hears how it ended.

Not a provider: one over both arms takes a rollout as an argument. Not the parts: what a unit gets (`deciding`), the policy in
force (`governor`), the evidence (`guard`), what is remembered and shared (`keeper`). Nothing on the request's path blocks or
raises: stores, flags and the history's file are read and written on threads of their own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shim.migration.arms import ArmCounts, arm_counts, arms_epoch
from shim.migration.bad_events import MISMATCH, REFUSED, bad_kinds, seconds_of
from shim.migration.deciding import decide, undecided
from shim.migration.decision import Arm, Decision
from shim.migration.governor import Latch
from shim.migration.history import HistoryFile, KeepsHistory, StoreHistory
from shim.migration.keeper import RolloutKeeper
from shim.migration.kill_switch import KillSwitch, SwitchState
from shim.migration.pins import PinSettings, pin_settings
from shim.migration.policy import Policy, PolicyError
from shim.migration.sources.source import ConstantPolicy, PolicySource
from shim.migration.status import RolloutStatus, StoreHealth

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.migration.guard_port import GuardPort
    from shim.migration.local_state import LocalState
    from shim.migration.store import Store
    from shim.provider import Completion

__all__ = ["Rollout"]

_MAX_FLAG_CHARACTERS = 100
_NOTED_ALONE = (MISMATCH, REFUSED)

# Requests that have begun and that the guard hears of when one ends. Thousands may have begun: telling it of all of them at once
# would hold a select loop for a tenth of a second.
_EXPOSED_AT_ONCE = 4


class Rollout:
    """Moves traffic from control to candidate, as a policy says. Use one from any thread, and in forked children.

    Make it once, at set-up: it reads its sources then, and tells what is wrong with them. `close()` it at the end: what this
    process has counted since the last refresh (0.4 s) is then written.

    A guard's rollback holds until `reset`: over restarts where there is a store or a history, else as long as the process lives.

    Args:
        policy: a `Policy`, or a source of one: `FilePolicy`, `StorePolicy`, ...
        flag: names the rollout: in the store, and in the hash that draws the units.
        guard: a `Guard`; one in mode "enforce" takes the rollout back.
        store: a `Store`, where more than one process shares the rollout: evidence, kill switch, latch, pins, history. While it
            cannot be reached, what was read last holds; where nothing was read yet, control serves all, as nobody knows what
            its switch says.
        kill_switch: a `KillSwitch`, or the path of a file that throws one by being there. The store's switch, and the
            environment's (`SHIM_KILL_SWITCH`, at the start), are looked at in any case.
        history: a history, or the path of a JSON Lines file; None is the store's, where there is one.
        pin: seconds without a request after which a conversation has ended, or `PinSettings`: until then it stays in the arm in
            which it began, while the share changes. None: it goes where its bucket goes.

    Raises:
        PolicyError: an argument, or what stands in a source, cannot be; `field` names it.
        StoreError: the store cannot be used, and that will not pass by itself (a read-only file, a newer schema).
    """

    def __init__(
        self,
        policy: Policy | PolicySource,
        *,
        flag: str = "openai",
        guard: GuardPort | None = None,
        store: Store | None = None,
        kill_switch: KillSwitch | str | os.PathLike[str] | None = None,
        history: KeepsHistory | str | os.PathLike[str] | None = None,
        pin: PinSettings | float | None = None,
    ) -> None:
        self.flag = _checked_flag(flag)
        self._source = _source(policy)
        self._guard = guard
        self._kill_switch = kill_switch if isinstance(kill_switch, KillSwitch) else KillSwitch(file=kill_switch)
        self._keeper = RolloutKeeper(
            self._source,
            self._kill_switch,
            flag=flag,
            guard=guard,
            store=store,
            history=_history(history, store=store, flag=flag),
            pins=pin_settings(pin),
        )

    @property
    def policy(self) -> Policy:
        """The policy in force: what the source says, held back by kill switch and guard. Costs next to nothing."""
        return self._keeper.governor.now().policy

    def decide(self, unit: object, *, attributes: Mapping[str, object] | None = None) -> Decision:
        """Say which arm serves a request; keep the answer for the request's whole life, retries too.

        Never blocks, never raises: what cannot be decided on goes to control, and is not counted.

        Args:
            unit: what stays in one arm: the conversation's id, a string of at most 1,000 characters. None or an empty one:
                control, and not counted, in every stage. Where there are no conversations, give each request an id of its own
                (a uuid will do).
            attributes: of the request, for policies with `only`.
        """
        try:
            keeper = self._keeper
            keeper.ensure()
            local = keeper.local()
            decision = decide(unit, keeper.governor.now(), flag=self.flag, attributes=attributes, local=local)
        except Exception as error:  # noqa: BLE001 - whatever is wrong in here, the caller's request has to go somewhere
            self._keeper.fault("decide", error)
            return undecided(unit)
        if self._guard is not None and decision.counted:
            local.begun.append(decision)
        return decision

    def note(self, decision: Decision, completion: Completion) -> None:
        """Take how a request ended: from its completion follow its kinds of bad event. Never blocks, never raises.

        Where the candidate failed and control served the request after all, note the candidate's completion.
        """
        try:
            self._note(decision, completion)
        except Exception as error:  # noqa: BLE001 - as in decide
            self._keeper.fault("note", error)

    def note_bad(self, decision: Decision, kind: str) -> None:
        """Take a bad event that no completion tells: "mismatch" (the live comparison's) or "refused". Never blocks or raises."""
        try:
            if kind in _NOTED_ALONE:
                local = self._keeper.local()
                with local.lock:
                    local.arms.bad(decision, kind)
                self._tell_guard(decision, (kind,), local=local)
            else:
                told = str(kind)[:60]
                self._keeper.fault("note_bad", ValueError(f"kind is {told!r}; give one of {', '.join(_NOTED_ALONE)}"))
        except Exception as error:  # noqa: BLE001 - as in decide
            self._keeper.fault("note_bad", error)

    def note_verdict(self, decision: Decision, *, rung: str, outcome: str) -> None:
        """Count what a live comparison of a request came to, for status and report. Never blocks, never raises."""
        try:
            local = self._keeper.local()
            with local.lock:
                local.arms.compared(decision, rung=rung, outcome=outcome)
        except Exception as error:  # noqa: BLE001 - as in decide
            self._keeper.fault("note_verdict", error)

    def reset(self, reason: str, *, by: str | None = None) -> None:
        """Lift the guard's latch and begin fresh tests. For a person, or what acts for one: it may block.

        Args:
            reason: what was found and done.
            by: who; None is this process.

        Raises:
            ValueError: the reason is empty.
            StoreError, OSError: the store or the history cannot be written; the latch holds.
        """
        self._keeper.reset(reason, by=by)

    def status(self) -> RolloutStatus:
        """How it stands, as this process sees it; nothing is read for it but the source.

        A process that only asks, as a worker that has served nothing yet, has its thread from then on, and is up to date a
        moment later.
        """
        keeper, guard = self._keeper, self._guard
        keeper.ensure()
        in_force, wanted, switch = keeper.governor.now(), self._source.policy(), keeper.governor.switch()
        local, sync, health, latch = keeper.local(), keeper.sync(), self._source.health, keeper.governor.latch
        held_back = "" if in_force.policy == wanted else _held_back_by(switch, latch)
        with local.lock:
            decided = {f"{arm}.{reason}": count for (arm, reason), count in local.decided.items()}
            faults, last_fault = dict(local.faults), local.last_fault
            pinned = 0 if local.pins is None else len(local.pins)
        return RolloutStatus(
            flag=self.flag,
            stage=in_force.policy.stage,
            percent=in_force.policy.percent,
            share=in_force.share,
            step=in_force.step,
            policy=in_force.policy,
            wanted=wanted,
            why=held_back,
            since=in_force.since if held_back else health.since,
            by=held_back or health.by,
            source=health,
            kill_switch=switch,
            latch=latch,
            answer=None if guard is None else guard.answer,
            mode=None if guard is None else guard.mode,
            evidence={} if guard is None else guard.evidence(),
            store=StoreHealth() if sync is None else sync.health,
            arms=self._arms(in_force.step, local),
            decided=decided,
            pinned=pinned,
            faults=faults,
            last_fault=last_fault,
        )

    def close(self) -> None:
        """Write what waits and end the threads, those of the source and the kill switch too; the store is its owner's.

        `decide` goes on with what was read last.
        """
        self._keeper.close()
        self._source.close()
        self._kill_switch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Rollout {self.flag}: {self._keeper.governor.now().step}>"

    def _note(self, decision: Decision, completion: Completion) -> None:
        local = self._keeper.local()
        bad = bad_kinds(completion, decision.slow_after)
        streamed, seconds = seconds_of(completion.timing)
        with local.lock:
            local.arms.ended(decision, completion, bad=bad, seconds=seconds)
            if completion.ok and decision.arm == "control" and decision.unit is not None:
                local.slowness.add(seconds, streamed=streamed)
        self._tell_guard(decision, bad, local=local)

    def _tell_guard(self, decision: Decision, bad: tuple[str, ...], *, local: LocalState) -> None:
        if self._guard is None:
            return
        # Those that have begun are told when others end: judging takes longer than deciding may.
        for _ in range(min(len(local.begun), _EXPOSED_AT_ONCE)):
            try:
                begun = local.begun.popleft()
            except IndexError:  # another thread was faster
                break
            self._guard.expose(begun)
        self._guard.note(decision, bad=bad)
        self._keeper.heed(decision.step)

    def _arms(self, step: str, local: LocalState) -> dict[Arm, ArmCounts]:
        sync = self._keeper.sync()
        if sync is None or sync.snapshot is None:
            with local.lock:
                return local.arms.counts(step)
        epoch = sync.snapshot.epochs.get(arms_epoch(step))
        return arm_counts({} if epoch is None else epoch.sums)


def _checked_flag(flag: object) -> str:
    if not isinstance(flag, str) or not 0 < len(flag) <= _MAX_FLAG_CHARACTERS or not flag.isprintable():
        raise PolicyError(
            f"flag is {str(flag)[:60]!r}; give a name of 1 to {_MAX_FLAG_CHARACTERS} printable characters", field="flag"
        )
    return flag


def _source(policy: object) -> PolicySource:
    if isinstance(policy, PolicySource):
        return policy
    if isinstance(policy, Policy):
        return ConstantPolicy(policy)
    raise PolicyError(
        f"policy is of type {type(policy).__name__}; give a Policy, or a source such as FilePolicy(path)",
        field="policy",
    )


def _history(
    history: KeepsHistory | str | os.PathLike[str] | None, *, store: Store | None, flag: str
) -> KeepsHistory | None:
    if isinstance(history, str | os.PathLike):
        return HistoryFile(history)
    if history is None and store is not None:
        return StoreHistory(store, flag=flag)
    return history


def _held_back_by(switch: SwitchState, latch: Latch | None) -> str:
    if switch.position == "clear":
        return "" if latch is None else f"the guard rolled back: {latch.why}"
    return f"kill switch {switch.position}: {switch.why}"
