"""The fixtures of this folder: a server on loopback, and a provider pointed at it, of either kind."""

from __future__ import annotations

import pytest

from tests.helpers.driving import provider, server, uncollected
from tests.helpers.providers import Make, MakeLegacy, MakeNative

__all__ = ["make", "provider", "server", "uncollected"]


@pytest.fixture(params=[MakeLegacy(), MakeNative()], ids=["legacy", "native"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes the legacy adapter or the native provider: what is promised here holds for both."""
    made: Make = request.param
    return made
