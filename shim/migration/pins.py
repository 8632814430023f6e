"""Pins: a running conversation stays in the arm in which it began, while the share grows or shrinks.

Not who decides the first time (`rollout`), not how pins reach other processes (`store_sync`). Tool-call ids, encrypted reasoning
and `previous_response_id` do not cross from one arm to the other, so moving a conversation midway can break it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from shim.migration.decision import Arm
from shim.migration.policy import PolicyError

__all__ = ["Pin", "PinSettings", "Pins", "pin_settings"]

# A pin takes some 300 bytes, so these are some 30 MB: a hundred thousand conversations at a time, in one process.
_MAX_PINS = 100_000

# Pins that wait to be written to the store: those of one refresh. More are not shared, and are counted.
_MAX_UNSENT = 10_000


class Pin(Struct, gc=False):
    """Where a conversation is, and the share under which it was given to that arm. `seen` is monotonic seconds."""

    arm: Arm
    share: float
    seen: float
    sent: float = 0.0


class PinSettings(Struct, frozen=True, kw_only=True):
    """How long and how many conversations are kept in their arm.

    Attributes:
        idle: seconds without a request after which a conversation counts as ended.
        most: so many at a time, in each process; of more, those without a request for longest are let go.
    """

    idle: float = 3600.0
    most: int = _MAX_PINS


class Pins:
    """The pins of one process. Not locked: its owner is.

    Args:
        settings: how long and how many.
        key_of: the key of a unit, as the store has it; None where pins are not shared, and a unit is its own key.

    Attributes:
        key_of: the same.
        unshared: pins that were not handed to the store, as too many waited.
    """

    def __init__(self, settings: PinSettings, *, key_of: Callable[[str], str] | None = None) -> None:
        self._settings = settings
        self._shared = key_of is not None
        self.key_of: Callable[[str], str] = key_of or str
        self._pins: OrderedDict[str, Pin] = OrderedDict()  # by key, the one seen longest ago first
        self._unsent: dict[str, Pin] = {}  # by unit
        self.unshared = 0

    def __len__(self) -> int:
        return len(self._pins)

    def find(self, key: str, *, unit: str) -> Pin | None:
        """The pin that holds, kept alive by being asked for; None where there is none, or it has lapsed.

        Args:
            key: `key_of(unit)`, which a store hashes: whoever asks computes it once.
            unit: the unit.
        """
        pin = self._pins.get(key)
        if pin is None:
            return None
        now = time.monotonic()
        if now - pin.seen > self._settings.idle:
            del self._pins[key]
            return None
        pin.seen = now
        self._pins.move_to_end(key)
        if self._shared and now - pin.sent > self._settings.idle / 4:
            self._send(unit, pin, now=now)
        return pin

    def put(self, key: str, *, unit: str, arm: Arm, share: float) -> None:
        """Pin a unit that has no pin; `key` as in `find`."""
        now = time.monotonic()
        pin = Pin(arm, share, now)
        self._keep(key, pin)
        if self._shared:
            self._send(unit, pin, now=now)

    def learn(self, key: str, *, arm: Arm, share: float) -> None:
        """Take a pin that the store holds; it was the first, so it holds here too."""
        now = time.monotonic()
        self._keep(key, Pin(arm, share, now, sent=now))

    def take_unsent(self) -> dict[str, Pin]:
        """The units pinned, or asked for after a while, since this was last asked."""
        unsent, self._unsent = self._unsent, {}
        return unsent

    def send_again(self, unsent: dict[str, Pin]) -> None:
        """Take back what could not be sent."""
        for unit, pin in unsent.items():
            self._send(unit, pin, now=pin.seen)

    def _keep(self, key: str, pin: Pin) -> None:
        self._pins[key] = pin
        self._pins.move_to_end(key)
        while len(self._pins) > self._settings.most:
            self._pins.popitem(last=False)

    def _send(self, unit: str, pin: Pin, *, now: float) -> None:
        if len(self._unsent) >= _MAX_UNSENT:
            self.unshared += 1
            return
        self._unsent[unit] = pin
        pin.sent = now


def pin_settings(pin: object) -> PinSettings | None:
    """What `Rollout(pin=...)` means: None for no pins, seconds of quiet, or the settings.

    Raises:
        PolicyError: it is none of these.
    """
    if pin is None or isinstance(pin, PinSettings):
        settings = pin
    elif isinstance(pin, int | float) and not isinstance(pin, bool):
        settings = PinSettings(idle=pin)
    else:
        raise PolicyError(
            f"pin is of type {type(pin).__name__}; give the seconds without a request after which a conversation has ended",
            field="pin",
        )
    if settings is not None and not (0 < settings.idle <= 30 * 86400 and settings.most >= 1):
        raise PolicyError(
            f"pin is {settings.idle!r} s, {settings.most!r} pins; give up to 30 days, and at least one pin", field="pin"
        )
    return settings
