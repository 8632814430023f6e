"""Whether and how a server speaks TLS: the options that go together, and certificates for as long as it runs.

Not TLS on a connection (`tls`). The packages for certificates and for HTTP/2 are imported here, and only when asked for.
"""

import importlib
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shim.testing.fake_openai.http.certificates import Certificates

_ROOM = "shim.testing.fake_openai.http"


class TlsOptions:
    """The TLS options of one server. ValueError where they do not go together, ModuleNotFoundError naming the extra."""

    def __init__(self, *, tls: bool, client_certificate: bool, http2: bool) -> None:
        for name, given in (("client_certificate", client_certificate), ("http2", http2)):
            if given and not tls:
                raise ValueError(f"{name} needs TLS: give tls=True too")
        if tls:
            _need(f"{_ROOM}.certificates", what="TLS")
        if http2:
            _need(f"{_ROOM}.http2", what="HTTP/2")
        self._tls = tls
        self._client_certificate = client_certificate
        self._http2 = http2
        self._certificates: Certificates | None = None

    @property
    def scheme(self) -> str:
        """What a URL of the server begins with."""
        return "https" if self._tls else "http"

    @property
    def certificates(self) -> "Certificates":
        """The certificates of a running server; RuntimeError if it is not running or speaks no TLS."""
        if self._certificates is None:
            raise RuntimeError("there are certificates only inside `with FakeOpenAI(tls=True)`")
        return self._certificates

    def begin(self) -> ssl.SSLContext | None:
        """Make new certificates, and say how to speak TLS with them; None for plain HTTP."""
        if not self._tls:
            return None
        from shim.testing.fake_openai.http.certificates import Certificates

        self._certificates = Certificates()
        return self._certificates.server_context(http2=self._http2, client_certificate=self._client_certificate)

    def end(self) -> None:
        """Delete what `begin` has made."""
        certificates, self._certificates = self._certificates, None
        if certificates is not None:
            certificates.remove()


def _need(module: str, *, what: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        message = f"{what} needs the package {error.name}: pip install 'legacy-openai-shim[testing]'"
        raise ModuleNotFoundError(message, name=error.name) from None
