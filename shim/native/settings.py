"""What all transfers of a client share: time limits, connections, proxy, certificates; checked when a client is made.

Not a request's own address and headers (`http_request`). Paths and proxy are as libcurl takes them: CURLOPT_CAINFO(3),
CURLOPT_SSLCERT(3), CURLOPT_SSLKEY(3), CURLOPT_PROXY(3).
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from shim.model import InvalidRequestError
from shim.model.checks import kind_of

_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_MOST_CONNECTIONS = 2**31 - 1  # and streams: libcurl counts in a C long, of 32 bits where it is shortest
_STREAMS = 20  # with more, libcurl wakes so many for each frame that an event costs twice as much
_STREAMS_OF_FEW = 100  # libcurl's own: where connections are limited, a request would wait for one instead
_LONGEST_SECONDS = 2_000_000  # libcurl counts milliseconds in the same


class HttpSettings(Struct, frozen=True, kw_only=True):
    """Seconds, None waits for ever; `proxy` None leaves it to the environment, "" uses none."""

    connect_timeout: float | None = 10.0
    read_timeout: float | None = 600.0
    max_connections: int = 0
    http2: bool = True
    streams_per_connection: int | None = None
    proxy: str | None = None
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    verify: bool = True
    plain_fdset: bool = False

    @property
    def most_streams(self) -> int:
        """How many requests may be on one connection of HTTP/2 at a time."""
        if self.streams_per_connection is not None:
            return self.streams_per_connection
        return _STREAMS_OF_FEW if self.max_connections else _STREAMS

    def __repr__(self) -> str:
        return "<HttpSettings>"  # a proxy's URL may hold its password


def checked(settings: HttpSettings) -> HttpSettings:
    """Refuse settings that cannot be used.

    Raises:
        InvalidRequestError: names the setting, the kind of its value and the remedy; the value of `proxy` is not shown.
    """
    for name in ("connect_timeout", "read_timeout"):
        _check_seconds(name, getattr(settings, name))
    for name in ("http2", "verify", "plain_fdset"):
        value = getattr(settings, name)
        if not isinstance(value, bool):
            raise _refused(name, f"is {kind_of(value)}", remedy="give True or False")
    _check_count("max_connections", settings.max_connections, remedy="give a number of connections, or 0 for no limit")
    if settings.streams_per_connection is not None:
        remedy = "give a number of requests at a time above 0, or None for the default"
        _check_count("streams_per_connection", settings.streams_per_connection, least=1, remedy=remedy)
    for name in ("ca_file", "client_cert", "client_key"):
        _check_file(name, getattr(settings, name))
    if settings.client_key is not None and settings.client_cert is None:
        raise _refused("client_key", "is given without client_cert", remedy="give the certificate it belongs to")
    _check_proxy(settings.proxy)
    return settings


def _check_seconds(name: str, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if value is not None and not number:
        raise _refused(name, f"is {kind_of(value)}", remedy="give seconds above 0, or None for no limit")
    if isinstance(value, int | float) and not 0 < value <= _LONGEST_SECONDS:
        raise _refused(name, f"is {value}", remedy="give seconds above 0 (at most 2,000,000), or None for no limit")


def _check_count(name: str, count: object, *, remedy: str, least: int = 0) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or not least <= count <= _MOST_CONNECTIONS:
        shown = count if isinstance(count, int) else kind_of(count)
        raise _refused(name, f"is {shown}", remedy=remedy)


def _check_file(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise _refused(name, f"is {kind_of(value)}", remedy="give the path of a PEM file as a string, or None")
    if not Path(value).is_file():
        raise _refused(name, f"is {value!r}, and there is no such file", remedy="give the path of a PEM file")
    if not os.access(value, os.R_OK):
        raise _refused(name, f"is {value!r}, which cannot be read", remedy="allow this process to read it")


def _check_proxy(value: object) -> None:
    remedy = 'give a URL such as http://127.0.0.1:3128, "" for none, or None for the environment\'s'
    if value is None or value == "":
        return
    if not isinstance(value, str):
        raise _refused("proxy", f"is {kind_of(value)}", remedy=remedy)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in _PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
        if parts.netloc.count("@") > 1:  # libcurl takes the first for the end of the password
            usable, remedy = False, "write %40 for an @ in its user name or password"
    except ValueError:
        usable = False
    if not usable or not value.isprintable() or not value.isascii() or " " in value:
        raise _refused("proxy", "is not the URL of a proxy", remedy=remedy)


def _refused(name: str, what: str, *, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(f"{name} {what}; {remedy}", field=name)
