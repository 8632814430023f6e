"""The two roads by which a body is recorded, for the tests that hold on both.

Not which bodies take which road: `test_socket_file`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import pytest

Road: TypeAlias = Literal["below", "around"]


@pytest.fixture(params=["below", "around"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Road:
    """Below the response, where its socket is read; or around it, as for a response that is nobody's we know."""
    chosen: Road = request.param
    if chosen == "around":
        monkeypatch.setattr("shim.recording.tap.tap_adapter.listens", lambda *_given, **_named: False)
    return chosen
