"""Tests of `shim.wire.responses.item_index`: items that are numbered and named wrongly are told once, and in order."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import ModelResponse, ReasoningDelta, StreamDone, TextDelta, ToolCallDone
from tests.wire.responses.answers import (
    CREATED,
    added,
    call,
    delta,
    done,
    ended,
    event,
    message,
    reasoning,
    stream,
    text,
)

THOUGHT = {"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}


def told(*given: Any) -> tuple[str, str, ModelResponse]:
    """The text and the reasoning that a stream's events tell, and its response."""
    events = stream(*given)
    assert isinstance(events[-1], StreamDone), events[-1]
    texts = "".join(one.text for one in events if isinstance(one, TextDelta))
    return texts, "".join(one.text for one in events if isinstance(one, ReasoningDelta)), events[-1].response


@pytest.mark.parametrize("further", [0, 1], ids=["same index", "done one further"])
@pytest.mark.parametrize("output", [True, False], ids=["output", "no output"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_content_counted_on_from_item_to_item(
    further: int,
    output: bool,  # noqa: FBT001 - of the table
    named: bool,  # noqa: FBT001 - of the table
) -> None:
    """A text whose content_index goes on from the item before is told once, and is one text."""
    ids: list[dict[str, Any]] = [{"item_id": "rs"}, {"item_id": "msg_1"}] if named else [{}, {}]
    final = [THOUGHT, message(text("ab"))]
    texts, thoughts, response = told(
        CREATED,
        added(THOUGHT | {"content": None}),
        event("reasoning_text.delta", delta="hm", content_index=0, output_index=0, **ids[0]),
        event("reasoning_text.done", text="hm", content_index=0, output_index=further, **ids[0]),
        done(THOUGHT, further),
        added(message(), 1),
        event("output_text.delta", delta="a", content_index=1, output_index=1, **ids[1]),
        event("output_text.delta", delta="b", content_index=1, output_index=1, **ids[1]),
        event("output_text.done", text="ab", content_index=1, output_index=1 + further, **ids[1]),
        event("content_part.done", part=text("ab"), content_index=1, output_index=1 + further, **ids[1]),
        done(final[1], 1 + further),
        ended(*(final if output else [])),
    )
    assert (texts, thoughts, response.text, response.reasoning_text) == ("ab", "hm", "ab", "hm")
    assert len(response.parts) == 2


def test_a_content_index_that_goes_on_with_each_piece() -> None:
    """Pieces that each have an index of their own make one text where the whole item has one."""
    pieces = [event("output_text.delta", delta=each, content_index=at) for at, each in enumerate("abc")]
    notes = [{"type": "url_citation", "url": "u"}]
    cited = event("output_text.annotation.added", content_index=2, annotation=notes[0])
    texts, _, response = told(CREATED, added(message()), *pieces, cited, done(message(text("abc"))), ended())
    assert (texts, response.text, len(response.parts)) == ("abc", "abc", 1)
    assert response.parts[0].extra["annotations"] == notes  # type: ignore[union-attr]  # a text


def test_items_that_share_an_index_keep_their_order() -> None:
    """Items told under one output index come out in the order in which they came, and nothing of them is mixed up."""
    for ids in (True, False):
        name = {"id": None} if not ids else {}
        given = [reasoning("hm") | name, message(text("a")) | name, call() | name]
        texts, thoughts, response = told(
            CREATED,
            *(each for item in given for each in (added(item | {"content": []}), done(item))),
            ended(),
        )
        assert (texts, thoughts) == ("a", "hm")
        assert [type(part).__name__ for part in response.parts] == ["ReasoningPart", "TextPart", "ToolCallPart"]


def test_one_id_for_two_messages() -> None:
    """Two messages that have one id are two messages."""
    first, second = message(text("a"), id="msg"), message(text("b"), id="msg")
    texts, _, response = told(
        CREATED,
        added(message(id="msg")),
        delta("a", item_id="msg"),
        done(first),
        added(message(id="msg"), 1),
        delta("b", at=1, item_id="msg"),
        done(second, 1),
        ended(first, second),
    )
    assert (texts, response.text, len(response.parts)) == ("ab", "ab", 2)


def test_an_item_that_is_named_and_numbered_anew() -> None:
    """Pieces under another id and another index than their item's belong to the item that waits for them."""
    texts, _, response = told(
        CREATED,
        added(message(id="a"), 0),
        delta("x", at=1, item_id="b"),
        delta("y", at=1, item_id="c"),
        done(message(text("xy"), id="d"), 2),
        ended(message(text("xy"), id="e")),
    )
    assert (texts, response.text, len(response.parts)) == ("xy", "xy", 1)


def test_arguments_said_again_are_no_other_arguments() -> None:
    """A call whose whole arguments come once more after their end is told once."""
    arguments = "function_call_arguments"
    events = stream(
        CREATED,
        added(call("")),
        event(f"{arguments}.delta", delta='{"a":1}'),
        event(f"{arguments}.done", arguments='{"a":1}'),
        event(f"{arguments}.delta", delta='{"a":1}'),
        done(call('{"a":1}')),
        ended(call('{"a":1}')),
    )
    assert [one.arguments for one in events if isinstance(one, ToolCallDone)] == ['{"a":1}']


def test_parts_of_a_summary_are_told_apart() -> None:
    """Between two parts of one reasoning stands a blank line, told and in the response."""
    texts = ["**A**", "**B**"]
    item = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": each} for each in texts]}
    pieces = [
        event("reasoning_summary_text.delta", delta=piece, summary_index=at)
        for at, each in enumerate(texts)
        for piece in (each[:2], each[2:])
    ]
    _, thoughts, response = told(CREATED, added(item | {"summary": []}), *pieces, done(item), ended(item))
    assert thoughts == response.reasoning_text == "**A**\n\n**B**"
    assert response.parts[0].summary == tuple(texts)  # type: ignore[union-attr]  # reasoning
