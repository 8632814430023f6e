"""The address of a Redis: a URL taken apart, checked, and shown without its password.

Not the connection made from it (`redis_server`). URLs as registered with IANA ("redis", "rediss") and as redis-py takes them
("unix"): https://redis.readthedocs.io/en/stable/connections.html#redis.Redis.from_url.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from msgspec import Struct, field

from shim.model.checks import kind_of

_REMEDY = (
    "give redis://user:password@host:6379/0, rediss:// for TLS, or unix:///path?db=0; escape odd characters (%40 for @)"
)
_SCHEMES = ("redis", "rediss", "unix")
_DEFAULT_PORT = 6379

# What may stand behind the question mark. Time limits and pools are the store's own.
_TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"})


class RedisAddress(Struct, frozen=True, kw_only=True):
    """Where a Redis is.

    Attributes:
        shown: for people: no user, password or option in it.
        scheme: redis, rediss or unix.
        options: what redis-py's connection takes, `password` among it.
    """

    shown: str
    scheme: str
    options: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<RedisAddress {self.shown}>"

    @property
    def password(self) -> str | None:
        """The password, to be taken out of what a server says."""
        found = self.options.get("password")
        return found if isinstance(found, str) else None


def parse(url: object) -> RedisAddress:
    """Read a URL.

    Raises:
        TypeError, ValueError: it cannot be used; it is not shown.
    """
    if not isinstance(url, str):
        raise TypeError(f"url is {kind_of(url)}; {_REMEDY}")
    fault: str | None = None
    parts, port = None, None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        fault = "url cannot be read: a bad port or host, or an odd character in the password"
    if parts is None or fault is not None:  # raised here, so that nothing of the URL hangs on the error
        raise ValueError(f"{fault}; {_REMEDY}")
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"url begins with none of {', '.join(f'{each}://' for each in _SCHEMES)}; {_REMEDY}")
    if parts.fragment:
        raise ValueError(f"url has a # in it; {_REMEDY}")
    options = _query(parts) | _credentials(parts)
    if parts.scheme == "unix":
        return _socket(parts, options)
    if not parts.hostname:
        raise ValueError(f"url names no host; {_REMEDY}")
    options["host"], options["port"] = parts.hostname, port or _DEFAULT_PORT
    if parts.path.strip("/"):
        options["db"] = _database(parts.path.strip("/"))
    options.setdefault("db", 0)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = f"{parts.scheme}://{host}:{options['port']}/{options['db']}"
    return RedisAddress(shown=shown, scheme=parts.scheme, options=options)


def _socket(parts: SplitResult, options: dict[str, Any]) -> RedisAddress:
    if not parts.path:
        raise ValueError(f"url names no path; {_REMEDY}")
    options["path"] = unquote(parts.path)
    options.setdefault("db", 0)
    return RedisAddress(shown=f"unix://{parts.path}", scheme="unix", options=options)


def _credentials(parts: SplitResult) -> dict[str, Any]:
    found = {"username": parts.username, "password": parts.password}
    return {name: unquote(value) for name, value in found.items() if value}


def _query(parts: SplitResult) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "db":
            options["db"] = _database(value)
        elif name in _TLS_OPTIONS and parts.scheme == "rediss":
            options[name] = value
        else:
            allowed = ", ".join(("db", *sorted(_TLS_OPTIONS)))
            raise ValueError(f"url has an option behind its ? that is not known ({allowed}); leave it out")
    return options


def _database(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"url names a database that is no number; {_REMEDY}")
    return int(text)
