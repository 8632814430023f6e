"""Tests of `responses.events`: the exact sequence of a stream, and that it says what the JSON answer says."""

from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.responses.responding import TOOL, respond, streamed

OPENING = ["created", "in_progress"]
REASONED = {"model": "o3", "reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]}


def types(events: list[dict[str, Any]]) -> list[str]:
    """The types in order, runs of equal ones once."""
    names = [event["type"].removeprefix("response.") for event in events]
    return [name for place, name in enumerate(names) if names[place - 1 : place] != [name]]


def joined(events: list[dict[str, Any]], kind: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")


def test_a_text_stream_has_the_events_of_the_api(server: FakeOpenAI) -> None:
    """Created, in progress, item, part, deltas, and each of them closed again, then completed, with no `[DONE]`."""
    events = streamed(server, "Count to 4")
    assert types(events) == [
        *OPENING, "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "output_item.done", "completed",
    ]  # fmt: skip
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    assert [delta["delta"] for delta in deltas] == ["1,", " 2,", " 3,", " 4."]
    expected = {
        "type",
        "sequence_number",
        "item_id",
        "output_index",
        "content_index",
        "delta",
        "logprobs",
        "obfuscation",
    }
    assert set(deltas[0]) == expected
    assert {delta["item_id"] for delta in deltas} == {events[2]["item"]["id"]}
    assert (events[2]["item"]["status"], events[2]["item"]["content"]) == ("in_progress", [])
    assert (events[0]["response"]["status"], events[0]["response"]["usage"]) == ("in_progress", None)


@pytest.mark.parametrize(
    "fields",
    [
        {"given": "Count to 4"},
        {"given": "The weather in Paris and Rome?", "tools": [TOOL]},
        {"given": "Please refuse this."},
        {"given": "Count to 4", **REASONED},
        {"given": "Count to 99", "max_output_tokens": 16},
        {"given": "Run the shell in Rome", "tools": [{"type": "custom", "name": "shell"}]},
    ],
)
def test_a_stream_ends_with_the_json_answer(server: FakeOpenAI, fields: dict[str, Any]) -> None:
    """The terminal event holds what the same request gets without streaming, and the items closed before it are its output."""
    last = streamed(server, **fields)[-1]["response"]
    events = streamed(server, **fields)
    whole = respond(server, **fields).json
    for name in set(whole) - {"id", "created_at", "completed_at", "output", "billing"}:
        assert last[name] == whole[name], name
    assert [item["type"] for item in last["output"]] == [item["type"] for item in whole["output"]]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == events[-1]["response"]["output"]


def test_calls_stream_as_arguments(server: FakeOpenAI) -> None:
    """Each call opens with its name and no arguments, is filled by deltas that join to the whole, and closes."""
    events = streamed(server, "The weather in Paris and Rome?", tools=[TOOL])
    one = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
    assert types(events) == [*OPENING, *one, *one, "completed"]
    added = [event for event in events if event["type"] == "response.output_item.added"]
    assert [(event["output_index"], event["item"]["arguments"]) for event in added] == [(0, ""), (1, "")]
    assert joined(events, "function_call_arguments") == '{"city":"Paris"}{"city":"Rome"}'


def test_a_custom_call_streams_its_input(server: FakeOpenAI) -> None:
    """A custom call is filled by input events."""
    events = streamed(server, "Run the shell in Rome", tools=[{"type": "custom", "name": "shell"}])
    assert joined(events, "custom_tool_call_input") == "Rome"
    assert "custom_tool_call_input.done" in types(events)


def test_a_refusal_streams_as_such(server: FakeOpenAI) -> None:
    """A refusal has deltas and an end of its own, in a part of its own kind."""
    events = streamed(server, "Please refuse this.")
    assert types(events)[3:7] == ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"]
    assert joined(events, "refusal") == events[-3]["part"]["refusal"]


def test_a_summary_streams_before_the_message(server: FakeOpenAI) -> None:
    """The summary's part is opened, filled and closed inside the reasoning item, which comes first."""
    events = streamed(server, "Count to 4", **REASONED)
    assert types(events)[2:8] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done",
        "reasoning_summary_part.done", "output_item.done",
    ]  # fmt: skip
    assert joined(events, "reasoning_summary_text") == events[-1]["response"]["output"][0]["summary"][0]["text"]
    assert joined(events, "output_text") == "1, 2, 3, 4."


def test_a_cut_stream_ends_incomplete(server: FakeOpenAI) -> None:
    """A stream that reaches the limit ends with `response.incomplete` and its reason."""
    last = streamed(server, "Count to 99", max_output_tokens=16)[-1]
    assert (last["type"], last["response"]["incomplete_details"]) == (
        "response.incomplete",
        {"reason": "max_output_tokens"},
    )


def test_only_deltas_are_padded_and_not_when_told_so(server: FakeOpenAI) -> None:
    """Every delta has padding and nothing else has; without obfuscation none has."""
    events = streamed(server, "Count to 4", **REASONED)
    assert all(("obfuscation" in event) == event["type"].endswith(".delta") for event in events)
    plain = streamed(server, "Count to 4", stream_options={"include_obfuscation": False})
    assert not any("obfuscation" in event for event in plain)


def test_streamed_logprobs_belong_to_their_deltas(server: FakeOpenAI) -> None:
    """With the inclusion each delta carries its own token's log probability, and the end carries all."""
    events = streamed(server, "Count to 3", include=["message.output_text.logprobs"])
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    assert [[one["token"] for one in event["logprobs"]] for event in deltas] == [[event["delta"]] for event in deltas]
    assert len(events[-4]["logprobs"]) == 3


def test_a_background_stream_is_queued_first(server: FakeOpenAI) -> None:
    """A background stream says queued between created and in progress."""
    assert types(streamed(server, background=True))[:3] == ["created", "queued", "in_progress"]
