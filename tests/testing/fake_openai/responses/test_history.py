"""Tests of `responses.history`, `as_chat` and `endpoint`: conversations that go on, and responses kept and deleted."""

from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.responses import history
from tests.testing.fake_openai.asking import Got, ask
from tests.testing.fake_openai.responses.responding import CALL, PATH, TOOL, USER, output_of, respond


def text_of(got: Got) -> str:
    return "".join(part["text"] for item in got.json["output"] if item["type"] == "message" for part in item["content"])


def get(server: FakeOpenAI, identifier: str, *, method: str = "GET") -> Got:
    return ask(server, None, path=f"{PATH}/{identifier}", method=method)


def test_a_conversation_goes_on(server: FakeOpenAI) -> None:
    """A request that names a previous response has its whole conversation in front of it."""
    first = respond(server, "Tell me about the tides.").json
    second = respond(server, "And the moon.", previous_response_id=first["id"])
    assert "I have 3 messages" in text_of(second)
    assert second.json["previous_response_id"] == first["id"]
    third = respond(server, "And the sun.", previous_response_id=second.json["id"], instructions="Be kind.")
    assert "I have 6 messages" in text_of(third)


def test_a_call_is_answered_in_the_next_request(server: FakeOpenAI) -> None:
    """The results of parallel calls are quoted under their tools' names, whether the conversation is named or sent again."""
    first = respond(server, "The weather in Paris and Rome?", tools=[TOOL]).json
    results = [output_of(call["call_id"], f"{n} degrees") for n, call in enumerate(first["output"])]
    named = respond(server, results, previous_response_id=first["id"], tools=[TOOL])
    sent = respond(server, [{"role": "user", "content": "Weather?"}, *first["output"], *results], tools=[TOOL])
    told = "Here is what I found: get_weather says 0 degrees; get_weather says 1 degrees."
    assert text_of(named) == text_of(sent) == told


def test_a_result_may_be_parts(server: FakeOpenAI) -> None:
    """The output of a call may be a list of parts, or that of a custom tool."""
    parts = [{"type": "input_text", "text": "rain"}]
    assert "says rain" in text_of(respond(server, [USER, CALL, output_of("call_1", parts)]))
    custom = {"type": "custom_tool_call", "call_id": "call_2", "name": "shell", "input": "ls"}
    result = {"type": "custom_tool_call_output", "call_id": "call_2", "output": "a.txt"}
    assert "shell says a.txt" in text_of(respond(server, [USER, custom, result]))


def test_a_call_left_open_is_refused_later(server: FakeOpenAI) -> None:
    """Going on from a response with a call, without its result, is refused with the call's id."""
    first = respond(server, "The weather in Paris?", tools=[TOOL]).json
    got = respond(server, "Never mind.", previous_response_id=first["id"])
    assert got.status == 400
    assert first["output"][0]["call_id"] in got.error["message"]


def test_a_stored_response_can_be_had_again_and_deleted(server: FakeOpenAI) -> None:
    """GET returns what was answered, DELETE forgets it, and then it is not found."""
    made = respond(server).json
    assert get(server, made["id"]).json == made
    assert get(server, made["id"], method="DELETE").json == {"id": made["id"], "object": "response", "deleted": True}
    for method in ("GET", "DELETE"):
        assert get(server, made["id"], method=method).status == 404
    assert respond(server, previous_response_id=made["id"]).error["code"] == "previous_response_not_found"


def test_a_streamed_response_is_stored_too(server: FakeOpenAI) -> None:
    """The response of a stream can be had as its terminal event told it."""
    last = respond(server, stream=True).events[-1]["response"]
    kept = get(server, last["id"]).json
    assert {name: value for name, value in kept.items() if name != "billing"} == last


def test_what_is_not_stored_is_not_found(server: FakeOpenAI) -> None:
    """With `store` false there is nothing to return or to go on from, and its reasoning is unknown unless sent whole."""
    made = respond(server, model="o3", store=False).json
    assert get(server, made["id"]).status == 404
    assert respond(server, previous_response_id=made["id"]).status == 400
    got = respond(server, [USER, made["output"][0], USER], model="o3")
    assert (got.status, got.error["param"]) == (404, "input")


def test_reasoning_may_be_sent_whole_or_by_reference(server: FakeOpenAI) -> None:
    """A reasoning item with its ciphertext, the id of a stored one, or a reference to an item are all understood."""
    whole = respond(server, model="o3", store=False, include=["reasoning.encrypted_content"]).json["output"][0]
    stored = respond(server, model="o3").json["output"]
    reference = {"type": "item_reference", "id": stored[1]["id"]}
    for items in ([USER, whole, USER], [USER, stored[0], USER], [USER, reference, USER]):
        assert respond(server, items, model="o3").status == 200
    unknown = respond(server, [USER, {"type": "item_reference", "id": "msg_x"}, USER])
    assert (unknown.status, "msg_x" in unknown.error["message"]) == (404, True)


def test_a_background_response_is_queued_and_then_there(server: FakeOpenAI) -> None:
    """A background request is answered at once with nothing done, and GET has the answer."""
    made = respond(server, background=True).json
    assert (made["status"], made["output"], made["usage"]) == ("queued", [], None)
    assert get(server, made["id"]).json["status"] == "completed"


def test_other_ways_to_ask_are_refused(server: FakeOpenAI) -> None:
    """A query this server does not know and a wrong method are told, not ignored."""
    made = respond(server).json
    assert get(server, f"{made['id']}?stream=true").status == 400
    assert get(server, made["id"], method="PATCH").headers["allow"] == "GET, DELETE"
    assert get(server, "").status == 404


def test_the_key_is_asked_for_here_too(server: FakeOpenAI) -> None:
    """Without the key there is no response to make, to get or to delete."""
    assert ask(server, {}, path=PATH, key=None).status == 401
    assert ask(server, None, path=f"{PATH}/resp_1", method="GET", key="sk-wrong").error["code"] == "invalid_api_key"


@pytest.mark.parametrize(("bound", "value"), [("KEPT_RESPONSES", 3), ("KEPT_BYTES", 6000)])
def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    """Beyond the bound in number or in bytes the oldest responses and their items are forgotten."""
    monkeypatch.setattr(history, bound, value)
    memory = history.History()
    responses = [_response(number) for number in range(9)]
    for response in responses:
        memory.keep(response, [])
    kept = [response for response in responses if response["id"] in memory._kept]
    assert 0 < len(kept) <= 3
    assert kept == responses[-len(kept) :]
    assert set(memory._items) == {response["output"][0]["id"] for response in kept}
    for response in kept:
        memory.forget(response["id"])
    assert (memory._bytes, memory._items) == (0, {})


def _response(number: int) -> dict[str, Any]:
    return {"id": f"resp_{number}", "output": [{"id": f"msg_{number}", "text": "x" * 1000}]}
