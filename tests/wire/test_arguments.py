"""Tests of `shim.wire.arguments`: whether a call's arguments are whole, and whether its end broke it off."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.model import FinishReason, ToolCallPart
from shim.wire.arguments import ArgumentsScan, is_complete, is_whole

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=3), st.booleans(), st.integers(0, 200))
def test_json_is_whole_at_its_end_and_not_before(arguments: dict[str, object], ascii_only: bool, at: int) -> None:  # noqa: FBT001 - drawn
    """An object is whole once all of it is there, however it is cut, and nothing less of it is."""
    text = json.dumps(arguments, ensure_ascii=ascii_only)
    at %= len(text)
    scan = ArgumentsScan()
    scan.feed(text[:at])
    assert not scan.whole
    scan.feed(text[at:])
    assert scan.whole


@pytest.mark.parametrize("text", ["", " ", '{"a"', '{"a":"}', '{"a":"\\"}', "[1,2", "x"])
def test_half_of_it_is_not_whole(text: str) -> None:
    """What is open, or is no object at all, is not whole."""
    assert not is_whole(text)


def test_depth_is_no_matter() -> None:
    """A hundred thousand brackets are counted like any other."""
    assert is_whole("[" * 100_000 + "]" * 100_000)
    assert not is_whole("[" * 100_000)


WHOLE, HALF, NOTHING = '{"a":1}', '{"a"', ""


@pytest.mark.parametrize(
    ("arguments", "reason", "said", "last", "complete"),
    [
        (WHOLE, FinishReason.TOOL_CALL, True, True, True),
        (HALF, FinishReason.STOP, True, True, True),  # the model's own mistake
        (HALF, FinishReason.LENGTH, True, True, False),
        (WHOLE, FinishReason.LENGTH, True, True, True),
        (NOTHING, FinishReason.LENGTH, True, True, False),
        (NOTHING, FinishReason.LENGTH, True, False, True),  # a call without arguments, and another after it
        (HALF, FinishReason.CONTENT_FILTER, True, True, False),
        (HALF, FinishReason.TOOL_CALL, False, True, False),  # a stream that just ended
        (NOTHING, FinishReason.TOOL_CALL, False, True, True),
        (WHOLE, None, False, False, False),
    ],
)
def test_what_the_end_of_an_answer_broke_off(
    arguments: str,
    reason: FinishReason | None,
    said: bool,  # noqa: FBT001 - of the table
    last: bool,  # noqa: FBT001 - of the table
    complete: bool,  # noqa: FBT001 - of the table
) -> None:
    """A call is complete unless the answer was cut inside its JSON, or has not ended."""
    call = ToolCallPart("c", "f", arguments)
    assert is_complete(call, reason, last=last, said=said) is complete


def test_free_text_is_cut_at_the_end_alone() -> None:
    """Of custom tools' input, which has no form to tell by, only the last is taken for cut."""
    call = ToolCallPart("c", "run", "print(", kind="custom")
    assert is_complete(call, FinishReason.LENGTH, last=False, said=True)
    assert not is_complete(call, FinishReason.LENGTH, last=True, said=True)
