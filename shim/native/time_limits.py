"""When a transfer under way is looked at again, and why one ends that takes too long: pure, but for what libcurl is asked.

Not the moments themselves (`timers`) nor what is done about them (`http_multi`, which hands in pycurl). Limits on content and on
the whole are a layer's (`shim.layers.deadlines`).
"""

from __future__ import annotations

import math
from typing import Any, Final

from shim.native.transfer import Transfer, TransferFault

_SHARING_SECONDS: Final = 1.0  # how long a transfer waits for another's connection to be ready before it makes its own
_LOOKS_AT_HEAD: Final = 4  # within a limit of silence, at a head that comes in pieces


def patience_of(read_timeout: float | None) -> float | None:
    """Seconds of silence that are allowed; None for no limit."""
    return None if read_timeout == math.inf else read_timeout


def first_look(transfer: Transfer) -> float:
    """Seconds until a new transfer may need attention."""
    soonest = math.inf if transfer.patience is None else transfer.patience
    if transfer.shares and soonest > _SHARING_SECONDS:
        soonest = _SHARING_SECONDS
    return min(transfer.connect_limit, soonest)


def is_sent_off(transfer: Transfer, *, curl: Any) -> bool:
    """Whether a transfer has its connection, and libcurl has begun to send."""
    return bool(transfer.easy.getinfo(curl.PRETRANSFER_TIME))


def waits_for_connection(transfer: Transfer, *, curl: Any) -> bool:
    """Whether a transfer has not even begun to make a connection, as it may come to share another's."""
    return not (transfer.looked_up or transfer.easy.getinfo(curl.NAMELOOKUP_TIME))


def review(transfer: Transfer, now: float, *, curl: Any) -> float | TransferFault:
    """Say when to look at a transfer again, monotonic seconds, or why it ends."""
    if is_sent_off(transfer, curl=curl):
        return _review_sent(transfer, now, curl=curl)
    return _review_unsent(transfer, now, curl=curl)


def _review_sent(transfer: Transfer, now: float, *, curl: Any) -> float | TransferFault:
    """One whose server may have been silent for too long."""
    if now >= transfer.end_by:
        return TransferFault("timeout", "the body did not end in time after the last event")
    due = math.inf
    if transfer.patience is not None:
        if transfer.held is not None:
            return now + transfer.patience  # nobody wants to hear its server
        sent_after = transfer.easy.getinfo(curl.POSTTRANSFER_TIME_T) / 1e6
        due = transfer.last_sign(now, sent_after=sent_after) + transfer.patience
        if (due <= now or transfer.head_bytes) and _has_told_of_head(transfer, curl=curl):
            transfer.since, due = now, now + transfer.patience
        if due <= now:
            return TransferFault("timeout", f"the server sent nothing for {transfer.patience:g} s")
        if transfer.head_bytes and not transfer.status:
            due = min(due, now + transfer.patience / _LOOKS_AT_HEAD)
    if not transfer.shares or transfer.held is not None:
        return due
    # Its connection may be given up without a word; ever more seldom, as that shows early.
    return min(due, now + max(_SHARING_SECONDS, now - transfer.started))


def _has_told_of_head(transfer: Transfer, *, curl: Any) -> bool:
    """Whether a server has sent lines of a head since last asked, or interim ones (102): it is not silent, and has no answer yet.

    When they came libcurl does not tell, and to be told of each costs every answer: only where silence would end it is this
    asked, and from then on more often.
    """
    if transfer.status:
        return False
    before, transfer.head_bytes = transfer.head_bytes, transfer.easy.getinfo(curl.HEADER_SIZE)
    return transfer.head_bytes != before


def _review_unsent(transfer: Transfer, now: float, *, curl: Any) -> float | TransferFault:
    """One whose connection may take too long to make."""
    look = now + first_look(transfer)
    if waits_for_connection(transfer, curl=curl):
        return look
    due: float = transfer.started + transfer.easy.getinfo(curl.QUEUE_TIME_T) / 1e6 + transfer.connect_limit
    if due <= now:
        return TransferFault("timeout", f"no connection within {transfer.connect_limit:g} s")
    return min(look, due)
