"""StoreSync: carries one process's evidence, counts, pins and latch to a store, and brings back those of all.

Not the store (`store`), not the thread that this runs on (`refresher`), not what follows from what is brought back (`keeper`).
It may block as long as the store does. Where the store fails, what waits is kept, within bounds, and sent again.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from shim.migration import refresher
from shim.migration.arms import arms_epoch
from shim.migration.governor import Latch, stage_before
from shim.migration.kill_switch import CLEAR, SwitchState
from shim.migration.pins import PinSettings
from shim.migration.status import StoreHealth
from shim.migration.store import Batch, Snapshot, StoredLatch, StoredPin, StoreError

if TYPE_CHECKING:
    from shim.migration.guard_port import GuardPort
    from shim.migration.local_state import LocalState
    from shim.migration.store import Store

__all__ = ["StoreSync"]

_SILENT = SwitchState("unknown", f"the store's switch was not read for {refresher.SILENT_SECONDS:.0f} s")

LOGGER = logging.getLogger("shim.migration")

# Batches that wait while the store is away: some minutes of refreshes. Evidence is worth little after an hour of silence.
_MAX_WAITING = 500

# Pages of pins that one refresh reads: half a million conversations. What is left is read by the next one.
_MAX_PAGES = 50


class StoreSync:
    """The store's side of one rollout in one process.

    Args:
        store: shared.
        flag: the rollout's name.
        guard: whose evidence is carried; None without one.
        pins: settings; None for no pins.

    Attributes:
        health: how the store is.
        snapshot: what was last read; None before the first time.
    """

    def __init__(self, store: Store, *, flag: str, guard: GuardPort | None, pins: PinSettings | None) -> None:
        self._store = store
        self._flag = flag
        self._guard = guard
        self._pins = pins
        self._position = 0
        self._waiting: deque[Batch] = deque(maxlen=_MAX_WAITING)
        self._dropped = 0
        self._switch = SwitchState("unknown", "the store was not read yet")
        self._ended = time.monotonic()  # the last look, well or not
        self.health = StoreHealth(state="unread")
        self.snapshot: Snapshot | None = None

    @property
    def switch(self) -> SwitchState:
        """The store's kill switch as it was last read; unknown where it was not read for long."""
        if self._switch is CLEAR and time.monotonic() - self._ended > refresher.SILENT_SECONDS:
            return _SILENT
        return self._switch

    def inherit(self, other: StoreSync) -> None:
        """Take over what the process that this one was forked from has read last."""
        self._switch, self._ended, self.snapshot = other._switch, other._ended, other.snapshot

    def run(self, local: LocalState, *, tripped: Latch | None, evidence: Mapping[str, Any]) -> Latch | None:
        """Write what waits, read what holds.

        Args:
            local: of this process.
            tripped: a latch of this process that the store does not know yet.
            evidence: figures behind it.

        Returns:
            The latch that holds for all.

        Raises:
            StoreError: the store failed; what waits is kept.
        """
        self._gather(local)
        try:
            if tripped is not None:
                self._store.latch(
                    self._flag,
                    epoch=str(evidence.get("epoch") or tripped.step),
                    reason=tripped.why,
                    by=tripped.by,
                    evidence=evidence,
                )
            self._send()
            self._share_pins(local)
            self._read(self._store.snapshot(self._flag))
        except Exception as error:
            self._failed(error)
            raise
        finally:
            self._ended = time.monotonic()
        self._healthy()
        return None if self.snapshot is None else latch_from(self.snapshot.latch)

    def _gather(self, local: LocalState) -> None:
        with local.lock:
            unsent = local.arms.take_unsent()
        batches = [
            Batch(batch_id=uuid.uuid4().hex, epoch=arms_epoch(step), sums=sums) for step, sums in unsent.items() if sums
        ]
        if self._guard is not None:
            batches.extend(self._guard.take())
        self._dropped += max(0, len(self._waiting) + len(batches) - _MAX_WAITING)
        self._waiting.extend(batches)

    def _send(self) -> None:
        while self._waiting:
            self._store.add(self._flag, self._waiting[0])  # again as it is, where it is not sure that it arrived
            self._waiting.popleft()

    def _share_pins(self, local: LocalState) -> None:
        if local.pins is None or self._pins is None:
            return
        with local.lock:
            unsent = local.pins.take_unsent()
        try:
            held = self._store.pin(
                self._flag,
                {unit: StoredPin(arm=pin.arm, share=pin.share) for unit, pin in unsent.items()},
                max_age=self._pins.idle,
            )
        except StoreError:
            with local.lock:
                local.pins.send_again(unsent)
            raise
        learned = {self._store.unit_key(self._flag, unit): pin for unit, pin in held.items()}
        for _ in range(_MAX_PAGES):
            page = self._store.read_pins_after(self._flag, after=self._position)
            learned = {**page.pins, **learned}
            if page.position == self._position:
                break
            self._position = page.position
        with local.lock:
            for key, pin in learned.items():
                local.pins.learn(key, arm=pin.arm, share=pin.share)

    def _read(self, snapshot: Snapshot) -> None:
        switch = snapshot.kill_switch
        if switch is None or not switch.on:
            self._switch = CLEAR
        else:
            self._switch = SwitchState("thrown", f"the store's switch, by {switch.by}: {switch.reason}")
        self.snapshot = snapshot
        if self._guard is not None:
            self._guard.share(snapshot)

    def _healthy(self) -> None:
        if self.health.state == "unreachable":
            LOGGER.warning("the store of %s can be reached again", self._flag)
        since = self.health.since if self.health.state == "ok" else time.time()
        self.health = StoreHealth(state="ok", since=since, dropped=self._dropped)

    def _failed(self, error: Exception) -> None:
        fault = f"{type(error).__name__}: {error}"[:300]
        if self.health.state != "unreachable":
            LOGGER.warning(
                "the store of %s fails, what was read last holds and nothing is promoted: %s", self._flag, fault
            )
            self.health = replace(self.health, state="unreachable", since=time.time())
        self._position = 0  # a server that comes back may have lost its pins, and count them anew
        self.health = replace(self.health, fault=fault, waiting=len(self._waiting), dropped=self._dropped)
        if self._switch.position != "thrown":  # a switch that cannot be read is not released
            self._switch = SwitchState("unknown", f"the store's switch cannot be read: {fault}")
        if self._guard is not None:
            self._guard.blind(fault)


def latch_from(stored: StoredLatch | None) -> Latch | None:
    """A latch as the store has it."""
    if stored is None:
        return None
    step = str(stored.evidence.get("step") or stored.epoch)  # an epoch's name may be a hash
    return Latch(step=step, stage=stage_before(step), why=stored.reason, by=stored.by, at=stored.at)
