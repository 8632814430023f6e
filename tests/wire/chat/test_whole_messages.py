"""Tests of messages that are told whole where pieces are expected, and in pieces where a whole is, by `shim.wire.chat`."""

from __future__ import annotations

from typing import Any

from shim.model import FinishReason, ReasoningPart, TextPart
from shim.wire.chat import parse_response
from tests.wire.chat.chunks import (
    CALLED,
    DONE,
    STOP,
    call,
    choice,
    chunk,
    decode,
    envelope,
    fail,
    raw,
    read,
    response_of,
)


def whole(message: dict[str, Any], *, finish: str = "stop") -> bytes:
    """A whole answer."""
    return raw(envelope({"index": 0, "message": message, "finish_reason": finish}))


def detail(words: str) -> dict[str, Any]:
    """A piece of reasoning as MiniMax tells it."""
    return {"type": "reasoning.text", "id": "reasoning-text-1", "index": 0, "text": words}


def test_a_stream_that_ends_with_its_whole_message_doubles_nothing() -> None:
    """MiniMax sends all of the message once more at the end: text, reasoning, its details and calls are there once."""
    called = call(0, '{"a":1}', id="call_1", name="look")
    message = {
        "content": "hi you",
        "reasoning_content": "hm",
        "reasoning_details": [detail("hm")],
        "tool_calls": [called],
    }
    response = read(
        chunk({"reasoning_content": "h", "reasoning_details": [detail("h")]}),
        chunk({"reasoning_content": "m", "reasoning_details": [detail("m")]}),
        chunk({"content": "hi"}),
        chunk({"content": " you"}),
        chunk({"tool_calls": [called]}),
        CALLED,
        whole(message, finish="tool_calls"),
    )
    assert (response.text, response.reasoning_text, len(response.tool_calls)) == ("hi you", "hm", 1)
    assert response.choices[0].message_extra == {"reasoning_details": [detail("hm")]}


def test_a_message_beside_a_delta_that_says_nothing_counts() -> None:
    """What a last chunk says beside an empty delta is told, as far as it was not told before."""
    last = envelope(choice({"role": "assistant", "content": ""}, finish="stop", message={"content": "hi you"}))
    assert read(last, DONE).text == "hi you"
    events = decode(chunk({"content": "hi"}), last, DONE)
    assert response_of(events).text == "hi you"


def test_a_whole_answer_in_the_form_of_a_chunk_is_read() -> None:
    """A gateway that answers with a delta where the message should be loses neither text nor calls."""
    response = parse_response(
        raw(chunk({"content": "hi", "tool_calls": [call(0, "{}", id="call_1", name="look")]}, finish="stop"))
    )
    assert (response.text, [part.name for part in response.tool_calls]) == ("hi", ["look"])


def test_a_choice_that_has_not_ended_says_so_in_words_too() -> None:
    """A finish reason of "null" or "not_finished" ends no choice, and takes no other back."""
    for word in ("null", "None", "not_finished"):
        pieces = [chunk({"content": "a"}, finish=word), chunk({"content": "b"}, finish=word)]
        assert fail(*pieces).category == "truncated"
        response = read(*pieces, STOP, chunk({}, finish=word), DONE)
        assert (response.text, response.finish_reason) == ("ab", FinishReason.STOP)


def test_the_reasoning_of_copilot_is_reasoning() -> None:
    """`reasoning_text` is told as reasoning, whole and streamed, and its signature stays with the message."""
    parts = (ReasoningPart("hm", wire_field="reasoning_text"), TextPart("a"))
    streamed = read(
        chunk({"reasoning_text": "h"}),
        chunk({"reasoning_text": "m"}),
        chunk({"reasoning_opaque": "s"}),
        chunk({"content": "a"}),
        STOP,
        DONE,
    )
    told = parse_response(whole({"content": "a", "reasoning_text": "hm", "reasoning_opaque": "s"}))
    for response in (streamed, told):
        assert response.parts == parts
        assert response.choices[0].message_extra == {"reasoning_opaque": "s"}


def test_that_there_is_no_reasoning_is_kept() -> None:
    """DeepSeek wants an empty `reasoning_content` back, and only where no other came."""
    called = {"tool_calls": [call(0, "{}", id="call_1", name="look")]}
    opener = chunk({"role": "assistant", "content": None, "reasoning_content": ""})
    for response in (
        read(opener, chunk(called), CALLED, DONE),
        read(chunk({"reasoning_content": "", "x": 1}), chunk(called), CALLED, DONE),
        parse_response(whole({"content": None, "reasoning_content": ""} | called, finish="tool_calls")),
        parse_response(whole({"content": None, "reasoning_content": "", "x": 1} | called, finish="tool_calls")),
    ):
        extra = {name: value for name, value in response.choices[0].message_extra.items() if name != "x"}
        assert extra == {"reasoning_content": ""}
    assert read(opener, chunk({"reasoning_content": "hm"}), STOP, DONE).choices[0].message_extra == {}


def test_a_call_of_a_servers_own_type_keeps_it() -> None:
    """Moonshot's built-in functions go back under their type, streamed as well as whole."""
    opened = call(0, "", id="call_1", type="builtin_function", name="$web_search")
    response = read(chunk({"tool_calls": [opened]}), chunk({"tool_calls": [call(0, "{}")]}), CALLED, DONE)
    assert [(part.arguments, part.extra) for part in response.tool_calls] == [("{}", {"type": "builtin_function"})]


def test_usage_in_a_choice_is_read() -> None:
    """Moonshot tells the usage of a stream in its last choice."""
    usage = {"prompt_tokens": 19, "completion_tokens": 13, "total_tokens": 32, "cached_tokens": 5}
    response = read(chunk({"content": "a"}), envelope(choice({}, finish="stop", usage=usage)), DONE)
    assert response.usage is not None
    assert (response.usage.total_tokens, response.usage.cached_input_tokens) == (32, 5)


def test_of_what_was_spoken_its_id_goes_back() -> None:
    """An audio answer is kept whole, and the next turn names it by its id, which is all that OpenAI takes."""
    spoken = {"id": "audio_1", "data": "QUJD", "transcript": "hi", "expires_at": 1}
    for response in (
        parse_response(whole({"content": None, "audio": spoken})),
        read(
            chunk({"audio": {"id": "audio_1", "data": "QUJD"}}),
            chunk({"audio": {"transcript": "hi", "expires_at": 1}}),
            STOP,
            DONE,
        ),
    ):
        assert response.choices[0].message_extra == {"audio": spoken}
        assert response.message.extra == {"audio": {"id": "audio_1"}}


def test_the_id_of_a_call_may_stand_in_its_function() -> None:
    """llama.cpp had it there: without it no result finds its call."""
    pieces = [
        {"index": 0, "function": {"id": "call_1", "name": "look", "arguments": each}} for each in ("", '{"a"', ":1}")
    ]
    streamed = read(*(chunk({"tool_calls": [piece]}) for piece in pieces), CALLED, DONE)
    message = {"content": None, "tool_calls": [{"function": {"id": "call_1", "name": "look", "arguments": '{"a":1}'}}]}
    for response in (streamed, parse_response(whole(message, finish="tool_calls"))):
        assert [(part.id, part.name, part.arguments) for part in response.tool_calls] == [("call_1", "look", '{"a":1}')]
