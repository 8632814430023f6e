"""Counting: how many lines of ours a piece of work runs, to hold how work grows without a clock.

Not for what C does by itself: a slice or a copy of a long list counts as one line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines_run(work: Callable[[], object]) -> int:
    """Run it, and count the lines of `shim` that ran; a line that goes round in a comprehension counts each time."""
    count = 0

    def within(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return within

    def entered(frame: FrameType, _event: str, _arg: object) -> Any:
        return within if str(frame.f_globals.get("__name__", "")).startswith("shim.") else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def assert_linear(work_of: Callable[[int], Callable[[], object]], *, few: int, many: int) -> None:
    """Hold that work on `many` of something runs no more lines for each than work on `few` does, but for a tenth."""
    least, most = lines_run(work_of(few)), lines_run(work_of(many))
    assert most * few <= least * many * 1.1, f"{least} lines for {few}, {most} for {many}"
