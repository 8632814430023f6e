"""Connections of `requests` that another thread can cut: during TLS, while waiting for headers, in mid-body.

Not a transport of its own: urllib3 still connects, sends and pools. Two of its private hooks are overridden here and
nowhere else: `HTTPConnection._new_conn` (the one place that sees a socket before TLS; urllib3's own SOCKS support
overrides it too) and `HTTPConnectionPool._put_conn` (the one place a connection passes on its way back to the pool).

How it works. A worker thread carries the `Cutoff` of the request it serves. A connection looks at the thread that
uses it and shows its socket to that cutoff; `cut()` shuts the socket down, which ends any blocking call on it.
Invariants: a connection leaves its cutoff before it reaches the pool, so a late cut never hits the next request;
a connection that was cut is closed and never used again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, getproxies_environment

from requests import Session
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from urllib3._base_connection import BaseHTTPConnection, BaseHTTPSConnection

# Idle connections behind NAT are dropped silently (AWS after 350 s, GCP after 120 s): probe well before.
_KEEPALIVE_AFTER = 60
_KEEPALIVE_PROBES = 5


class CutError(ConnectionAbortedError):
    """The request was cut by its owner; never shown to a caller."""


class Cutoff:
    """Lets one thread shut down the socket that another thread is using for one request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: Any = None
        self.is_cut = False

    def watch(self, sock: Any) -> None:
        """Watch this socket, in place of any earlier one.

        Raises:
            CutError: the request has been cut already.
        """
        with self._lock:
            if self.is_cut:
                raise CutError("the request was removed")
            self._sock = sock

    def release(self) -> bool:
        """Watch nothing any more; False when the request has been cut."""
        with self._lock:
            self._sock = None
            return not self.is_cut

    def cut(self) -> bool:
        """Shut the watched socket down; with none, refuse the next one. True when there was a socket."""
        with self._lock:
            self.is_cut = True
            sock, self._sock = self._sock, None
            if sock is not None:
                # A socket that has gone already needs no shutdown.
                with contextlib.suppress(OSError):
                    _shut_down(sock)
            return sock is not None


def _shut_down(sock: Any) -> None:
    """End every blocking call on the socket.

    Not `SSLSocket.shutdown`: that turns the TLS object back into a plain socket first, and a thread that is just
    sending could then send its key in the clear.
    """
    if isinstance(sock, socket.socket):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    else:  # TLS inside a TLS proxy: an object of urllib3 that only looks like a socket
        sock.shutdown(socket.SHUT_RDWR)


class CuttableThread(threading.Thread):
    """A thread that works for one request at a time; `cutoff` belongs to that request."""

    cutoff: Cutoff | None = None


def _current_cutoff() -> Cutoff | None:
    thread = threading.current_thread()
    return thread.cutoff if isinstance(thread, CuttableThread) else None


class _Cuttable(HTTPConnection):
    """The mixin that shows each socket to the cutoff of the thread that uses it."""

    _cutoff: Cutoff | None = None
    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if self._cutoff is not None:
            # The TLS handshake takes the descriptor out of this object, so watch a duplicate until connect() is over.
            try:
                self._handle = sock.dup()
                self._cutoff.watch(self._handle)
            except OSError:
                sock.close()
                raise
        return sock

    def connect(self) -> None:
        self._cutoff = _current_cutoff()
        try:
            super().connect()
            if self._cutoff is not None:
                self._cutoff.watch(self.sock)
        except TimeoutError as error:
            # A stalled TLS handshake or proxy tunnel is a connect timeout; urllib3 would report a read timeout.
            raise ConnectTimeoutError(self, f"handshake with {self.host} timed out (limit {self.timeout} s)") from error
        finally:
            handle, self._handle = self._handle, None
            if handle is not None:
                handle.close()

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._cutoff = _current_cutoff()
        if self._cutoff is not None and self.sock is not None:
            self._cutoff.watch(self.sock)
        super().request(*args, **kwargs)

    def let_go(self) -> None:
        """Leave the cutoff; a connection that was cut meanwhile is closed."""
        cutoff, self._cutoff = self._cutoff, None
        if cutoff is not None and not cutoff.release():
            self.close()


class _CuttableHTTPConnection(_Cuttable, HTTPConnection):
    pass


class _CuttableHTTPSConnection(_Cuttable, HTTPSConnection):
    pass


class _CuttablePool(HTTPConnectionPool):
    ConnectionCls: type[BaseHTTPConnection] = _CuttableHTTPConnection

    def _put_conn(self, conn: BaseHTTPConnection | None) -> None:
        if isinstance(conn, _Cuttable):
            conn.let_go()
        super()._put_conn(conn)


class _CuttableTLSPool(_CuttablePool, HTTPSConnectionPool):
    ConnectionCls: type[BaseHTTPSConnection] = _CuttableHTTPSConnection


_POOL_CLASSES = {"http": _CuttablePool, "https": _CuttableTLSPool}


def _keepalive_options() -> list[tuple[int, int, int]]:
    """TCP options for long quiet answers, as far as the platform has them, beside urllib3's own TCP_NODELAY."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    values = {
        "TCP_KEEPIDLE": _KEEPALIVE_AFTER,
        "TCP_KEEPINTVL": _KEEPALIVE_AFTER,
        "TCP_KEEPCNT": _KEEPALIVE_PROBES,
    }
    return options + [
        (socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in values.items() if hasattr(socket, name)
    ]


class CuttableAdapter(HTTPAdapter):
    """An HTTPAdapter whose connections can be cut (all but those through a SOCKS proxy)."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections ours."""
        super().init_poolmanager(*args, socket_options=_keepalive_options(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = dict(_POOL_CLASSES)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the pools of connections through an HTTP proxy ours too."""
        manager = super().proxy_manager_for(proxy, socket_options=_keepalive_options(), **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = dict(_POOL_CLASSES)
        return manager


class ClientSession(Session):
    """The client's own session: cuttable connections, no cookies, no redirects.

    No cookies, because an API needs none and requests' cookie jar is not safe to share between threads. No redirect
    target, because requests would otherwise read the whole body of a redirect it was told not to follow.
    """

    def __init__(self, *, max_connections: int) -> None:
        super().__init__()
        self.cookies = _NoCookies()
        for scheme in ("https://", "http://"):
            self.mount(scheme, CuttableAdapter(pool_maxsize=max_connections))

    def merge_environment_settings(self, *args: Any, **kwargs: Any) -> Any:
        """What requests does, without its walks through the environment when that names no proxy.

        They are a quarter of the cost of a request. This session's own settings never change, so the arguments decide,
        and the two variables that name a CA file where `verify` does not.
        """
        if kwargs or getproxies is not getproxies_environment or any(map(_names_a_proxy, os.environ)):
            return super().merge_environment_settings(*args, **kwargs)
        _url, proxies, stream, verify, cert = args
        if verify is None or verify is True:
            verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        return {"proxies": proxies or {}, "stream": stream, "verify": verify, "cert": cert}

    def get_redirect_target(self, resp: Response) -> None:
        """No target, whatever the response says."""
        del resp


def _names_a_proxy(name: str) -> bool:
    """Whether this environment variable may name a proxy: any case counts, as in urllib."""
    return name.lower().endswith("_proxy")


class _NoCookies(RequestsCookieJar):
    """A jar that keeps nothing."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Leave the response's cookies where they are."""


def own_authorization(request: PreparedRequest) -> PreparedRequest:
    """The `auth` of every request: change nothing, but keep requests from putting `~/.netrc` over our header."""
    return request
