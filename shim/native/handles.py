"""Handles of libcurl, kept from one transfer to the next: told at once what never changes, and the rest when it does.

Not the transfers (`transfer`) nor what moves them (`http_multi`), which hands in pycurl: that has one door.
Source: curl_easy_setopt(3).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from msgspec import Struct

from shim.native.curl_options import upload_buffer
from shim.native.routes import HttpRoute
from shim.native.shared_connections import SharedConnections
from shim.native.transfer import HttpRequest, Transfer

PAUSE_RECEIVING: Final = 0x10000001
"""CURL_WRITEFUNC_PAUSE: what libcurl's write callback returns to get the same bytes again."""
_MOST_SEGMENTS: Final = 2048  # of one transfer that wait: a server may send each byte in a chunk of its own
NAMES_KEPT: Final = 60
"""Seconds that libcurl takes a name for looked up (CURLOPT_DNS_CACHE_TIMEOUT(3))."""
_NO_LINES: Final[list[bytes]] = []  # of every transfer that is over: these lines are the next one's
_MOST_IDLE: Final = 64  # handles
_GO_ON: Final = 0  # what libcurl takes for consent, from its callbacks that ask for it


class _Told(Struct, frozen=True, gc=False):
    """What differs between transfers. At first: what libcurl takes for granted, and otherwise nothing it would be told."""

    url: str = ""
    headers: Sequence[str] = ()
    size: int = -1
    pipewait: bool = False
    connect_ms: int = -1
    proxy: str | None = None
    ca_file: str = ""
    names_kept: int = NAMES_KEPT

    def __repr__(self) -> str:
        return f"<_Told, {self.size} bytes to {self.url}>"  # a header holds the key


class Names:
    """How long libcurl takes a name for looked up: a minute, as is its custom, but not at all for a minute after a fault.

    It keeps what a lookup gave, "no such name" too, and an address that fails is asked again and again, while the name has long
    been given another. Kept alive connections need no name.
    """

    def __init__(self) -> None:
        self._doubted_until = -math.inf

    def doubt(self, now: float) -> None:
        """Take it that an address failed."""
        self._doubted_until = now + NAMES_KEPT

    def kept(self, now: float) -> int:
        """Seconds, for a transfer that starts now."""
        return NAMES_KEPT if now >= self._doubted_until else 0


class Handles:
    """The handles of a client: those of transfers that have ended are kept for the next ones, up to a number.

    Args:
        options: told to each handle.
        make: makes what `Handle` calls `easy`.
        curl, made, touched, full, shared: as `Handle` takes them.

    Attributes:
        names: that they look up.
    """

    def __init__(
        self,
        options: Mapping[int, Any],
        *,
        curl: Any,
        make: Callable[[], Any],
        made: Callable[[int, int], int],
        touched: deque[Transfer],
        full: list[Transfer],
        shared: SharedConnections,
    ) -> None:
        self.names = Names()
        self._make_easy = make
        self._make = partial(
            Handle, options, curl=curl, made=made, touched=touched, full=full, shared=shared, names=self.names
        )
        self._idle: list[Handle] = []

    def take(self) -> Handle:
        """One that carries nothing."""
        return self._idle.pop() if self._idle else self._make(easy=self._make_easy())

    def give_back(self, handle: Handle) -> None:
        """Take one whose transfer is over, and which is no longer with libcurl's multi handle."""
        handle.rest()
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(handle)
        else:
            handle.easy.close()

    def close(self) -> None:
        """Release those that are idle."""
        for handle in self._idle:
            handle.easy.close()
        self._idle.clear()

    def clear(self) -> None:
        """Forget those that are idle; in a forked child, where they are the parent's."""
        self._idle.clear()


_NOTHING_TOLD: Final = _Told()


class Handle:
    """An easy handle and whose transfer it carries now; its callbacks are set once and ask here for that.

    Args:
        options: told to each handle of a client.
        curl: the module of pycurl.
        easy: pycurl's, told nothing yet.
        made: libcurl's callback for a new socket.
        touched: where a transfer goes that has received something.
        full: where one goes that takes no more for now, and has libcurl wait.
        shared: the connections that transfers may share.
        names: how long what was looked up is kept.

    Attributes:
        easy: pycurl's.
        transfer: None while it is idle, and nothing is received or sent.
    """

    __slots__ = (
        "_curl",
        "_full",
        "_head",
        "_is_alone",
        "_is_asked",
        "_is_last",
        "_names",
        "_shared",
        "_told",
        "_touched",
        "easy",
        "transfer",
    )

    def __init__(
        self,
        options: Mapping[int, Any],
        *,
        curl: Any,
        easy: Any,
        made: Callable[[int, int], int],
        touched: deque[Transfer],
        full: list[Transfer],
        shared: SharedConnections,
        names: Names,
    ) -> None:
        self._curl = curl
        self._names = names
        self._touched = touched
        self._full = full
        self._shared = shared
        self._head: list[bytes] = []  # libcurl takes 300 KiB of one at most
        self._is_alone = self._is_last = self._is_asked = False
        self._told = _NOTHING_TOLD
        self.transfer: Transfer | None = None
        self.easy = easy
        for option, value in options.items():
            easy.setopt(option, value)
        easy.setopt(curl.READFUNCTION, self._on_read)
        easy.setopt(curl.WRITEFUNCTION, self._on_body)
        easy.setopt(curl.HEADERFUNCTION, self._head.append)  # read when something comes of it: `Transfer.read_head`
        easy.setopt(curl.RESOLVER_START_FUNCTION, self._on_lookup)
        easy.setopt(curl.SOCKOPTFUNCTION, made)

    def carry(self, transfer: Transfer, request: HttpRequest, *, route: HttpRoute) -> None:
        """Carry a transfer as soon as the handle is added."""
        self.transfer = transfer
        transfer.easy = self.easy
        transfer.head = self._head
        ca_file, kept = self._shared.ca_file, self._names.kept(transfer.started)
        limit, proxy, pipewait = route.connect_ms, route.proxy, not transfer.alone
        told = _Told(request.url, request.headers, transfer.size, pipewait, limit, proxy, ca_file, kept)
        if told != self._told:
            self._tell(told)
        if transfer.shares and not self._is_asked:  # a call more for each transfer, of no use where none shares
            self._is_asked = True
            self.easy.setopt(self._curl.PREREQFUNCTION, self._on_connection)

    def _tell(self, told: _Told) -> None:
        curl, setopt, before = self._curl, self.easy.setopt, self._told
        self._told = told
        if told.url != before.url:
            setopt(curl.URL, told.url)
        if told.headers != before.headers:
            setopt(curl.HTTPHEADER, told.headers)
        if told.size != before.size:
            setopt(curl.POSTFIELDSIZE, told.size)
            if upload_buffer(told.size) != upload_buffer(before.size):
                setopt(curl.UPLOAD_BUFFERSIZE, upload_buffer(told.size))
        if told.pipewait != before.pipewait:
            setopt(curl.PIPEWAIT, int(told.pipewait))
        if told.connect_ms != before.connect_ms:
            setopt(curl.CONNECTTIMEOUT_MS, told.connect_ms)
        if told.proxy != before.proxy:
            self._tell_proxy(told.proxy)
        if told.ca_file != before.ca_file:
            setopt(curl.CAINFO, told.ca_file)
        if told.names_kept != before.names_kept:
            setopt(curl.DNS_CACHE_TIMEOUT, told.names_kept)

    def _tell_proxy(self, proxy: str | None) -> None:
        if proxy is None:
            self.easy.unsetopt(self._curl.PROXY)
        else:
            self.easy.setopt(self._curl.PROXY, proxy)

    def start_over(self) -> None:
        """Have its transfer begin again, on a connection of its own; nothing of it was read."""
        self._head.clear()
        self._is_alone = True
        self.easy.setopt(self._curl.PIPEWAIT, 0)
        self.easy.setopt(self._curl.FRESH_CONNECT, 1)

    def forbid_reuse(self) -> None:
        """Have its connection closed when its transfer is taken off, where libcurl would keep it for the next."""
        self._is_last = True
        self.easy.setopt(self._curl.FORBID_REUSE, 1)

    def rest(self) -> None:
        """Let go of its transfer, whose head was read."""
        if self.transfer is not None:
            self.transfer.head = _NO_LINES
            self.transfer = None
        self._head.clear()
        if self._is_alone:
            self._is_alone = False
            self.easy.setopt(self._curl.PIPEWAIT, int(self._told.pipewait))
            self.easy.setopt(self._curl.FRESH_CONNECT, 0)
        if self._is_last:
            self._is_last = False
            self.easy.setopt(self._curl.FORBID_REUSE, 0)

    def _on_read(self, size: int) -> bytes:
        """Be libcurl's read callback.

        A body is never given whole: from a buffer libcurl would, unasked, send the request again where a connection it had
        kept broke before the answer, and the model would perhaps run twice.
        """
        return b"" if self.transfer is None else self.transfer.body.read(size)

    def _on_body(self, data: bytes) -> int | None:
        """Be its write callback; it may have to wait with these bytes, and then pauses the transfer."""
        transfer = self.transfer
        if transfer is None:
            return None
        segments = transfer.segments
        if not segments:
            if not transfer.is_behind:
                self._touched.append(transfer)
        elif len(segments) >= _MOST_SEGMENTS:
            self._full.append(transfer)
            return PAUSE_RECEIVING
        segments.append(data)
        return None

    def _on_lookup(self) -> int:
        """Be its callback at the start of a name lookup."""
        if self.transfer is not None:
            self.transfer.looked_up = True
        return _GO_ON

    def _on_connection(self, *ends: Any) -> int:
        """Be its callback when a transfer has its connection, whether new or kept."""
        if self.transfer is not None and self.transfer.shares:
            self._shared.join(self.transfer, ends, ca_file=self._told.ca_file)
        return _GO_ON
