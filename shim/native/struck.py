"""What a signal's handler raised in the midst of libcurl, which pycurl prints and forgets, so that it leaves the turn.

Not what the transfer is told that it struck (`curl_faults`). A time limit (SIGALRM) or Ctrl-C would be lost
else, and its program go on. Python runs a handler wherever its main thread begins a function, and so in a callback too, before
its first line; libcurl is told that the callback failed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Final

from shim.native.transfer import TransferFault

STRUCK = TransferFault(
    "network", "a signal's handler raised in the midst of libcurl, which ends the transfers it has under way"
)
_ROOM: Final = __name__.rpartition(".")[0]
_LAST_PRINTED: Final = "last_value"  # where PyErr_Print leaves it, of `sys`
_OF_ONE_TRANSFER: Final = f"{_ROOM}.handles"


def moved(
    move: Callable[[float], int], now: float, *, or_else: Callable[[], int], fault: type[Exception]
) -> tuple[int, BaseException | None]:
    """Have libcurl work, and return with the result what struck meanwhile; `or_else`, where libcurl gives up all for that.

    It does where a callback failed that is not of one transfer but of all, and tells of it with a `fault` or not at all.
    """
    before = getattr(sys, _LAST_PRINTED, None)
    try:
        result = move(now)
    except fault:
        struck = _struck_since(before)
        if struck is None:
            raise
        return or_else(), struck
    if getattr(sys, _LAST_PRINTED, None) is before:
        return result, None
    struck = _struck_since(before)
    if struck is not None and _room_of(struck) != _OF_ONE_TRANSFER:
        result = or_else()
    return result, struck


def _struck_since(before: object) -> BaseException | None:
    """What was raised in a callback of ours since; None in a thread that runs no handlers."""
    printed = getattr(sys, _LAST_PRINTED, None)
    if printed is before or not isinstance(printed, BaseException) or not _room_of(printed).startswith(_ROOM):
        return None
    return printed if threading.current_thread() is threading.main_thread() else None


def _room_of(error: BaseException) -> str:
    """The module of the callback that it left."""
    traceback = error.__traceback__
    return "" if traceback is None else str(traceback.tb_frame.f_globals.get("__name__"))
