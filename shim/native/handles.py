"""Handles of libcurl, kept from one transfer to the next: told at once what never changes, and the rest when it does.

Not the transfers (`transfer`) nor what moves them (`http_multi`), which hands in pycurl: that has one door.
Source: curl_easy_setopt(3).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from shim.native.curl_options import upload_buffer
from shim.native.shared_connections import SharedConnections
from shim.native.transfer import HttpRequest, Transfer

PAUSE_RECEIVING: Final = 0x10000001
"""CURL_WRITEFUNC_PAUSE: what libcurl's write callback returns to get the same bytes again."""
_MOST_SEGMENTS: Final = 2048  # of one transfer that wait: a server may send each byte in a chunk of its own
_NO_LINES: Final[list[bytes]] = []  # of every transfer that is over: these lines are the next one's
_GO_ON: Final = 0  # what libcurl takes for consent, from its callbacks that ask for it

# The address, its headers, the body's length, PIPEWAIT, the limit to connect, the proxy, the certificates: what differs between
# transfers.
_Told: TypeAlias = tuple[str, object, int, bool, int, "str | None", str]


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
    ) -> None:
        self._curl = curl
        self._touched = touched
        self._full = full
        self._shared = shared
        self._head: list[bytes] = []  # libcurl takes 300 KiB of one at most
        self._is_alone = self._is_last = self._is_asked = False
        self._told: _Told = ("", (), -1, False, -1, None, "")  # libcurl's own are another matter: no PIPEWAIT, no proxy
        self.transfer: Transfer | None = None
        self.easy = easy
        for option, value in options.items():
            easy.setopt(option, value)
        easy.setopt(curl.READFUNCTION, self._on_read)
        easy.setopt(curl.WRITEFUNCTION, self._on_body)
        easy.setopt(curl.HEADERFUNCTION, self._head.append)  # read when something comes of it: `Transfer.read_head`
        easy.setopt(curl.RESOLVER_START_FUNCTION, self._on_lookup)
        easy.setopt(curl.SOCKOPTFUNCTION, made)

    def carry(self, transfer: Transfer, request: HttpRequest, *, connect_ms: int, proxy: str | None) -> None:
        """Carry a transfer as soon as the handle is added; `proxy` None leaves that to libcurl and the environment."""
        self.transfer = transfer
        transfer.easy = self.easy
        transfer.head = self._head
        pipewait, ca_file = not transfer.alone, self._shared.ca_file
        told: _Told = (request.url, request.headers, len(request.body), pipewait, connect_ms, proxy, ca_file)
        if told != self._told:
            self._tell(told)
        if transfer.shares and not self._is_asked:  # a call more for each transfer, of no use where none shares
            self._is_asked = True
            self.easy.setopt(self._curl.PREREQFUNCTION, self._on_connection)

    def _tell(self, told: _Told) -> None:
        curl, setopt = self._curl, self.easy.setopt
        url, headers, size, pipewait, connect, proxy, ca_file = told
        url_before, headers_before, size_before, pipewait_before, connect_before, proxy_before, ca_before = self._told
        self._told = told
        if url != url_before:
            setopt(curl.URL, url)
        if headers != headers_before:
            setopt(curl.HTTPHEADER, headers)
        if size != size_before:
            setopt(curl.POSTFIELDSIZE, size)
            if upload_buffer(size) != upload_buffer(size_before):
                setopt(curl.UPLOAD_BUFFERSIZE, upload_buffer(size))
        if pipewait != pipewait_before:
            setopt(curl.PIPEWAIT, int(pipewait))
        if connect != connect_before:
            setopt(curl.CONNECTTIMEOUT_MS, connect)
        if proxy != proxy_before:
            if proxy is None:
                self.easy.unsetopt(curl.PROXY)
            else:
                setopt(curl.PROXY, proxy)
        if ca_file != ca_before:
            setopt(curl.CAINFO, ca_file)

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
            self.easy.setopt(self._curl.PIPEWAIT, int(self._told[3]))
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
            self._shared.join(self.transfer, ends, ca_file=self._told[6])
        return _GO_ON
