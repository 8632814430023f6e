"""The server behind the proxy: its address, and how a client's target becomes one of its own.

Not the connection to it (`client`). Proxy environment variables are not read: what is between this proxy and its upstream is
said by `--upstream`.
"""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from msgspec import Struct

PORTS = {"http": 80, "https": 443}


class Upstream(Struct, frozen=True, kw_only=True):
    """Where requests go: `scheme` http or https, `host` without brackets, `path` without a slash at its end, often ""."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> Upstream:
        """Read a URL such as `https://api.openai.com` or `https://api.openai.com/v1`.

        Raises:
            ValueError: it is none, or has parts that have no place here; it is not repeated where it may hold a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"it cannot be read ({error}); {_GIVE}") from None
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"it holds a user name or a password, which belong in the client's own headers; {_GIVE}")
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"it does not begin with http:// or https:// and a host; {_GIVE}")
        if parts.query or parts.fragment:
            raise ValueError(f"it has a query or a fragment, which cannot be joined with a client's path; {_GIVE}")
        if not _is_host(parts.hostname):
            raise ValueError(f"{parts.hostname!r} is no name of a host; {_GIVE}")
        if not _plain(parts.hostname) or not _plain(parts.path):
            raise ValueError(f"it has characters that a URL must escape; {_GIVE}")
        return cls(
            scheme=parts.scheme, host=parts.hostname, port=port or PORTS[parts.scheme], path=parts.path.rstrip("/")
        )

    @property
    def authority(self) -> str:
        """Host and port as the Host header names them: no port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """What a URL begins with."""
        return f"{self.scheme}://{self.authority}"

    def target(self, asked: str) -> str:
        """Put the path before what a client asked for, unless it stands there already."""
        if not self.path or asked == self.path or asked.startswith((f"{self.path}/", f"{self.path}?")):
            return asked
        return self.path + asked


_GIVE = "give a URL such as https://api.openai.com or https://api.openai.com/v1"


def _is_host(name: str) -> bool:
    """Whether the resolver takes it: no label is empty or longer than 63 letters (RFC 1035 section 2.3.4)."""
    try:
        return bool(name.encode("idna")) and not name.startswith(".")
    except UnicodeError:
        return False


def _plain(text: str) -> bool:
    return text.isascii() and all("!" <= each <= "~" for each in text)


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Verify the upstream: by the authorities in a PEM file, or those that requests trusts (certifi's).

    Raises:
        OSError: the file cannot be read, or holds no certificate (ssl.SSLError is one).
    """
    if ca_file is None:
        from requests.utils import DEFAULT_CA_BUNDLE_PATH

        ca_file = DEFAULT_CA_BUNDLE_PATH
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context
