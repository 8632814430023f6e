"""The fixtures of this folder: a server on loopback, and the native provider pointed at it."""

from __future__ import annotations

import pytest

from tests.helpers.driving import provider, server, uncollected
from tests.helpers.providers import Make, MakeNative

__all__ = ["make", "provider", "server", "uncollected"]


@pytest.fixture(autouse=True)
def _certificates_are_certifis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment of the tests names, they begin without it."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make() -> Make:
    """Makes the native provider."""
    return MakeNative()
