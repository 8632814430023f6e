"""Tests of `shim.wire.responses.awaited`: calls that wait for the application, whatever their type."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from shim.model import (
    FinishReason,
    ItemDelta,
    Message,
    ModelRequest,
    OpaquePart,
    StreamDone,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
    user,
)
from shim.wire import chat, responses
from tests.wire.responses.answers import CREATED, added, answer, call, done, ended, event, message, stream, text

PATCH = {"type": "update_file", "path": "a.md", "diff": "@@\n-a\n+b\n"}
ITEMS: dict[str, tuple[dict[str, Any], str, Any]] = {
    "apply_patch_call": ({"call_id": "c", "status": "completed", "operation": PATCH}, "apply_patch", PATCH),
    "shell_call": (
        {"call_id": "c", "status": "completed", "action": {"commands": ["ls"]}},
        "shell",
        {"commands": ["ls"]},
    ),
    "local_shell_call": (
        {"call_id": "c", "status": "completed", "action": {"command": ["ls"]}},
        "local_shell",
        {"command": ["ls"]},
    ),
    "computer_call": (
        {"call_id": "c", "status": "completed", "action": {"type": "click"}},
        "computer",
        {"type": "click"},
    ),
    "tool_search_call": (
        {"call_id": "c", "execution": "client", "arguments": {"goal": "x"}},
        "tool_search",
        {"goal": "x"},
    ),
    "mcp_approval_request": ({"name": "ask", "arguments": '{"q":1}', "server_label": "wiki"}, "ask", {"q": 1}),
}


@pytest.mark.parametrize("kind", ITEMS)
def test_what_waits_is_a_call(kind: str) -> None:
    """An item the application must answer is among the calls, whole, and its response waits for it."""
    fields, name, asked = ITEMS[kind]
    item = {"type": kind, "id": "i_1"} | fields
    found = responses.parse_response(json.dumps(answer(item)).encode())
    part = found.tool_calls[0]
    assert (part.kind, part.name, part.id, part.data) == (kind, name, fields.get("call_id", "i_1"), item)
    assert json.loads(part.arguments) == asked
    assert (found.finish_reason, part.complete) == (FinishReason.TOOL_CALL, True)
    following = ModelRequest("m", [user("hi"), found.message])
    assert responses.to_body(following, stream=False)["input"][1:] == [item]
    further = ModelRequest("m", [user("hi"), Message("assistant", [structs.replace(part, extra={"note": "n"})])])
    assert responses.to_body(further, stream=False)["input"][1:] == [item | {"note": "n"}]
    with pytest.raises(Exception, match=kind):
        chat.to_body(following, stream=False)


@pytest.mark.parametrize("kind", ITEMS)
def test_what_waits_is_told_by_a_stream(kind: str) -> None:
    """A stream tells such a call's start and done once, with what the response has."""
    fields, name, _ = ITEMS[kind]
    item = {"type": kind, "id": "i_1"} | fields
    for output in ([item], []):
        events = stream(CREATED, added(item | {"status": "in_progress"}), done(item), ended(*output))
        assert [(one.index, one.name) for one in events if isinstance(one, ToolCallStart)] == [(0, name)]
        assert len([one for one in events if isinstance(one, ToolCallDone)]) == 1
        assert isinstance(events[-1], StreamDone)
        assert events[-1].response.finish_reason is FinishReason.TOOL_CALL


@pytest.mark.parametrize(
    "output",
    [
        [{"type": "shell_call", "call_id": "c", "environment": {"type": "container_reference"}, "action": {}}],
        [
            {"type": "shell_call", "call_id": "c", "action": {}},
            {"type": "shell_call_output", "call_id": "c", "output": []},
        ],
        [{"type": "tool_search_call", "execution": "server", "arguments": {}}],
        [{"type": "web_search_call", "id": "ws"}, {"type": "mcp_call", "id": "m", "arguments": "{}"}],
    ],
)
def test_what_the_server_does_itself_is_no_call(output: list[dict[str, Any]]) -> None:
    """A tool that ran on the server waits for nobody, and its items are kept as they came."""
    found = responses.parse_response(json.dumps(answer(*output)).encode())
    assert (found.tool_calls, found.finish_reason) == ((), FinishReason.STOP)
    assert found.parts == tuple(OpaquePart(item["type"], item) for item in output)


@pytest.mark.parametrize("status", ["in_progress", "incomplete", None])
def test_a_call_cut_by_the_limit_is_not_done(status: str | None) -> None:
    """A call that the limit broke off in is never told as done, whatever its item says; the one before it is."""
    first, cut = call(id="fc_0", call_id="call_0"), call('{"a":', status=status)
    events = stream(
        CREATED,
        added(call("", id="fc_0", call_id="call_0")),
        done(first),
        added(call(""), 1),
        event("function_call_arguments.delta", output_index=1, delta='{"a":'),
        event("function_call_arguments.done", output_index=1, arguments='{"a":'),
        done(cut, 1),
        ended(first, cut, kind="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    )
    assert [one.id for one in events if isinstance(one, ToolCallDone)] == ["call_0"]
    assert isinstance(events[-1], StreamDone)
    assert [one.complete for one in events[-1].response.tool_calls] == [True, False]
    assert events[-1].response.finish_reason is FinishReason.LENGTH


GROWING: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("code_interpreter_call_code", {"type": "code_interpreter_call", "code": ""}, "code", {"code": "1+1"}),
    ("mcp_call_arguments", {"type": "mcp_call", "arguments": ""}, "arguments", {"arguments": "1+1"}),
    (
        "apply_patch_call_operation_diff",
        {"type": "apply_patch_call", "call_id": "c", "operation": {"path": "a", "diff": ""}},
        "diff",
        {"operation": {"path": "a", "diff": "1+1"}},
    ),
]


@pytest.mark.parametrize(("name", "item", "field", "whole"), GROWING)
@pytest.mark.parametrize("said", [True, False])
def test_what_grows_is_told_and_kept(
    name: str,
    item: dict[str, Any],
    field: str,
    whole: dict[str, Any],
    said: bool,  # noqa: FBT001 - of the table
) -> None:
    """Code, patches and a server's arguments are told as they grow, once, and are in the item that does not say them too."""
    item = item | {"id": "i_1", "status": "completed"}
    place = {"item_id": "i_1", "output_index": 0}
    last = item | whole if said else item
    events = stream(
        CREATED,
        added(item),
        event(f"{name}.delta", delta="1", **place),
        event(f"{name}.delta", delta="+", **place),
        event(f"{name}.done", **place, **{field: "1+1"}),
        done(last),
        ended(last),
    )
    assert [one for one in events if isinstance(one, ItemDelta)] == [ItemDelta(item["type"], each) for each in "1+1"]
    assert isinstance(events[-1], StreamDone)
    part = events[-1].response.parts[0]
    assert isinstance(part, (OpaquePart, ToolCallPart))
    assert part.data == item | whole


def test_images_sound_and_the_unknown_are_told() -> None:
    """Partial images, sound, what is said in it, and pieces of what is not known here reach who listens."""
    image = {"type": "image_generation_call", "id": "ig_1"}
    events = stream(
        CREATED,
        added(image),
        event("image_generation_call.partial_image", item_id="ig_1", partial_image_b64="AAAA"),
        event("audio.delta", delta="UklG"),
        event("audio.transcript.delta", delta="Hi"),
        event("hologram.light.delta", delta={"x": 1}),
        ended(image | {"result": "BBBB"}, message(text("Hi"), id="m")),
    )
    assert [one for one in events if isinstance(one, ItemDelta)] == [
        ItemDelta("image_generation_call", "AAAA"),
        ItemDelta("audio", "UklG"),
        ItemDelta("audio_transcript", "Hi"),
        ItemDelta("hologram_light", '{"x": 1}'),
    ]
    assert isinstance(events[-1], StreamDone)
    assert events[-1].response.extra["audio"] == "UklG"
