"""Tests of `shim.client.loop_providers`: what an event that waits for its reader counts for."""

from __future__ import annotations

import pytest

from shim.client.loop_providers import weight_of
from shim.model import ItemDelta, ReasoningDelta, StreamEvent, StreamStart, TextDelta, ToolCallDelta, ToolCallDone

OVERHEAD = 100


@pytest.mark.parametrize(
    ("event", "size"),
    [
        (TextDelta("x" * 50), 50),
        (ReasoningDelta("x" * 50), 50),
        (ItemDelta("audio", "x" * 50), 50),
        (ToolCallDelta(0, "x" * 50), 50),
        (ToolCallDone(0, "c", "look", "x" * 50), 50),
        (StreamStart("r", "m"), 0),
        (TextDelta(""), 0),
    ],
)
def test_an_event_weighs_its_text_and_itself(event: StreamEvent, size: int) -> None:
    """Text and arguments of every kind of event count towards what may wait, and an event without any counts too."""
    assert weight_of(event) == OVERHEAD + size
