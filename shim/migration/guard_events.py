"""Guard events: that a guard's answer has changed, told to a log, a callback and a telemetry hook.

Not the judging (`guard_verdict`, `guard`). What a hook raises is counted and logged once, and goes no further. Of an exception
its type is logged, and no more: its message may hold what somebody said to a model.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from shim.migration.guard_port import Answer

LOGGER = logging.getLogger("shim.migration")

EVENT_NAME = "shim.migration.guard"


class GuardEvent(Struct, frozen=True, kw_only=True):
    """A guard's answer has changed, or the reason for it.

    Attributes:
        answer, before: what it says now, and said before.
        reason: of `shim.migration.guard_verdict.Reason`, or "reset" or "step".
        kind: of bad event that tells most, None where the answer is about none.
        why: the reason as a sentence.
        step: whose evidence it is.
        enforced: whether the answer is acted on: the guard's mode is "enforce".
        e_value, limit: the evidence of that kind's group, and from where on it counts.
        control, candidate: conversations of which a request has ended.
        at: when, epoch seconds.
    """

    answer: Answer
    before: Answer
    reason: str
    kind: str | None
    why: str
    step: str
    enforced: bool
    e_value: float
    limit: float
    control: int
    candidate: int
    at: float

    def attributes(self) -> dict[str, str | float | bool]:
        """Plain data, for telemetry."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


OnAnswer: TypeAlias = Callable[[GuardEvent], object]
Telemetry: TypeAlias = Callable[[str, Mapping[str, "str | float | bool"]], object]
"""Called with the name of an event and its attributes, as `Span.add_event` of OpenTelemetry."""


class Announcer:
    """Tells events.

    Attributes:
        errors: hook -> how often it has raised.
    """

    def __init__(self, *, on_answer: OnAnswer | None, telemetry: Telemetry | None) -> None:
        self._on_answer = on_answer
        self._telemetry = telemetry
        self.errors: Counter[str] = Counter()

    def tell(self, event: GuardEvent) -> None:
        """Tell everybody."""
        self._guarded("the log", lambda: _log(event))
        if self._on_answer is not None:
            self._guarded("on_answer", lambda: self._on_answer and self._on_answer(event))
        if self._telemetry is not None:
            self._guarded("telemetry", lambda: self._telemetry and self._telemetry(EVENT_NAME, event.attributes()))

    def fault(self, what: str, error: Exception) -> None:
        """Count something that went wrong, and log the first of its kind."""
        self.errors[what] += 1
        if self.errors[what] == 1:
            LOGGER.warning("the guard goes on without %s, which raised %s", what, type(error).__name__)

    def _guarded(self, what: str, hook: Callable[[], object]) -> None:
        try:
            hook()
        except Exception as error:  # noqa: BLE001 - a hook is not ours, and must not reach the call that is being noted
            self.fault(what, error)


def _log(event: GuardEvent) -> None:
    doubtful = event.answer == "roll_back" or event.reason not in ("fine", "not_enough", "reset", "step")
    LOGGER.log(
        logging.WARNING if doubtful else logging.INFO,
        "guard: %s (%s) on step %s, before %s: %s%s",
        event.answer,
        event.reason,
        event.step,
        event.before,
        event.why,
        "" if event.enforced or event.answer != "roll_back" else "; only observed, nothing is done",
    )
