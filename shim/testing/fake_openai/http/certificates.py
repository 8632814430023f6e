"""Certificates made on the spot: an authority for one server, its certificate, and one for a client.

Not TLS itself (`tls`). trustme makes them; files exist while the server runs, in a private temporary folder. Keys are new
each time, so nothing signed here is worth anything elsewhere.
"""

import shutil
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

import trustme

from shim.testing.fake_openai.http.shared import ALPN_HTTP1, ALPN_HTTP2

NAMES = ("127.0.0.1", "::1", "localhost")


class Certificates:
    """An authority, and what it has signed for one server. `remove` deletes the files."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self._folder = Path(tempfile.mkdtemp(prefix="fake-openai-"))
        self.ca_file = self._folder / "ca.pem"
        self.client_cert_file = self._folder / "client.pem"
        self.client_key_file = self._folder / "client.key"
        self._authority.cert_pem.write_to_path(self.ca_file)
        client = self._authority.issue_cert("client@example.org")
        client.cert_chain_pems[0].write_to_path(self.client_cert_file)
        client.private_key_pem.write_to_path(self.client_key_file)

    def server_context(self, *, http2: bool, client_certificate: bool) -> ssl.SSLContext:
        """How the server speaks TLS: on loopback names, offering HTTP/2 or not, asking for a certificate or not."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*NAMES).configure_cert(context)
        context.set_alpn_protocols(_offered(http2=http2))
        if client_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            self._authority.configure_trust(context)
        return context

    def remove(self) -> None:
        """Delete the files."""
        shutil.rmtree(self._folder)


def _offered(*, http2: bool) -> Sequence[str]:
    return [ALPN_HTTP2, ALPN_HTTP1] if http2 else [ALPN_HTTP1]
