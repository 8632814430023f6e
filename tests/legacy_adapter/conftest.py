"""The fixtures of this folder: a server on loopback, and the legacy adapter pointed at it."""

from __future__ import annotations

import pytest

from tests.helpers.driving import provider, server, uncollected
from tests.helpers.providers import Make, MakeLegacy

__all__ = ["make", "provider", "server", "uncollected"]


@pytest.fixture
def make() -> Make:
    """Makes the legacy adapter."""
    return MakeLegacy()
