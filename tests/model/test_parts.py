"""Tests of `shim.model.parts`: pieces that cannot change, and strings taken as what they mean."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import (
    AudioPart,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from shim.model.parts import as_parts

EVERY_PART: list[Part] = [
    TextPart("hi"),
    ImagePart("https://example.com/a.png"),
    AudioPart("UklGRg==", "wav"),
    FilePart("file_1"),
    RefusalPart("no"),
    ReasoningPart("hm"),
    ToolCallPart("call_1", "look", "{}"),
    ToolCallResponsePart("call_1"),
    OpaquePart("video", {"type": "video"}),
]


@pytest.mark.parametrize("part", EVERY_PART, ids=lambda part: type(part).__name__)
def test_parts_cannot_be_changed(part: Any) -> None:
    """No field of a part can be set once it is made."""
    for field in part.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(part, field, "changed")


@pytest.mark.parametrize("part", EVERY_PART, ids=lambda part: type(part).__name__)
def test_no_two_kinds_of_part_are_equal(part: Part) -> None:
    """A part equals itself and no part of another kind."""
    assert [other for other in EVERY_PART if other == part] == [part]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("42", (TextPart("42"),), id="string"),
        pytest.param("", (TextPart(""),), id="empty string"),
        pytest.param([TextPart("4"), TextPart("2")], (TextPart("4"), TextPart("2")), id="list"),
        pytest.param(iter([TextPart("4")]), (TextPart("4"),), id="iterator"),
        pytest.param((), (), id="tuple"),
    ],
)
def test_results_take_strings_and_lists(given: Any, expected: tuple[Part, ...]) -> None:
    """A tool result takes a plain string as one text part and any list as its parts."""
    assert ToolCallResponsePart("call_1", given).parts == expected


@pytest.mark.parametrize("given", [b"42", {"text": "42"}, 42, None], ids=lambda given: type(given).__name__)
def test_other_kinds_are_left_to_the_checks(given: object) -> None:
    """What is neither text nor a list of parts is left as it is, for the checks to name."""
    assert as_parts(given) is given


def test_the_list_given_stays_the_callers() -> None:
    """A list the caller goes on changing does not change the part made of it."""
    pieces: Any = [TextPart("4")]
    part = ToolCallResponsePart("call_1", pieces)
    pieces.append(TextPart("2"))
    assert part.text == "4"


def test_text_of_a_result() -> None:
    """The text of a tool result is its text parts joined, whatever stands between them."""
    result = ToolCallResponsePart("call_1", (TextPart("4"), ImagePart("https://example.com/a.png"), TextPart("2")))
    assert result.text == "42"


def test_reprs_omit_defaults() -> None:
    """The repr of a part shows what was set and not what was left."""
    assert repr(ImagePart("https://example.com/a.png")) == "ImagePart(url='https://example.com/a.png')"
    assert repr(ToolCallPart("call_1", "look", "{}")) == "ToolCallPart(id='call_1', name='look', arguments='{}')"


def test_extra_is_not_shared() -> None:
    """Two parts made without `extra` do not share one dict."""
    one, other = TextPart("a"), TextPart("b")
    one.extra["cache_control"] = {"type": "ephemeral"}
    assert other.extra == {}
