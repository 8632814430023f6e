"""Tests of legacy_openai/conversation.py."""

from __future__ import annotations

import pytest

from legacy_openai import OMIT, Conversation, Message


def test_messages_keep_their_order_and_calls_chain() -> None:
    """A conversation is iterable in order, has a length, chains and clears."""
    conv = Conversation().add(Message("user", "a")).add(Message("assistant", "b"))
    assert [message.content for message in conv] == ["a", "b"]
    assert len(conv) == 2
    conv.clear()
    assert not list(conv)


def test_content_is_null_when_none_and_absent_when_omitted() -> None:
    """None is sent as null, OMIT sends no content field, and other absent fields are left out."""
    assert Message("assistant", None).to_wire() == {"role": "assistant", "content": None}
    assert Message("assistant", OMIT, name="n").to_wire() == {"role": "assistant", "name": "n"}


def test_extra_fields_are_sent_verbatim_and_win() -> None:
    """Extra fields reach the wire and win over the ordinary ones."""
    wire = Message("user", "x", extra={"content": [1], "custom": None}).to_wire()
    assert wire == {"role": "user", "content": [1], "custom": None}


def test_tool_helpers_build_calls_and_results() -> None:
    """Tool calls and results have the shape of the wire, arguments as text."""
    call = Message.tool_call("c1", "look", arguments={"q": "é"}, more=[("c2", "find", "{}")]).to_wire()
    assert call["content"] is None
    assert call["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"q":"é"}'}},
        {"id": "c2", "type": "function", "function": {"name": "find", "arguments": "{}"}},
    ]
    assert Message.tool_result("c1", "42").to_wire() == {"role": "tool", "content": "42", "tool_call_id": "c1"}


def test_only_messages_can_be_added() -> None:
    """Anything but a Message is refused by its kind."""
    with pytest.raises(TypeError, match="not dict"):
        Conversation().add({"role": "user"})  # type: ignore[arg-type] # the mistake under test
