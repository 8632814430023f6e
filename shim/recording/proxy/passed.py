"""What may be shown of an exchange that has passed: nothing of a header or a body, and no query.

Not the showing (`shim.cli.record`), not the record itself (`shim.recording.finished_exchange`).
"""

from __future__ import annotations

from msgspec import Struct

from shim.recording.exchange import Ended
from shim.recording.finished_exchange import Finished
from shim.wire.masking import mask_keys


class Passed(Struct, frozen=True, kw_only=True):
    """What may be shown of an exchange.

    Attributes:
        status: None where no head came.
        length: bytes of the response's body, without its framing.
        seconds: from the request's head to the end.
        fault: the kind of fault, "" where there was none.
        recorded: whether it is in the file.
    """

    method: str
    path: str
    status: int | None
    length: int
    seconds: float
    ended: Ended
    fault: str
    recorded: bool

    @classmethod
    def of(cls, finished: Finished, *, recorded: bool) -> Passed:
        """What may be shown of this one."""
        return cls(
            method=finished.request.method,
            path=mask_keys(_path_of(finished.request.url)),
            status=None if finished.response is None else finished.response.status,
            length=finished.passed,
            seconds=finished.finished,
            ended="overflow" if finished.overflowed else finished.ended,
            fault="" if finished.fault is None else finished.fault.kind,
            recorded=recorded,
        )


def _path_of(url: str) -> str:
    """The path that was asked for, without its query; a client's target may be no URL, so it is cut, not parsed."""
    return "/" + url.partition("://")[2].partition("/")[2].partition("?")[0]
