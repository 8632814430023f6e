"""Tests of comparing Chat Completions with Responses: what both can say matches, what has no equivalent is named."""

from __future__ import annotations

from typing import Any

import pytest

from shim.comparison.verdict import Outcome
from shim.comparison.wire_rung import two_apis
from shim.comparison.wire_rung.compare_wire import compare_wire
from shim.comparison.wire_rung.two_apis import FORMS
from shim.recording.exchange import Exchange
from tests.comparison.equal_pairs import recorded

RESPONSES = "https://api.openai.com/v1/responses"
USER: dict[str, Any] = {"role": "user", "content": "Hi"}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [USER], "store": True}
OTHER: dict[str, Any] = {"model": "gpt-4o", "input": "Hi", "store": True}


def chat(**fields: Any) -> Exchange:
    """A recording on Chat Completions."""
    return recorded({name: value for name, value in (CHAT | fields).items() if value != "drop"})


def other(**fields: Any) -> Exchange:
    """A recording on Responses."""
    return recorded({name: value for name, value in (OTHER | fields).items() if value != "drop"}, url=RESPONSES)


CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CUSTOM = {"id": "c2", "type": "custom", "custom": {"name": "run", "input": "ls"}}
# Row -> a request on either API that is the same by it.
CASES: dict[str, tuple[Exchange, Exchange]] = {
    "limit-names": (chat(max_tokens=5), other(max_output_tokens=5)),
    "instructions": (
        chat(messages=[{"role": "system", "content": "Be brief."}, USER]),
        other(instructions="Be brief."),
    ),
    "content-form": (
        chat(messages=[{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]),
        other(),
    ),
    "function-defaults": (
        chat(tools=[{"type": "function", "function": {"name": "look"}}]),
        other(tools=[{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}]),
    ),
    "flat-forms": (
        chat(tools=[{"type": "function", "function": {"name": "look"}, "cache_control": {"type": "ephemeral"}}]),
        other(tools=[{"type": "function", "name": "look", "cache_control": {"type": "ephemeral"}, "strict": False}]),
    ),
    "blocks": (
        chat(
            messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u", "detail": None}}]}]
        ),
        other(input=[{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}]),
    ),
    "calls-and-results": (
        chat(
            messages=[
                {"role": "assistant", "content": None, "tool_calls": [CALL | {"index": 0}, CUSTOM]},
                {"role": "tool", "tool_call_id": "c1", "name": "look", "content": "Sunny"},
                {"role": "tool", "tool_call_id": "c2", "content": "Run"},
            ]
        ),
        other(
            input=[
                {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
                {"type": "custom_tool_call", "call_id": "c2", "name": "run", "input": "ls"},
                {"type": "function_call_output", "call_id": "c1", "output": "Sunny"},
                {"type": "custom_tool_call_output", "call_id": "c2", "output": "Run"},
            ]
        ),
    ),
    "annotations": (
        chat(
            messages=[
                USER,
                {
                    "role": "assistant",
                    "content": "A",
                    "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}],
                },
            ]
        ),
        other(
            input=[
                USER,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "output_text", "text": "A", "annotations": [{"type": "url_citation", "url": "u"}]}
                    ],
                },
            ]
        ),
    ),
    "empty-reasoning": (
        chat(messages=[USER, {"role": "assistant", "content": "Hello", "reasoning_content": ""}]),
        other(input=[USER, {"role": "assistant", "content": "Hello"}]),
    ),
    "usage-in-streams": (
        chat(stream=True, stream_options={"include_usage": True}),
        other(stream=True),
    ),
    "null-asks-nothing": (
        chat(stop=None, reasoning_effort=None),
        other(previous_response_id=None, include=None, reasoning={"summary": None}),
    ),
    "item-fields": (
        chat(),
        other(input=[{"type": "message", "role": "user", "content": "Hi"}]),
    ),
    "empty-message-fields": (
        chat(messages=[USER, {"role": "assistant", "content": "Hello", "refusal": None, "annotations": [], "id": ""}]),
        other(input=[USER, {"role": "assistant", "content": "Hello"}]),
    ),
    "no-content": (
        chat(messages=[USER, {"role": "assistant", "content": None}]),
        other(input=[USER, {"role": "assistant", "content": ""}]),
    ),
    "logprobs-default": (chat(logprobs=False), other()),
    "stream-default": (chat(stream=False), other()),
    "store-default": (chat(store="drop"), other(store=False)),
}
# What parts, the path it is told at, and the two requests.
PARTING: dict[str, tuple[str, Exchange, Exchange]] = {
    "another text": ("request.messages[0].parts[0].text", chat(), other(input="Ho")),
    "another limit": ("request.max_output_tokens", chat(max_tokens=5), other(max_output_tokens=6)),
    "a strict function": (
        "request.tools[0].strict",
        chat(tools=[{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]),
        other(tools=[{"type": "function", "name": "look", "parameters": SCHEMA}]),
    ),
    "kept by default": ("request.store", chat(store="drop"), other(store="drop")),
    "one streams": ("request.stream", chat(stream=True), other()),
    "stop lost": ("request.stop", chat(stop=["END"]), other()),
    "a sampling field lost": ("request.extra_body.top_k", chat(top_k=3), other()),
    "another role": (
        "request.messages[0].role",
        chat(messages=[{"role": "system", "content": "A"}, USER]),
        other(input=[{"role": "developer", "content": "A"}, USER]),
    ),
    "instructions in another place": (
        "request.messages[0].role",
        chat(messages=[USER, {"role": "system", "content": "A"}]),
        other(instructions="A"),
    ),
    "arguments": (
        "request.messages[1].parts[0].arguments",
        chat(messages=[USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}]),
        other(input=[USER, {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{ }"}]),
    ),
    "an obfuscation option": (
        "request.extra_body.stream_options",
        chat(stream=True, stream_options={"include_usage": True, "include_obfuscation": False}),
        other(stream=True),
    ),
    "a block without its type": (
        "request.messages[0].parts[0].without_type",
        chat(messages=[{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]),
        other(input=[{"role": "user", "content": [{"text": "Hi"}]}]),
    ),
    "a custom tool's result as a function's": (
        "request.messages[1].extra.type",
        chat(
            messages=[
                {"role": "assistant", "content": None, "tool_calls": [CUSTOM]},
                {"role": "tool", "tool_call_id": "c2", "content": "Run"},
            ]
        ),
        other(
            input=[
                {"type": "custom_tool_call", "call_id": "c2", "name": "run", "input": "ls"},
                {"type": "function_call_output", "call_id": "c2", "output": "Run"},
            ]
        ),
    ),
    "another name in a result": (
        "request.messages[1].name",
        chat(
            messages=[
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c1", "name": "look_up", "content": "Sunny"},
            ]
        ),
        other(
            input=[
                {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "Sunny"},
            ]
        ),
    ),
    "an item's id": (
        "request.messages[1].extra.id",
        chat(messages=[USER, {"role": "assistant", "content": "A"}]),
        other(input=[USER, {"role": "assistant", "id": "msg_1", "content": [{"type": "output_text", "text": "A"}]}]),
    ),
    "a schema": (
        "request.response_format.schema.type",
        chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}),
        other(text={"format": {"type": "json_schema", "name": "a", "schema": {"type": "array"}}}),
    ),
}


def test_every_row_has_a_case() -> None:
    """Each row has a reason in a sentence, and a case."""
    assert set(CASES) == {form.name for form in FORMS}
    assert all(form.reason.endswith(".") and len(form.reason) > 20 for form in FORMS)


@pytest.mark.parametrize("name", CASES)
def test_a_row_is_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests that are the same by a row match either way round, and without the row they part."""
    control, candidate = CASES[name]
    assert compare_wire(control, candidate).outcome is Outcome.MATCH, compare_wire(control, candidate).message
    assert compare_wire(candidate, control).outcome is Outcome.MATCH
    monkeypatch.setattr(two_apis, "FORMS", tuple(form for form in FORMS if form.name != name))
    assert compare_wire(control, candidate).outcome is Outcome.MISMATCH


@pytest.mark.parametrize("name", PARTING)
def test_what_differs_is_told_by_its_place(name: str) -> None:
    """Where the two ask for something else, the place in the request is told, under the rule for two APIs."""
    path, control, candidate = PARTING[name]
    for verdict in (compare_wire(control, candidate), compare_wire(candidate, control)):
        assert verdict.outcome is Outcome.MISMATCH
        assert path in {each.path for each in verdict.mismatches}, verdict.message
        assert {each.rule for each in verdict.mismatches} == {"wire.request"}


def test_the_codec_for_responses_asks_the_same() -> None:
    """A conversation with a tool call, sent by the codec of the other API, asks the same; storing it is named."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "https://e.org/a"}}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None},
        {"role": "tool", "tool_call_id": "c1", "content": "Sunny"},
    ]  # fmt: skip
    tools = [{"type": "function", "function": {"name": "look", "description": "Looks."}}]
    asked = {"messages": messages, "tools": tools, "max_tokens": 9, "temperature": 1, "tool_choice": "auto"}
    assert compare_wire(chat(**asked), api="responses").outcome is Outcome.MATCH
    verdict = compare_wire(chat(**asked, store="drop"), api="responses")
    assert [each.path for each in verdict.mismatches] == ["request.store"]
    assert "`store` is false on Chat Completions and true on Responses" in verdict.message


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"stop": ["END"]}, "request.stop"),
        ({"seed": 1}, "request.seed"),
        ({"n": 2}, "request.n"),
        ({"logit_bias": {"1": 2}}, "request.logit_bias"),
        ({"modalities": ["text", "audio"]}, "request.extra_body.modalities"),
        ({"messages": [USER | {"name": "Ann"}]}, "request.messages[0].name"),
    ],
)
def test_what_has_no_equivalent_is_named(fields: dict[str, Any], path: str) -> None:
    """What the candidate's API cannot say is a mismatch that names the field, the API, the remedy, and the bytes."""
    verdict = compare_wire(chat(**fields), api="responses")
    (mismatch,) = verdict.mismatches
    assert (verdict.outcome, mismatch.rule, mismatch.path) == (Outcome.MISMATCH, "wire.refused", path)
    assert "cannot be sent on the Responses API; " in verdict.message
    assert mismatch.offset is not None
    assert ">>>" in mismatch.excerpt


def test_the_base_of_the_path_counts() -> None:
    """Of two APIs the endpoints differ by nature; what comes before them, and the query, does not."""
    same = recorded(OTHER, url="http://127.0.0.1:1/v1/responses")
    assert compare_wire(chat(), same).outcome is Outcome.MATCH
    verdict = compare_wire(chat(), recorded(OTHER, url="https://api.openai.com/v2/responses?a=1"))
    assert [each.path for each in verdict.mismatches] == ["url.path", "url.query.a"]
