"""Tests of `responses.objects` and `items`: the Responses object, whole and in each of its states."""

import json

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.responses.responding import TOOL, respond

FIELDS = {
    "id", "object", "created_at", "status", "error", "incomplete_details", "instructions", "max_output_tokens", "model",
    "output", "parallel_tool_calls", "previous_response_id", "reasoning", "store", "temperature", "text", "tool_choice",
    "tools", "top_p", "truncation", "usage", "user", "metadata",
}  # fmt: skip


def test_the_default_answer_has_every_field_of_the_api(server: FakeOpenAI) -> None:
    """A plain request gets a complete `response` object with one message, pretty-printed."""
    got = respond(server, "Count to 3", temperature=0.5, instructions="Be brief.", metadata={"a": "b"})
    assert got.body.startswith(b'{\n  "id": "resp_')
    assert set(got.json) >= FIELDS
    said = {name: got.json[name] for name in ("object", "status", "model", "temperature", "instructions", "metadata")}
    assert said == {
        "object": "response", "status": "completed", "model": "gpt-4o", "temperature": 0.5,
        "instructions": "Be brief.", "metadata": {"a": "b"},
    }  # fmt: skip
    (message,) = got.json["output"]
    assert (message["type"], message["role"], message["status"]) == ("message", "assistant", "completed")
    assert message["content"] == [{"type": "output_text", "annotations": [], "logprobs": [], "text": "1, 2, 3."}]


def test_usage_adds_up(server: FakeOpenAI) -> None:
    """Output tokens are those of the text, without reasoning none are of reasoning, and the total is the sum."""
    usage = respond(server, "Count to 3").json["usage"]
    assert (usage["output_tokens"], usage["output_tokens_details"]) == (3, {"reasoning_tokens": 0})
    assert usage["total_tokens"] == usage["input_tokens"] + 3


def test_calls_are_items(server: FakeOpenAI) -> None:
    """A question about two places makes two `function_call` items with ids of their own; the tool is echoed flat and strict."""
    got = respond(server, "The weather in Paris and Rome?", tools=[TOOL]).json
    calls = got["output"]
    assert [call["type"] for call in calls] == ["function_call"] * 2
    assert [json.loads(call["arguments"])["city"] for call in calls] == ["Paris", "Rome"]
    assert len({call["call_id"] for call in calls} | {call["id"] for call in calls}) == 4
    assert got["tools"] == [TOOL | {"strict": True}]
    assert (
        len(respond(server, "The weather in Paris and Rome?", tools=[TOOL], parallel_tool_calls=False).json["output"])
        == 1
    )


def test_a_custom_call_has_input(server: FakeOpenAI) -> None:
    """A custom tool is called with free text."""
    (call,) = respond(server, "Run the shell in Rome", tools=[{"type": "custom", "name": "shell"}]).json["output"]
    assert (call["type"], call["name"], call["input"]) == ("custom_tool_call", "shell", "Rome")


@pytest.mark.parametrize(
    ("choice", "types"),
    [
        ("none", ["message"]),
        ("required", ["function_call"]),
        ({"type": "function", "name": "get_weather"}, ["function_call"]),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_weather"}]},
            ["function_call"],
        ),
    ],
)  # fmt: skip
def test_the_tool_choice_decides(server: FakeOpenAI, choice: object, types: list[str]) -> None:
    """`tool_choice` forbids, forces or names a call, in the flat form of this API."""
    got = respond(server, "Tell me a joke.", tools=[TOOL], tool_choice=choice).json
    assert [item["type"] for item in got["output"]] == types
    assert got["tool_choice"] == choice


def test_a_refusal_is_a_part(server: FakeOpenAI) -> None:
    """A refusal is a content part of its own kind, and the response is completed."""
    got = respond(server, "Please refuse this.").json
    (part,) = got["output"][0]["content"]
    assert (got["status"], part["type"], set(part)) == ("completed", "refusal", {"type", "refusal"})


def test_structured_output_fits_its_schema(server: FakeOpenAI) -> None:
    """A `text.format` with a schema gets JSON that fits it, and is echoed."""
    schema = {"type": "object", "properties": {"country": {"type": "string"}}, "required": ["country"]}
    form = {"type": "json_schema", "name": "place", "schema": schema}
    got = respond(server, "Where is Oslo?", text={"format": form}).json
    assert json.loads(got["output"][0]["content"][0]["text"]) == {"country": "Oslo"}
    assert got["text"]["format"] == form | {"description": None, "strict": False}


def test_a_limit_cuts_and_says_so(server: FakeOpenAI) -> None:
    """An answer cut by `max_output_tokens` is incomplete, and so is its last item."""
    got = respond(server, "Count to 100", max_output_tokens=16).json
    assert (got["status"], got["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert (got["output"][0]["status"], got["usage"]["output_tokens"]) == ("incomplete", 16)


def test_a_reasoning_model_reasons(server: FakeOpenAI) -> None:
    """A reasoning model's answer begins with a reasoning item, without summary or ciphertext unless asked, and is counted."""
    got = respond(server, "Count to 3", model="o3").json
    reasoning, message = got["output"]
    assert (reasoning["type"], reasoning["summary"], "encrypted_content" in reasoning) == ("reasoning", [], False)
    assert message["type"] == "message"
    assert got["usage"]["output_tokens_details"]["reasoning_tokens"] > 0
    assert got["usage"]["output_tokens"] == got["usage"]["output_tokens_details"]["reasoning_tokens"] + 3
    assert got["reasoning"] == {"effort": "medium", "summary": None}


def test_a_summary_and_ciphertext_are_there_when_asked_for(server: FakeOpenAI) -> None:
    """`reasoning.summary` and `include` fill the reasoning item."""
    asked = {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    item = respond(server, "Count to 3", model="gpt-5-mini", **asked).json["output"][0]
    assert "Count to 3" in item["summary"][0]["text"]
    assert item["encrypted_content"].startswith("gAAAA")


def test_effort_none_is_no_reasoning(server: FakeOpenAI) -> None:
    """A reasoning model told not to reason does not."""
    got = respond(server, "Count to 3", model="gpt-5.4", reasoning={"effort": "none"}).json
    assert [item["type"] for item in got["output"]] == ["message"]
    assert got["usage"]["output_tokens_details"]["reasoning_tokens"] == 0


def test_reasoning_can_use_up_the_limit(server: FakeOpenAI) -> None:
    """Where the limit goes into reasoning there is no message: the response is incomplete with a reasoning item alone."""
    got = respond(server, "Count to 3", model="o3", max_output_tokens=16).json
    assert (got["status"], [item["type"] for item in got["output"]]) == ("incomplete", ["reasoning"])
    assert got["usage"]["output_tokens"] == 16


def test_logprobs_are_there_when_included(server: FakeOpenAI) -> None:
    """With the inclusion every token has its log probability, and as many alternatives as were asked for."""
    asked = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    listed = respond(server, "Count to 3", **asked).json["output"][0]["content"][0]["logprobs"]
    assert [one["token"] for one in listed] == ["1,", " 2,", " 3."]
    assert all(one["logprob"] < 0 and len(one["top_logprobs"]) == 2 for one in listed)
