"""The headers a request may bring: which are refused by name, and why, in one table for every transport.

Not what a transport writes by itself (`shim.native.http_request`, `legacy_openai`), nor the kinds of names and values
(`shim.model.checks`), nor the letters beyond ASCII that one of them sends. Sources: RFC 9110 5.1, 5.5 and 5.6.2 (what names and
values are made of), 7.2 (Host), 7.6.1 and 7.8 (Connection, Upgrade), 10.1 (Expect, TE), 11.7 (credentials of proxies); RFC 9112 6
(what frames a body); RFC 9113 8.2.2 and 8.3 (HTTP/2 has neither those nor pseudo headers of the caller's).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from shim.model import InvalidRequestError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PORTS: Final = {"http": 80, "https": 443}
_OF_PROXIES: Final = "proxy-"

_FRAMES: Final = "it frames the body, which the transport does; leave it out"
_OF_THE_CONNECTION: Final = "it is about the connection, which the transport keeps for other requests too; leave it out"
_SWITCHES: Final = "it asks for another protocol, whose answer nobody here reads; leave it out"
_WAITS: Final = "it makes the request wait for leave that servers do not give; leave it out"

REFUSED_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content-length": _FRAMES,
        "transfer-encoding": _FRAMES,
        "trailer": _FRAMES,
        "te": _FRAMES,
        "connection": _OF_THE_CONNECTION,
        "keep-alive": _OF_THE_CONNECTION,
        "upgrade": _SWITCHES,
        "http2-settings": _SWITCHES,
        "expect": _WAITS,
    }
)
"""Name in lower case -> why it is refused, whatever its value; None would take out what the transport needs."""

_FOR_PROXIES: Final = "it is for a proxy, and would reach the server; say it in the proxy's URL"


def check_extra_headers(headers: Mapping[str, str | None], *, url: str) -> None:
    """Refuse the headers that would change how a request is framed, or say that it goes elsewhere.

    Args:
        headers: of the caller's, their kinds checked; None removes one.
        url: where the request goes.

    Raises:
        InvalidRequestError: one of them; the message names it and never quotes a value.
    """
    for name, value in headers.items():
        _check_name(name)
        lowered = name.lower()
        why = _FOR_PROXIES if lowered.startswith(_OF_PROXIES) else REFUSED_HEADERS.get(lowered)
        if why is not None:
            raise InvalidRequestError(f"extra_headers: {name} cannot be given: {why}", field="extra_headers")
        if value is not None and _CONTROLS.search(value):
            place = f"extra_headers[{name!r}]"
            words = "has a line end or another control character; give one line of text"
            raise InvalidRequestError(f"{place} {words}", field=place)
        if lowered == "host" and (value is None or value.lower() not in _names_of(url)):
            words = "names another host than the request's address; leave it out, or give an address of that name"
            raise InvalidRequestError(f"extra_headers: {name} {words}", field="extra_headers")


def _check_name(name: str) -> None:
    if name.startswith(":"):
        words = "is a pseudo header of HTTP/2, which the transport writes from the address; leave it out"
        raise InvalidRequestError(f"extra_headers: {name!r} {words}", field="extra_headers")
    if not _NAME.fullmatch(name):
        words = "is not a header name; give letters, digits and hyphens"
        raise InvalidRequestError(f"extra_headers: {name!r} {words}", field="extra_headers")


def _names_of(url: str) -> set[str]:
    """What Host may say of an address: with its port, and without where that is the scheme's own."""
    parts = urlsplit(url)
    bare = parts.netloc.lower().removesuffix(f":{parts.port}") if parts.port else parts.netloc.lower().rstrip(":")
    port = parts.port or _PORTS.get(parts.scheme)
    return {f"{bare}:{port}"} | ({bare} if port == _PORTS.get(parts.scheme) else set())
