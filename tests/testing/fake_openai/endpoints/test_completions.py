"""Tests of `endpoints.completions` and `endpoints.completion_objects`: what is accepted, and the shapes on the wire."""

from typing import Any

import pytest

from shim.testing.fake_openai import Burst, FakeOpenAI, JsonToStream, stream_failed
from tests.testing.fake_openai.asking import Got, ask

PATH = "/v1/completions"


def complete(server: FakeOpenAI, prompt: Any = "Count to 5.", **fields: Any) -> Got:
    return ask(server, {"model": "text-davinci-003", "prompt": prompt, **fields}, path=PATH)


def texts(got: Got) -> list[str]:
    return [choice["text"] for choice in got.json["choices"]]


def test_the_default_answer_has_every_field_of_the_api(server: FakeOpenAI) -> None:
    """A plain request gets a complete `text_completion` object."""
    got = complete(server)
    assert got.status == 200
    assert set(got.json) == {"id", "object", "created", "model", "choices", "usage"}
    assert (got.json["object"], got.json["model"]) == ("text_completion", "text-davinci-003")
    assert got.choice == {"text": " 1, 2, 3, 4, 5.", "index": 0, "logprobs": None, "finish_reason": "stop"}


def test_sixteen_tokens_are_all_unless_more_are_asked_for(server: FakeOpenAI) -> None:
    """Without `max_tokens` a long completion is cut after 16 tokens, and says so."""
    short, long = complete(server, "Count to 50."), complete(server, "Count to 50.", max_tokens=100)
    assert (short.choice["finish_reason"], long.choice["finish_reason"]) == ("length", "stop")
    assert short.json["usage"]["completion_tokens"] == 16
    assert long.choice["text"].endswith("50.")


@pytest.mark.parametrize(
    ("prompt", "count"), [("one", 1), (["one", "two"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2), (None, 1)]
)
def test_prompts_come_in_five_ways(server: FakeOpenAI, prompt: Any, count: int) -> None:
    """A string, strings, tokens, lists of tokens or nothing: each prompt gets its choices, numbered through."""
    got = complete(server, prompt, n=2)
    assert [choice["index"] for choice in got.json["choices"]] == list(range(2 * count))


def test_tokens_are_counted_as_they_came(server: FakeOpenAI) -> None:
    """A prompt of tokens is as long as its list."""
    assert complete(server, [11, 12, 13]).json["usage"]["prompt_tokens"] == 3


def test_echo_gives_the_prompt_back(server: FakeOpenAI) -> None:
    """With `echo` each text begins with its prompt; with `max_tokens` 0 it is the prompt alone."""
    assert texts(complete(server, ["Count to 2.", "Hello"], echo=True)) == [
        "Count to 2. 1, 2.",
        "Hello Hello! I am a fake model on your own machine. What would you like to",
    ]
    assert texts(complete(server, echo=True, max_tokens=0)) == ["Count to 5."]


def test_the_best_are_chosen_and_all_are_paid_for(server: FakeOpenAI) -> None:
    """`best_of` 3 with `n` 1 gives one choice, and counts the tokens of three."""
    one, three = complete(server), complete(server, best_of=3)
    assert len(three.json["choices"]) == 1
    assert three.json["usage"]["completion_tokens"] > 2 * one.json["usage"]["completion_tokens"]


def test_stop_is_honoured(server: FakeOpenAI) -> None:
    """A text ends before the first stop sequence."""
    assert complete(server, stop=[" 3", "4"]).choice["text"] == " 1, 2,"


@pytest.mark.parametrize("echo", [False, True])
def test_logprobs_belong_to_their_tokens(server: FakeOpenAI, echo: bool) -> None:  # noqa: FBT001 - a pytest parameter
    """Tokens join to the text, offsets point at them, and the first token of an echoed prompt has no probability."""
    choice = complete(server, logprobs=2, echo=echo).choice
    logprobs = choice["logprobs"]
    assert "".join(logprobs["tokens"]) == choice["text"]
    start = 0 if echo else len("Count to 5.")
    for token, offset in zip(logprobs["tokens"], logprobs["text_offset"], strict=True):
        assert choice["text"][offset - start :].startswith(token)
    lengths = {len(logprobs[name]) for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset")}
    assert len(lengths) == 1
    assert (logprobs["token_logprobs"][0] is None, logprobs["top_logprobs"][0] is None) == (echo, echo)
    assert len(logprobs["top_logprobs"][1]) == 2


def test_a_stream_says_what_the_json_answer_says(server: FakeOpenAI) -> None:
    """The texts and logprobs of the chunks of each choice add up to those of the whole, and the last chunk says why it ended."""
    fields = {"n": 2, "logprobs": 1, "echo": True}
    whole = complete(server, **fields).json["choices"]
    chunks = complete(server, stream=True, **fields).chunks
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    for choice in whole:
        parts = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == choice["index"]]
        assert "".join(part["text"] for part in parts) == choice["text"]
        assert [part["finish_reason"] for part in parts] == [None] * (len(parts) - 1) + [choice["finish_reason"]]
        for name, value in choice["logprobs"].items():
            assert [one for part in parts[:-1] for one in part["logprobs"][name]] == value


def test_usage_is_streamed_when_asked_for(server: FakeOpenAI) -> None:
    """With `include_usage` a last chunk without choices has it, and every other one null."""
    *chunks, last = complete(server, stream=True, stream_options={"include_usage": True}).chunks
    assert last["choices"] == []
    assert last["usage"] == complete(server).json["usage"]
    assert {chunk["usage"] for chunk in chunks} == {None}
    assert "usage" not in complete(server, stream=True).chunks[-1]


def test_an_engine_in_the_path_is_the_model(server: FakeOpenAI) -> None:
    """`/v1/engines/NAME/completions` completes with that model, its name percent-decoded."""
    got = ask(server, {"prompt": "Hello"}, path="/v1/engines/davinci%3Aft-mine/completions")
    assert (got.status, got.json["model"]) == (200, "davinci:ft-mine")
    both = ask(server, {"prompt": "Hello", "model": "ada"}, path="/v1/engines/davinci/completions")
    assert (both.status, both.error["message"]) == (400, "Cannot specify both model and engine")


def test_a_model_name_asks_for_a_burst(server: FakeOpenAI) -> None:
    """`fake-burst-N` streams N texts here too, and so does a planned burst."""
    body = {"model": "fake-burst-5", "prompt": "x", "stream": True}
    assert [chunk["choices"][0]["text"] for chunk in ask(server, body, path=PATH).chunks] == [" word"] * 5 + [""]
    server.plan(Burst(2, text="!"))
    assert [chunk["choices"][0]["text"] for chunk in complete(server, stream=True).chunks] == ["!", "!", ""]


def test_json_can_answer_a_stream_request(server: FakeOpenAI) -> None:
    """Planned so, a stream is answered with one JSON body."""
    server.plan(JsonToStream())
    assert complete(server, stream=True).choice["text"] == " 1, 2, 3, 4, 5."


@pytest.mark.parametrize("name", ["n", "best_of"])
def test_choices_are_bounded(server: FakeOpenAI, name: str) -> None:
    """More choices over all prompts than the server would make in good time are refused."""
    got = complete(server, ["x"] * 1025, **{name: 2})
    assert (got.status, got.error["param"]) == (400, name)


def test_a_stream_may_fail_and_an_answer_too(server: FakeOpenAI) -> None:
    """A planned failure is an error object, in place of a chunk or of the whole answer."""
    server.plan(stream_failed("server_error", "gone", after_events=2), stream_failed("server_error", "gone"))
    streamed = complete(server, stream=True).body.split(b"\n\n")
    assert streamed[2].startswith(b'data: {"error":{"message":"gone"')
    assert len(streamed) == 4
    assert complete(server).error["message"] == "gone"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": 7}, "prompt", "invalid_type"),
        ({"prompt": []}, "prompt", "empty_array"),
        ({"prompt": ["a", 1]}, "prompt", None),
        ({"prompt": [[]]}, "prompt", None),
        ({"prompt": [True]}, "prompt", None),
        ({"max_tokens": -1}, "max_tokens", "integer_below_min_value"),
        ({"max_tokens": "many"}, "max_tokens", "invalid_type"),
        ({"logprobs": 6}, "logprobs", "integer_above_max_value"),
        ({"logprobs": True}, "logprobs", "invalid_type"),
        ({"best_of": 21}, "best_of", "integer_above_max_value"),
        ({"n": 3, "best_of": 2}, "best_of", None),
        ({"best_of": 2, "stream": True}, "best_of", None),
        ({"echo": "yes"}, "echo", "invalid_type"),
        ({"echo": True, "suffix": "end"}, "suffix", None),
        ({"stop": ["1", "2", "3", "4", "5"]}, "stop", "array_above_max_length"),
        ({"stream_options": {}}, "stream_options", None),
        ({"temperature": 3}, "temperature", "decimal_above_max_value"),
        ({"messages": []}, "messages", "unknown_parameter"),
    ],
)
def test_a_wrong_request_is_refused(server: FakeOpenAI, fields: Any, param: str, code: str | None) -> None:
    """What the API would refuse gets a 400 that names the field."""
    got = complete(server, **fields) if "prompt" not in fields else complete(server, fields["prompt"])
    assert (got.status, got.error["param"], got.error["code"]) == (400, param, code)


def test_prompt_and_completion_must_fit(server: FakeOpenAI) -> None:
    """More tokens than the model has are refused, in the words that programs look for."""
    got = complete(server, max_tokens=4096)
    assert got.status == 400
    assert "maximum context length is 4097 tokens, however you requested 4099 tokens" in got.error["message"]


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [
        ("gpt-3.5-turbo", 404, "This is a chat model and not supported in the v1/completions endpoint."),
        ("text-embedding-ada-002", 404, "it is a model for embedding"),
        ("parrot", 404, "does not exist"),
        ("", 400, "you must provide a model parameter"),
    ],
)
def test_the_model_must_be_for_completions(server: FakeOpenAI, model: str, status: int, words: str) -> None:
    """A model for something else, an unknown one and none are refused."""
    got = complete(server, model=model)
    assert got.status == status
    assert words in got.error["message"]


def test_a_completion_model_does_not_chat(server: FakeOpenAI) -> None:
    """Chat Completions refuses a model that only completes."""
    got = ask(server, {"model": "text-davinci-003", "messages": [{"role": "user", "content": "Hello"}]})
    assert got.status == 404
    assert "This is not a chat model" in got.error["message"]
