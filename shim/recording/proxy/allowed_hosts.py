"""Who may ask through the proxy, by what a browser says of it: no page from elsewhere, under a name of its own or of ours.

Not the listening address (`listen_address`). A page can have its own name point to this machine (DNS rebinding) and can send
requests to any address; both give themselves away in Host (RFC 9110 7.2) and Origin (RFC 6454 7). Programs send no Origin, and
the Host they were given.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

import h11
from msgspec import Struct


class AllowedHosts(Struct, frozen=True):
    """The names under which the proxy may be asked, and those of pages that may ask; in lower case."""

    names: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> AllowedHosts:
        """These, beside those that are always allowed."""
        return cls(frozenset(name.lower().strip("[]") for name in names))

    def refused_by(self, request: h11.Request) -> str:
        """The name that is not allowed, "" where all are."""
        for name, value in request.headers:
            text = value.decode("latin-1")
            if name == b"host" and not self._is_host(_host_of(f"//{text}")):
                return f"Host: {text}"
            if name == b"origin" and not self._is_origin(_host_of(text)):
                return f"Origin: {text}"
        return ""

    def _is_host(self, host: str) -> bool:
        """Whether no stranger can own that name: an address, a name without a dot, a name of this machine."""
        return self._is_ours(host) or "." not in host or _address_of(host) is not None

    def _is_origin(self, host: str) -> bool:
        address = _address_of(host)
        return self._is_ours(host) or (address is not None and address.is_loopback)

    def _is_ours(self, host: str) -> bool:
        return host in self.names or host == "localhost" or host.endswith(".localhost")


def _host_of(url: str) -> str:
    """The host of a URL, in lower case without brackets; the whole where there is none ("null", say), which nobody allows."""
    try:
        return (urlsplit(url).hostname or url).rstrip(".")
    except ValueError:
        return url


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
