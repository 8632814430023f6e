"""Backpressure: transfers that receive no more for now, since their caller asks for it or much of theirs is undelivered.

Not the delivering (`deliveries`) nor the sockets (`sockets`); `http_multi` hands in pycurl: that has one door. What is not
received stays with libcurl and the kernel, and so in the end with the server.
Source: curl_easy_pause(3), CURLOPT_WRITEFUNCTION(3).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from shim.native.sockets import Sockets
from shim.native.transfer import Transfer

_MOST_WAITING: Final = 128  # segments of a transfer that may wait without its server having to


class Backpressure:
    """Holds transfers back, and lets them go on.

    Attributes:
        full: transfers that libcurl has paused, since they would take no more of what it had received.
        slowed: those that wait for what they have received to be delivered.
    """

    def __init__(self, sockets: Sockets, *, curl: Any) -> None:
        self.full: list[Transfer] = []
        self._sockets = sockets
        self._curl = curl
        self.slowed: set[Transfer] = set()

    def clear(self) -> None:
        """Forget all."""
        self.full.clear()
        self.slowed.clear()

    def pause(self, transfer: Transfer) -> None:
        """Receive no more of a transfer than libcurl has read, until it is resumed."""
        if transfer.easy is not None and not transfer.is_paused:
            transfer.is_paused = True
            self._hold(transfer)

    def resume(self, transfer: Transfer) -> None:
        """Receive on, unless much waits to be delivered."""
        if transfer.is_paused:
            transfer.is_paused = False
            self._go_on(transfer)

    def let_go(self, transfer: Transfer) -> None:
        """Take it that a transfer is over."""
        self.slowed.discard(transfer)
        self._unhold(transfer)

    def take_full(self) -> None:
        """Take those that libcurl has paused while it moved."""
        while self.full:
            transfer = self.full.pop()
            if transfer.easy is not None:
                self._slow(transfer)

    def balance(self, touched: Iterable[Transfer]) -> None:
        """Receive no more of what has much to be delivered, and on of what had."""
        for transfer in touched:
            if transfer.easy is not None and (transfer.is_behind or len(transfer.segments) > _MOST_WAITING):
                self._slow(transfer)
        for transfer in [each for each in self.slowed if not each.is_waiting]:
            self.slowed.discard(transfer)
            transfer.is_slowed = False
            self._go_on(transfer)

    def _slow(self, transfer: Transfer) -> None:
        if not transfer.is_slowed:
            transfer.is_slowed = True
            self.slowed.add(transfer)
            self._hold(transfer)

    def _hold(self, transfer: Transfer) -> None:
        if transfer.held is None:
            transfer.held = transfer.easy.getinfo(self._curl.ACTIVESOCKET)
            self._sockets.hold(transfer.held)
            transfer.easy.pause(self._curl.PAUSE_RECV)

    def _go_on(self, transfer: Transfer) -> None:
        if transfer.held is not None and not (transfer.is_paused or transfer.is_slowed):
            self._unhold(transfer)
            transfer.since = time.monotonic()
            transfer.easy.pause(self._curl.PAUSE_CONT)
            self._sockets.ring()

    def _unhold(self, transfer: Transfer) -> None:
        held, transfer.held = transfer.held, None
        if held is not None:
            self._sockets.unhold(held)
