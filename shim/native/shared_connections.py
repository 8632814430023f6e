"""Connections of HTTP/2 that several transfers share: who is on each, and which takes no more, since it is silent.

Not the transfers (`transfer`) nor what moves them (`http_multi`, which hands in pycurl).
Source: CURLOPT_PREREQFUNCTION(3), CURLOPT_FORBID_REUSE(3), CURLOPT_CAINFO(3).

libcurl puts new requests on a connection as long as there is room, however long it has been silent, and closes none that another
stream is on. So where a transfer is stopped while nothing came on its connection, of any stream, for as long as one may take to
be made, or for its own read limit where that is shorter, new requests go elsewhere. The streams on it stay, each with its own
limit, so that no more connections are given up than have streams.

libcurl shares a connection between requests with equal settings of TLS. There is no setting to take one out of it (pycurl has no
CURLMOPT_NETWORK_CHANGED(3)), so new requests name the same file of certificates in another way.
"""

from __future__ import annotations

import math
import os
from typing import Any, Final, TypeAlias

from shim.native.settings import HttpSettings
from shim.native.transfer import SharedConnection, Transfer

_SPELLINGS: Final = 16  # then the first again, and what is still open of its time

Ends: TypeAlias = tuple[str, str, int, int]
"""Of a connection, as CURLOPT_PREREQFUNCTION(3) tells them: its addresses, then its ports."""


class SharedConnections:
    """Those of one client that have streams.

    Attributes:
        ca_file: how a new request names it.
    """

    def __init__(self, ca_file: str, *, settings: HttpSettings, curl: Any) -> None:
        self.ca_file = ca_file
        self._spellings = spellings(ca_file)
        self._times_given_up = 0
        self._open: dict[Ends, SharedConnection] = {}
        self._connect_timeout = settings.connect_timeout or math.inf
        # Where they are limited, those that are given up count until their streams have ended: none might be left.
        self._gives_up = not settings.max_connections
        self._curl = curl

    def __len__(self) -> int:
        return len(self._open)

    def join(self, transfer: Transfer, ends: Ends, *, ca_file: str) -> None:
        """Take it that a transfer begins on a connection; it may have begun on another before."""
        self.leave(transfer)
        connection = self._open.get(ends)
        if connection is None:
            connection = self._open[ends] = SharedConnection(ca_file)
        connection.streams += 1
        transfer.connection, transfer.ends = connection, ends

    def leave(self, transfer: Transfer) -> None:
        """Take it that a transfer is over; what is still to be delivered of it counts as heard."""
        if transfer.ends is None or transfer.connection is None:
            return
        ends, transfer.ends = transfer.ends, None
        transfer.connection.streams -= 1
        if not transfer.connection.streams:
            del self._open[ends]

    def heed_silence(self, transfer: Transfer, now: float) -> None:
        """Have new requests go on other connections, where that of one that is stopped is silent and others are on it."""
        connection = transfer.connection
        if connection is None or not self._gives_up or connection.streams < 2 or connection.ca_file != self.ca_file:
            return
        limit = min(self._connect_timeout, transfer.patience or math.inf)
        if self._last_heard(transfer, now=now) + limit <= now:
            self._times_given_up += 1
            self.ca_file = self._spellings[self._times_given_up % _SPELLINGS]

    def _last_heard(self, transfer: Transfer, *, now: float) -> float:
        if transfer.held is not None:  # nobody wants to hear its server
            return now
        sent_after = transfer.easy.getinfo(self._curl.POSTTRANSFER_TIME_T) / 1e6
        others = 0.0 if transfer.connection is None else transfer.connection.heard
        return max(others, transfer.last_sign(now, sent_after=sent_after))

    def clear(self) -> None:
        """Forget all."""
        self._open.clear()


def spellings(path: str) -> list[str]:
    """Some ways to name one file."""
    folder, name = os.path.split(path)
    return [os.path.join(folder, *["."] * times, name) for times in range(_SPELLINGS)]  # noqa: PTH118 - pathlib has one way
