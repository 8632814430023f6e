"""How a transfer gets to its server: within what time, by which proxy, and on a connection that others use or on its own.

Not what is the same for all transfers of a client (`curl_options`) nor who tells libcurl (`handles`).
"""

from __future__ import annotations

import math

from msgspec import Struct

from shim.native.curl_options import connect_ms, hosts_excluded_by_port, is_excluded, plain_http_proxy
from shim.native.settings import HttpSettings
from shim.native.transfer import HttpRequest, Transfer


class HttpRoute(Struct, frozen=True, gc=False):
    """What libcurl is told of it; `proxy` None leaves that to libcurl and the environment, "" is none."""

    connect_ms: int
    proxy: str | None


class HttpRoutes:
    """Finds the routes of one client's transfers."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._usual = HttpRoute(connect_ms(settings.connect_timeout, settings), settings.proxy or None)
        self._of_environment: HttpRoute | None = None
        self._excluded = hosts_excluded_by_port() if settings.proxy is None else ()

    def ask_environment_again(self) -> None:
        """Take it that what the environment says of a proxy may have changed: a turn is over."""
        self._of_environment = None

    def find(self, transfer: Transfer, request: HttpRequest, *, running: int) -> HttpRoute:
        """The route of a transfer that is about to start beside `running` others; notes on the transfer what is its own."""
        settings, route = self._settings, self._usual
        if settings.max_connections:
            # libcurl counts the time a transfer queues for a connection as connecting: where it may queue, the limit is ours.
            connect = settings.connect_timeout if request.connect_timeout is None else request.connect_timeout
            transfer.connect_limit = connect or math.inf
        if request.url.startswith("https:"):
            if settings.http2:
                # To wait whether a new connection will multiplex pays only where it may: over TLS, where HTTP/2 is negotiated.
                transfer.shares = True
                # The first that finds no room on a connection makes one: those of a burst are then made side by side.
                transfer.alone = running > 0 and running % settings.most_streams == 0
        elif settings.proxy is None:
            # Asked once a turn: that costs as much as all else a handle is told.
            if self._of_environment is None:
                self._of_environment = HttpRoute(route.connect_ms, plain_http_proxy())
            route = self._of_environment
        if self._excluded and is_excluded(request.url, self._excluded):
            route = HttpRoute(route.connect_ms, "")
        if request.connect_timeout is not None:
            route = HttpRoute(connect_ms(request.connect_timeout, settings), route.proxy)
        return route
