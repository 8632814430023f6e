"""The fixtures of this folder: a server on loopback, and the legacy adapter pointed at it."""

from __future__ import annotations

import pytest

from tests.helpers.providers import Make, MakeLegacy
from tests.legacy_adapter.driving import provider, server, uncollected

__all__ = ["make", "provider", "server", "uncollected"]


@pytest.fixture
def make() -> Make:
    """Makes the legacy adapter."""
    return MakeLegacy()
