"""The fixtures of this folder: a server on loopback, and a maker of each provider that a layer may stand on."""

from __future__ import annotations

import pytest

from tests.helpers.driving import server
from tests.helpers.providers import Make, MakeLegacy, MakeNative

__all__ = ["make", "server"]


@pytest.fixture(params=[MakeLegacy(), MakeNative()], ids=["legacy", "native"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes the legacy adapter or the native provider: what is promised here holds over both."""
    made: Make = request.param
    return made
