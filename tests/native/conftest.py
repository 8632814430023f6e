"""The fixtures of this folder: a server on loopback, and the native provider pointed at it."""

from __future__ import annotations

import pytest

from tests.helpers.driving import provider, server, uncollected
from tests.helpers.providers import Make, MakeNative

__all__ = ["make", "provider", "server", "uncollected"]


@pytest.fixture
def make() -> Make:
    """Makes the native provider."""
    return MakeNative()
