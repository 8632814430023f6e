"""Tests of `shim.testing.fake_openai.chat.rendering`: the shapes on the wire, streamed and whole."""

from typing import Any

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import TOOL, ask, chat


def streamed(server: FakeOpenAI, body: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    return ask(server, body | {"stream": True} | ({"stream_options": options} if options else {})).chunks


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]


def test_a_stream_opens_with_the_role_and_closes_with_a_finish(server: FakeOpenAI) -> None:
    """The opener has role, empty content and no refusal; then one delta per token; then an empty one with the reason."""
    chunks = streamed(server, chat("Count to 4"))
    assert deltas(chunks)[0] == {"role": "assistant", "content": "", "refusal": None}
    assert deltas(chunks)[1:-1] == [{"content": text} for text in ("1,", " 2,", " 3,", " 4.")]
    assert deltas(chunks)[-1] == {}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 5 + ["stop"]


def test_every_chunk_has_the_fields_of_the_api(server: FakeOpenAI) -> None:
    """All chunks share id, model and time; usage is a key only when it was asked for."""
    chunks = streamed(server, chat())
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
    expected = {"id", "object", "created", "model", "service_tier", "system_fingerprint", "choices", "obfuscation"}
    assert {key for chunk in chunks for key in chunk} == expected


def test_usage_comes_last_and_only_when_asked_for(server: FakeOpenAI) -> None:
    """With include_usage a last chunk without choices has the usage, the others have null; it agrees with the JSON answer's."""
    *others, last = streamed(server, chat(), include_usage=True)
    assert last["choices"] == []
    assert all(chunk["usage"] is None for chunk in others)
    assert last["usage"] == ask(server, chat()).json["usage"]


def test_usage_adds_up(server: FakeOpenAI) -> None:
    """Completion tokens are the deltas that were streamed, and the total is the sum."""
    chunks = streamed(server, chat(), include_usage=True)
    usage = chunks[-1]["usage"]
    assert usage["completion_tokens"] == sum("content" in delta for delta in deltas(chunks)[1:])
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_obfuscation_can_be_left_out(server: FakeOpenAI) -> None:
    """Chunks are padded unless include_obfuscation is false."""
    assert any(chunk["obfuscation"] for chunk in streamed(server, chat()))
    assert not any("obfuscation" in chunk for chunk in streamed(server, chat(), include_obfuscation=False))


def test_a_streamed_call_is_opened_and_then_filled(server: FakeOpenAI) -> None:
    """A call opens with index, id, type and name; its arguments follow in several pieces that join to the whole."""
    chunks = streamed(server, chat("What is the weather in Paris?", tools=[TOOL]))
    assert deltas(chunks)[0] == {"role": "assistant", "content": None, "refusal": None}
    opened, *pieces = [delta["tool_calls"][0] for delta in deltas(chunks)[1:-1]]
    assert (opened["index"], opened["type"]) == (0, "function")
    assert opened["function"] == {"name": "get_weather", "arguments": ""}
    assert opened["id"].startswith("call_")
    assert len(pieces) > 1
    assert "".join(piece["function"]["arguments"] for piece in pieces) == '{"city":"Paris"}'
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_parallel_calls_have_indexes(server: FakeOpenAI) -> None:
    """Two calls stream under the indexes 0 and 1, and stand in that order in a JSON answer."""
    body = chat("The weather in Paris and Rome?", tools=[TOOL])
    indexes = [delta["tool_calls"][0]["index"] for delta in deltas(streamed(server, body)) if "tool_calls" in delta]
    assert indexes == sorted(indexes)
    assert set(indexes) == {0, 1}
    calls = ask(server, body).choice["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"city":"Paris"}', '{"city":"Rome"}']


def test_a_custom_call_has_input(server: FakeOpenAI) -> None:
    """A custom tool is called with free text under `custom`, streamed or not."""
    body = chat("Run the shell in Rome", tools=[{"type": "custom", "custom": {"name": "shell"}}])
    assert ask(server, body).choice["message"]["tool_calls"][0]["custom"] == {"name": "shell", "input": "Rome"}
    opened, piece = [delta["tool_calls"][0] for delta in deltas(streamed(server, body)) if "tool_calls" in delta]
    assert opened["custom"] == {"name": "shell", "input": ""}
    assert piece == {"index": 0, "custom": {"input": "Rome"}}


def test_a_legacy_call_is_written_the_old_way(server: FakeOpenAI) -> None:
    """A request with `functions` gets `function_call`, streamed or not."""
    body = chat("The weather in Paris?", functions=[TOOL["function"]])
    message = ask(server, body).choice["message"]
    assert message["function_call"] == {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    first, *rest = [delta["function_call"] for delta in deltas(streamed(server, body)) if "function_call" in delta]
    assert first == {"name": "get_weather", "arguments": ""}
    assert "".join(piece["arguments"] for piece in rest) == '{"city":"Paris"}'


def test_a_refusal_has_no_content(server: FakeOpenAI) -> None:
    """A refusal is in `refusal`, with content null in JSON, and streams as refusal deltas."""
    message = ask(server, chat("refuse this")).choice["message"]
    assert message["content"] is None
    assert message["refusal"].startswith("I'm sorry")
    told = [delta["refusal"] for delta in deltas(streamed(server, chat("refuse this")))[1:-1]]
    assert "".join(told) == message["refusal"]


def test_choices_alternate(server: FakeOpenAI) -> None:
    """With n the choices are interleaved, each with its own opener and finish."""
    chunks = streamed(server, chat(n=2))
    assert [chunk["choices"][0]["index"] for chunk in chunks[:4]] == [0, 1, 0, 1]
    finished = [chunk["choices"][0]["index"] for chunk in chunks if chunk["choices"][0]["finish_reason"]]
    assert sorted(finished) == [0, 1]


def test_logprobs_belong_to_their_tokens(server: FakeOpenAI) -> None:
    """Every token has a negative log probability, its bytes, and as many alternatives as were asked for, itself first."""
    body = chat("Count to 3", logprobs=True, top_logprobs=2)
    whole = ask(server, body).choice["logprobs"]["content"]
    assert [one["token"] for one in whole] == ["1,", " 2,", " 3."]
    for one in whole:
        assert one["logprob"] < 0
        assert bytes(one["bytes"]).decode() == one["token"]
        assert one["top_logprobs"][0]["token"] == one["token"]
        assert len(one["top_logprobs"]) == 2
    parts = [chunk["choices"][0]["logprobs"] for chunk in streamed(server, body)[1:-1]]
    assert [part["content"][0] for part in parts] == whole
    assert ask(server, chat("refuse", logprobs=True)).choice["logprobs"]["refusal"]


def test_ids_are_counted(server: FakeOpenAI) -> None:
    """Completion ids count up with the requests of a server."""
    numbers = [int(ask(server, chat()).json["id"].removeprefix("chatcmpl-")) for _ in range(3)]
    assert numbers == [1, 2, 3]
