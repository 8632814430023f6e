"""Interrupts in libcurl's callbacks: what a signal's handler raises there, which pycurl prints and forgets.

Not what the transfers are told that it ends (`curl_faults`). Taken from where it was printed, it leaves the turn: a time limit
(SIGALRM) or Ctrl-C would be lost else, and its program go on. Python runs a handler wherever its main thread begins a function,
and so in a callback too, before its first line; libcurl is told that the callback failed.
"""

from __future__ import annotations

import sys
import threading
from typing import Final

from shim.native.transfer import TransferFault

INTERRUPTED = TransferFault(
    "network", "a signal's handler raised in the midst of libcurl, which ends the transfers it has under way"
)
_ROOM: Final = __name__.rpartition(".")[0]
_OF_ONE_TRANSFER: Final = f"{_ROOM}.handles"

PRINTED: Final = vars(sys)
"""Where PyErr_Print leaves what it printed last, as `LAST_PRINTED`; mostly nothing ever was. Looked into in every turn."""
LAST_PRINTED: Final = "last_value"


def interrupt_since(before: object) -> BaseException | None:
    """What was raised in a callback of ours since; None in a thread that runs no handlers."""
    printed = PRINTED.get(LAST_PRINTED)
    if printed is before or not isinstance(printed, BaseException) or not _room_of(printed).startswith(_ROOM):
        return None
    return printed if threading.current_thread() is threading.main_thread() else None


def ends_all(interrupt: BaseException) -> bool:
    """Whether libcurl gives up all for it: a callback failed that is not of one transfer but of all."""
    return _room_of(interrupt) != _OF_ONE_TRANSFER


def _room_of(error: BaseException) -> str:
    """The module of the callback that it left."""
    traceback = error.__traceback__
    return "" if traceback is None else str(traceback.tb_frame.f_globals.get("__name__"))
