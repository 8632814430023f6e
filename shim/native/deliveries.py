"""What transfers have received and what has ended, delivered in turns of bounded work, each transfer its share.

Not the receiving (`http_multi`) nor what a delivery is (`transfer.Receiver`). How much a turn is: `shim.calls.turn`.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from shim.calls.turn import SHARE, TURN
from shim.native.transfer import Transfer, TransferFault

_PIECE_SEGMENTS: Final = 64  # handed over at a time, at most; and bytes, unless one segment has more
_PIECE_BYTES: Final = 32 * 1024  # libcurl's segments have half of that at most
_AN_END: Final = 64  # what it counts beside its body


class Deliveries:
    """Transfers that wait to be delivered. A transfer is in `touched` once, as long as it has something.

    Attributes:
        touched: those that have received, the next to be served first.
        ended: those that have ended, and how.
    """

    def __init__(self) -> None:
        self.touched: deque[Transfer] = deque()
        self.ended: deque[tuple[Transfer, TransferFault | None]] = deque()

    def __bool__(self) -> bool:
        return bool(self.touched or self.ended)

    def clear(self) -> None:
        """Forget all."""
        self.touched.clear()
        self.ended.clear()

    def deliver(self, now: float) -> None:
        """Deliver what waits: a turn at most of what was received, and as much of what has ended. Neither waits for the other.

        Args:
            now: monotonic seconds, the sign of life of each that has received.
        """
        left, touched = TURN, self.touched
        while touched and left > 0:
            transfer = touched.popleft()
            transfer.since = now
            if transfer.connection is not None:
                transfer.connection.heard = now
            if not transfer.status:
                transfer.read_head()
            segments, receiver = transfer.segments, transfer.receiver
            if len(segments) != 1 or receiver is None or transfer.is_behind:
                left -= self._serve(transfer, at_most=min(left, SHARE))
                continue
            transfer.segments = []  # what follows is what `_serve` does: nearly always there is one segment
            try:
                left -= receiver.on_segments(transfer, segments)
            except BaseException:
                self._take_back(transfer)
                raise
            if transfer.segments or transfer.is_behind:
                touched.append(transfer)
        if self.ended:
            self._tell_ends()

    def _tell_ends(self) -> None:
        left = TURN
        for _ in range(len(self.ended)):
            if left <= 0 or not self.ended:  # a receiver may have closed the client
                return
            left -= self._tell_end()

    def _take_back(self, transfer: Transfer) -> None:
        """After a KeyboardInterrupt: what was not delivered is, at the next call."""
        transfer.is_behind = True
        self.touched.appendleft(transfer)

    def _serve(self, transfer: Transfer, *, at_most: int) -> int:
        """Deliver a share of what a transfer has; what is left waits until the others have had theirs."""
        delivered = 0
        while (receiver := transfer.receiver) is not None:
            segments = transfer.segments
            if transfer.is_behind:
                piece: list[bytes] = []
            elif len(segments) == 1:
                piece, transfer.segments = segments, []
            else:
                piece = _next_piece(transfer)
            transfer.is_behind = False
            try:
                delivered += receiver.on_segments(transfer, piece)
            except BaseException:
                self._take_back(transfer)
                raise
            if not (transfer.segments or transfer.is_behind):
                break
            if delivered >= at_most:
                self.touched.append(transfer)
                break
        return delivered

    def _tell_end(self) -> int:
        """Deliver the first end; that of a transfer with something left before it goes to the back."""
        transfer, fault = self.ended[0]
        delivered = 0
        if transfer.receiver is not None:
            if transfer.segments or transfer.is_behind:
                self.ended.rotate(-1)
                return 0
            delivered = _AN_END + transfer.receiver.on_end(transfer, fault)
            transfer.receiver = None
        if self.ended:  # only now, for an interrupt; and it may have closed this
            self.ended.popleft()
        return delivered


def _next_piece(transfer: Transfer) -> list[bytes]:
    """Take from a transfer what is delivered at once: many short segments, or a few."""
    segments = transfer.segments
    piece = segments[:_PIECE_SEGMENTS]
    while len(piece) > 1 and sum(map(len, piece)) > _PIECE_BYTES:
        del piece[len(piece) // 2 :]
    del segments[: len(piece)]
    return piece
