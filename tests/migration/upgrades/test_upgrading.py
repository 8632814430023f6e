"""Tests of an upgraded `ModelRequest`: as the mapping is, with what no body holds kept beside it."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec import UNSET

from shim import ModelRequest, ModelResponse, Reasoning, TextPart, ToolCallPart, ToolDefinition, user
from shim.migration.upgrades import Target, upgrade_model_request
from shim.model import UnsupportedFeatureError
from shim.model.response import Choice, FinishReason

TODAY = Target(today=date(2026, 11, 28))


def test_a_request_is_upgraded_and_keeps_what_no_body_holds() -> None:
    """Model and sampling are changed, and headers, conversation, chosen API's fields and the summary stay."""
    request = ModelRequest(
        "gpt-4",
        [user("Hi")],
        temperature=0.5,
        extra_headers={"X-Team": "a"},
        conversation_id="c",
        previous_response_id="r",
        reasoning=Reasoning(summary="auto"),
    )
    changed, upgraded = upgrade_model_request(request, upgrades=["model-successor", "refused-sampling"], target=TODAY)
    assert (changed.model, changed.temperature) == ("gpt-5.6-sol", UNSET)
    assert (changed.extra_headers, changed.conversation_id) == ({"X-Team": "a"}, "c")
    assert changed.previous_response_id == "r"
    assert changed.reasoning == Reasoning(summary="auto")
    assert changed.messages == request.messages
    assert upgraded.names == ("model-successor", "refused-sampling")
    assert (request.model, request.temperature) == ("gpt-4", 0.5)


def test_functions_of_old_bodies_become_tools() -> None:
    """Functions that a request carries in its extra body become tools of the request."""
    request = ModelRequest("m", [user("Hi")], extra_body={"functions": [{"name": "f", "parameters": {}}]})
    changed, _ = upgrade_model_request(request, upgrades=["functions-to-tools"])
    assert isinstance(changed.tools, tuple)
    assert changed.extra_body == {}


def test_a_refusal_names_the_field() -> None:
    """What the target refuses is an error that names it."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        upgrade_model_request(ModelRequest("o3", [user("Hi")], stop="x"), upgrades=[], target=TODAY)
    assert caught.value.field == "stop"


def answer(call: ToolCallPart, reason: str) -> ModelResponse:
    """An answer that makes one call."""
    choice = Choice(0, (TextPart("x"), call), finish_reason=FinishReason.TOOL_CALL, raw_finish_reason=reason)
    return ModelResponse(id="r", model="gpt-5.6-sol", choices=(choice,))


def test_an_answer_comes_back_as_it_was_asked() -> None:
    """A call comes back of the old kind, the model by the name asked for, and everything else as it came."""
    request = ModelRequest("gpt-4", [user("Hi")], extra_body={"functions": [{"name": "f", "parameters": {}}]})
    names = ["model-successor", "functions-to-tools", "reasoning-off"]
    target = Target(today=TODAY.today, restore_model=True)
    _, upgraded = upgrade_model_request(request, upgrades=names, target=target)
    given = answer(ToolCallPart("c1", "f", "{}"), "tool_calls")
    undone = upgraded.undo_response(given)
    assert undone.model == "gpt-4"
    assert undone.choices[0].parts == (TextPart("x"), ToolCallPart("", "f", "{}", kind="function_call"))
    assert undone.choices[0].raw_finish_reason == "function_call"
    assert undone.finish_reason is FinishReason.TOOL_CALL
    assert given.model == "gpt-5.6-sol"


def test_a_function_call_comes_back_as_a_tool_call() -> None:
    """On the way back a function_call becomes a tool call with an id."""
    tools = [ToolDefinition("f", parameters={})]
    _, upgraded = upgrade_model_request(ModelRequest("m", [user("Hi")], tools=tools), upgrades=["tools-to-functions"])
    undone = upgraded.undo_response(answer(ToolCallPart("", "f", "{}", kind="function_call"), "function_call"))
    assert undone.tool_calls == (ToolCallPart("call_r_0", "f", "{}"),)
    assert undone.choices[0].raw_finish_reason == "tool_calls"
