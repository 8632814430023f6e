"""Plain HTTP: to which hosts a key may go without TLS.

Not an address's own form (`shim.endpoint`). Over http:// whoever is between reads the key, and may give the answer. So a key goes
there to this machine alone, and to the hosts that somebody has named: by the setting `insecure_hosts` or by the environment,
for programs nobody edits. Sources: RFC 6761 6.3 (localhost), RFC 1122 3.2.1.3 and RFC 4291 2.5.3 (loopback addresses).
"""

from __future__ import annotations

import functools
import ipaddress
import os
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from shim.model.checks import kind_of
from shim.model.errors import InvalidRequestError

VARIABLE: Final = "SHIM_INSECURE_HOSTS"
"""Of the environment: names of hosts separated by commas, as `insecure_hosts` takes them; read when a host needs it."""

_HOST = re.compile(r"[0-9a-z_.-]+|[0-9a-f:.]+")
_GIVE: Final = "give names of hosts such as 'gateway.internal', without scheme, port or path"


class InsecureAddressError(InvalidRequestError):
    """A key would go over plain HTTP to a host nobody has named; nothing was sent. `host` is that host."""

    def __init__(self, message: str, *, field: str | None = None, host: str = "") -> None:
        super().__init__(message, field=field)
        self.host = host


def checked_hosts(hosts: object, *, place: str = "insecure_hosts") -> frozenset[str]:
    """The hosts that may get a key over plain HTTP, as they are compared.

    Args:
        hosts: names or addresses, in any case.
        place: where they were said, for messages.

    Raises:
        InvalidRequestError: they are none.
    """
    if isinstance(hosts, str | bytes) or not isinstance(hosts, Iterable):
        raise InvalidRequestError(f"{place} is {kind_of(hosts)}; give a list of hosts", field=place)
    return frozenset(_named(host, place=place) for host in hosts)


def check_address(url: str, *, insecure_hosts: frozenset[str] = frozenset(), place: str = "base_url") -> None:
    """Refuse an address to which a key would go in the clear.

    Args:
        url: where the key would go.
        insecure_hosts: what `checked_hosts` made.
        place: what the caller knows the address by.

    Raises:
        InsecureAddressError: it is http, its host is not this machine and nobody has named it; the message says what to do.
        InvalidRequestError: the environment's list cannot be read.
    """
    host = exposed_host(url)
    if host is None or host in insecure_hosts or host in _of_environment():
        return
    raise InsecureAddressError(
        f"{place}: the API key would go over plain HTTP to {host}, where all on the way can read it; nothing was sent. Give an "
        f"https:// address, or allow this host: set {VARIABLE}={host} in the environment, or insecure_hosts=['{host}']",
        field=place,
        host=host,
    )


@functools.lru_cache(maxsize=256)
def exposed_host(url: str) -> str | None:
    """The host that would get a key in the clear, in lower case; None where there is TLS, or the host is this machine."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return None if parts.scheme != "http" or _is_this_machine(host) else host


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address: Any = ipaddress.ip_address(host)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return bool(address.is_loopback or address.is_unspecified)  # 0.0.0.0 connects to this machine


def _of_environment() -> frozenset[str]:
    said = os.environ.get(VARIABLE, "")
    return checked_hosts(filter(None, (each.strip() for each in said.split(","))), place=VARIABLE)


def _named(host: object, *, place: str) -> str:
    if not isinstance(host, str):
        raise InvalidRequestError(f"{place} holds {kind_of(host)}; {_GIVE}", field=place)
    name = host.strip().lower().rstrip(".")
    name = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if not _HOST.fullmatch(name) or (":" in name and not _is_address(name)):
        raise InvalidRequestError(f"{place} holds {host!r}, which is no host; {_GIVE}", field=place)
    return name


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False
