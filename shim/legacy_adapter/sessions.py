"""The sessions that the legacy client sends through: its own, made safe, and a caller's, guarded.

Not the client (`legacy_openai`, untouched), which knows neither of this, nor what of a caller's session is refused
(`session_check`). Python's http.client takes an interim answer other than 100 for the final one: the answer itself then waits on
the connection, for whoever asks next. The own session reads past interim heads. Of a session of a caller's the adapters are its
own: there such an answer closes its connection and is an error.
Source: RFC 9110 15.2 (a client must be able to read past 1xx), 15.2.2 (101 switches protocols).
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from typing import TYPE_CHECKING, Any, Final, NoReturn

import requests
import urllib3
from urllib3.util.wait import wait_for_read

from legacy_openai.connections import ClientSession, CuttableAdapter
from shim.legacy_adapter.body_look import look_before_reading
from shim.legacy_adapter.cut_by_descriptor import watched_cutoff
from shim.legacy_adapter.encoded_body import undo_here
from shim.wire.content_encoding import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Mapping

_SWITCHING_PROTOCOLS: Final = 101
_PIECE: Final = 64 * 1024  # of a body
_MOST_INTERIM_HEADS: Final = 1000
"""Before one answer: one every ten seconds, for nearly three hours."""


class InterimAnswerError(requests.ConnectionError):
    """A session of the caller's gave an interim answer for the final one."""


class OwnSession(ClientSession):
    """The legacy client's own session, whose connections read past interim answers, and whose bodies are bounded."""

    def __init__(self, *, max_connections: int) -> None:
        super().__init__(max_connections=max_connections)
        # What is undone here; by itself it names what happens to be installed.
        self.headers["Accept-Encoding"] = ACCEPTED
        for scheme in ("https://", "http://"):
            self.mount(scheme, InterimAdapter(pool_maxsize=max_connections))

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; an adapter that a caller has mounted since is guarded against as well."""
        return _guarded(super().request(*args, **kwargs), is_own=True)


class GuardedSession(requests.Session):
    """Stands for a caller's session, which stays as it is: the two things the legacy client asks of it go through here."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session  # and nothing that a session of its own would make: all else is the caller's

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_session"], name)

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request.

        Raises:
            InterimAnswerError: an interim answer came out as the final one; its connection is closed.
        """
        return _guarded(self._session.request(*args, **kwargs), is_own=False)

    def get_adapter(self, url: str) -> Any:
        """The caller's adapter for an address."""
        return self._session.get_adapter(url)


class InterimAdapter(CuttableAdapter):
    """The legacy client's adapter, with connections that read past interim answers."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections ours."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self.poolmanager.pool_classes_by_scheme)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the pools of connections through a proxy ours too."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if is_new:
            manager.pool_classes_by_scheme = _pools(manager.pool_classes_by_scheme)
        return manager


def _pools(classes: Mapping[str, Any]) -> dict[str, Any]:
    """The same pools, whose connections read past interim answers."""
    made = {}
    for scheme, pool in classes.items():
        ways: dict[str, Any] = {"response_class": _FinalResponse, "send": _send, "_cutoff": watched_cutoff}
        if not hasattr(urllib3.HTTPResponse, "read1"):
            ways["getresponse"] = _getresponse
        connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), ways)
        made[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})
    return made


def _send(connection: Any, data: Any) -> None:
    """Send in pieces, each within the limit of the socket: Python's `sendall` takes that for the whole, however it goes on.

    A server that reads no further and has answered is listened to; its connection is of no use behind that.
    """
    connection.__dict__.pop("response_class", None)
    if not isinstance(data, bytes) or len(data) <= _PIECE:
        http.client.HTTPConnection.send(connection, data)
        return
    view = memoryview(data)
    try:
        for start in range(0, len(view), _PIECE):
            http.client.HTTPConnection.send(connection, view[start : start + _PIECE])
    except TimeoutError:
        if isinstance(connection.sock, ssl.SSLSocket) or not wait_for_read(connection.sock, 0.0):
            raise
        connection.response_class = _LastResponse
        raise BrokenPipeError from None  # urllib3 then reads what the server has said


def _getresponse(connection: http.client.HTTPConnection, **_buffering: bool) -> http.client.HTTPResponse:
    """For urllib3 1.26, which asks first in Python 2's way: the error of that would be told beside the real one."""
    return http.client.HTTPConnection.getresponse(connection)


class _FinalResponse(http.client.HTTPResponse):
    """The final answer. `_read_status` is where http.client itself skips a 100."""

    def begin(self) -> None:
        this: Any = self
        file, lines = this.fp, _Lines(this.fp)
        this.fp = lines
        try:
            super().begin()
        finally:
            if this.fp is lines:  # else it is closed
                this.fp = file
        if not lines.last:
            raise http.client.IncompleteRead(b"")  # http.client takes the end of the connection for that of the head
        # What it is from now on: the legacy client takes its fast road with that very class alone.
        self.__class__ = http.client.HTTPResponse  # type: ignore[assignment]  # a class below its own, of the same layout

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_INTERIM_HEADS):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # private, and there since Python 2
            if status == _SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("the server switched protocols (101), which was not asked for")
            if not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"the server sent {_MOST_INTERIM_HEADS} interim answers and no other")


class _LastResponse(_FinalResponse):
    """An answer to a request that was not sent to its end: nothing more can be sent on its connection."""

    def begin(self) -> None:
        super().begin()
        self.will_close = True


class _Lines:
    """The lines of a head, as http.client reads them.

    Attributes:
        last: the last that was read; empty at the end of the connection.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._count = 0
        self.last = b""

    def readline(self, limit: int) -> bytes:
        """The next line; a first line that does not end is no line, as with a connection that ends without a word."""
        self.last = line = self._file.readline(limit)
        self._count += 1
        if (
            self._count == 1
            and line.startswith(b"HTTP/"[: len(line)])
            and len(line) < limit
            and not line.endswith(b"\n")
        ):
            self.last = b""
        return self.last

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _guarded(response: requests.Response, *, is_own: bool) -> requests.Response:
    if 100 <= response.status_code < 200:
        _refuse_interim(response)
    undo_here(response, leave_others=not is_own)
    look_before_reading(response)
    return response


def _refuse_interim(response: requests.Response) -> NoReturn:
    with contextlib.suppress(AttributeError):  # a made-up body may have no way to be closed
        response.close()  # and its connection: what comes on that next is the answer to this request
    raise InterimAnswerError(
        f"the session gave an interim answer ({response.status_code}) for the final one, which Python's http.client "
        "does not read past; leave `session` out, or use kind 'native'"
    )
