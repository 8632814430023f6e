"""Tests of `shim.wire.chat.chunk`: which payloads are read typed, and that the lenient reading says the same."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from shim.wire.chat.chunk import decode_chunk, lenient_head, lenient_pieces, typed_head, typed_piece
from tests.wire.chat.chunks import CALLED, HELLO, LOOK, OPENER, STOP, USED, Payload, call, choice, chunk, envelope, read

TOKEN = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
# What OpenAI sends: read at C speed.
OPENAI: dict[str, Payload] = {
    "opener": OPENER,
    "text": chunk({"content": "a"}, service_tier="default", system_fingerprint="fp_1", obfuscation="x7"),
    "text with null usage": chunk({"content": "a"}, usage=None),
    "text with logprobs": envelope(choice({"content": "a"}, logprobs={"content": [TOKEN], "refusal": None})),
    "refusal": chunk({"refusal": "no"}),
    "call opened": chunk({"tool_calls": [call(0, "", id="call_1", type="function", name="look")]}),
    "call with content null": chunk(
        {"content": None, "tool_calls": [call(0, "", id="call_1", type="function", name="look")]}
    ),
    "arguments": chunk({"tool_calls": [call(0, "{}"), call(1, "{}")]}),
    "stop": STOP,
    "tool calls": CALLED,
    "usage": USED,
    "several choices": envelope(choice({"content": "a"}), choice({"content": "b"}, index=1)),
    "reasoning_content": chunk({"content": None, "reasoning_content": "hm"}),
    "reasoning": chunk({"role": "assistant", "content": "", "reasoning": "hm"}),
    "delta null": chunk(None),
    "choices null": {"id": "chatcmpl-1", "choices": None},
    "nothing": {},
}
# What only the lenient reading takes.
OTHERS: dict[str, Payload] = {
    "unknown field": chunk({"content": "a"}, provider="x"),
    "unknown field of a choice": envelope(choice({"content": "a"}, stop_reason=None)),
    "unknown field of a delta": chunk({"content": "a", "channel": "final"}),
    "content as a list": chunk({"content": [{"type": "text", "text": "a"}]}),
    "function call": chunk({"function_call": {"name": "f"}}),
    "custom tool": chunk({"tool_calls": [{"index": 0, "custom": {"input": "a"}}]}),
    "index null": envelope({"index": None, "delta": {"content": "a"}}),
    "created as a fraction": chunk({"content": "a"}, created=1787150055.5),
    "id of a number": chunk({"content": "a"}, id=7),
    "choices of no list": {"choices": {}},
}


@pytest.mark.parametrize("case", OPENAI)
def test_openai_chunks_are_read_typed(case: str) -> None:
    """A chunk as OpenAI sends it is read typed, and the lenient reading of it says exactly the same."""
    raw = json.dumps(OPENAI[case]).encode()
    typed, lenient = decode_chunk(raw), msgspec.json.decode(raw)
    assert typed_head(typed) == lenient_head(lenient)
    pieces = [typed_piece(each) for each in typed.choices or ()]
    said = [msgspec.structs.replace(piece, reasoning_field="") if not piece.reasoning else piece for piece in pieces]
    expected = [
        msgspec.structs.replace(piece, reasoning_field="") if not piece.reasoning else piece
        for piece in lenient_pieces(lenient)
    ]
    assert said == expected


@pytest.mark.parametrize("case", OTHERS)
def test_other_chunks_are_read_leniently(case: str) -> None:
    """A chunk with anything OpenAI does not send is refused by the typed reading and taken by the lenient one."""
    raw = json.dumps(OTHERS[case]).encode()
    with pytest.raises(msgspec.ValidationError):
        decode_chunk(raw)
    chunk_read = msgspec.json.decode(raw)
    assert lenient_head(chunk_read).usage is None
    assert all(piece.text in {"", "a"} for piece in lenient_pieces(chunk_read))


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param([{"delta": None}], id="delta null"),
        pytest.param([{}], id="delta absent"),
    ],
)
def test_a_delta_of_nothing_says_nothing(deltas: list[dict[str, Any]]) -> None:
    """A delta that is null or absent, as Azure's content filter sends it, says nothing and breaks nothing."""
    filtered = [
        envelope({"index": 0, "content_filter_results": {"hate": {"filtered": False}}} | delta) for delta in deltas
    ]
    response = read(*HELLO[:3], *filtered, STOP)
    assert response.text == "Hello"
    assert response.choices[0].extra == {"content_filter_results": {"hate": {"filtered": False}}}


def test_role_never_sent() -> None:
    """A stream that never names the role is read like any other."""
    assert read(chunk({"content": "Hel"}), chunk({"content": "lo"}), STOP).text == "Hello"


@pytest.mark.parametrize("role", ["assistant", None], ids=repr)
def test_role_in_every_delta(role: str | None) -> None:
    """A role in every delta, or a null one, is neither text nor an unknown field."""
    response = read(
        *(chunk({"role": role, "content": text}) for text in ("Hel", "lo")), chunk({"role": role}, finish="stop")
    )
    assert response.text == "Hello"
    assert response.choices[0].message_extra == {}


@pytest.mark.parametrize("marked", [False, True], ids=["typed", "lenient"])
def test_choices_without_index(marked: bool) -> None:  # noqa: FBT001 - parametrized
    """Choices without an index are told apart by their place, in either reading."""
    both = {"id": "chatcmpl-1", "choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}
    response = read(both | ({"provider": "x"} if marked else {}), b"[DONE]")
    assert [answer.parts for answer in response.choices] == [
        read(chunk({"content": text}), STOP).parts for text in "ab"
    ]


def test_choices_of_a_wrong_kind_are_passed_over() -> None:
    """Choices that are no objects say nothing and break nothing."""
    assert read({"choices": [None, "a", 7]}, {"choices": "a"}, *HELLO).text == "Hello"


def test_the_whole_streams_are_read_typed() -> None:
    """Every chunk of an ordinary stream, of text or of a call, is read typed."""
    for payload in (*HELLO, *LOOK):
        if not isinstance(payload, bytes):
            decode_chunk(json.dumps(payload).encode())
