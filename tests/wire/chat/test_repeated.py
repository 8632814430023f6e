"""Tests of chunks that repeat the one before in other words: read by their words alone, and never otherwise than in full."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shim.model import ReasoningDelta, StreamEvent, TextDelta
from shim.wire.chat import StreamDecoder, stream
from shim.wire.chat.repeated import around_words
from tests.wire.chat.chunks import DONE, call, choice, chunk, envelope, response_of

Form = Callable[[str], dict[str, Any]]


def details(words: str, **fields: Any) -> list[dict[str, Any]]:
    """OpenRouter's reasoning details with these words."""
    return [{"type": "reasoning.text", "text": words, "format": "unknown", "index": 0, "signature": None} | fields]


# What a server says in every chunk, around words of its own.
FORMS: dict[str, Form] = {
    "vLLM": lambda words: envelope(choice({"content": words}, logprobs=None, stop_reason=None, token_ids=None)),
    "vLLM, reasoning twice": lambda words: chunk({"reasoning": words, "reasoning_content": words}, x_node=1),
    "OpenRouter": lambda words: chunk({"role": "assistant", "content": words}, provider="P"),
    "OpenRouter, reasoning": lambda words: chunk(
        {"role": "assistant", "content": "", "reasoning": words, "reasoning_details": details(words)}, provider="P"
    ),
    "details alone": lambda words: chunk({"reasoning_details": details(words)}, provider="P"),
    "DeepSeek": lambda words: chunk({"content": None, "reasoning_content": words}, system_fingerprint="fp"),
    "DeepSeek, text": lambda words: chunk({"content": words, "reasoning_content": None}),
    "Azure": lambda words: envelope(choice({"content": words}, content_filter_results={"hate": {"filtered": False}})),
    "arguments": lambda words: chunk({"tool_calls": [call(0, words)]}, provider="P"),
    "the word elsewhere": lambda words: chunk({"content": words}, content=words, x={"delta": {"content": words}}),
    "in the second place": lambda words: envelope(choice({"content": words}), choice({"content": "b"}, index=1), x=1),
}
OPEN = chunk({"tool_calls": [call(0, "", id="call_1", type="function", name="look")]}, provider="P")


class Thorough(StreamDecoder):
    """Reads every chunk in full."""

    __slots__ = ()

    def _expect_the_same(self, *_given: Any, **_named: Any) -> None:
        """Expect nothing."""


def told(decoder: StreamDecoder, payloads: list[bytes]) -> list[StreamEvent]:
    """The events of a stream."""
    return [event for payload in payloads for event in decoder.feed(payload)] + decoder.finish()


def written(form: Form, words: list[str], *, ascii_only: bool, spaced: bool) -> list[bytes]:
    """A stream of chunks with these words, as one or another server writes JSON."""
    separators = (", ", ": ") if spaced else (",", ":")
    chunks = [OPEN, *(form(each) for each in words)]
    text = [json.dumps(each, ensure_ascii=ascii_only, separators=separators) for each in chunks]
    return [each.encode("utf-8", "surrogatepass") for each in text]


ODD = ["a", ",", ":", '"', "\\", "\n", "é", "😀", "{", "}", "assistant", "content", '","', "", "text", "\ud83d", "\x00"]
words_said = st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=5)), max_size=8)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(FORMS)), words_said), max_size=4),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@example([("OpenRouter, reasoning", ["a", "b", "c"]), ("OpenRouter", ["d", "e", "f"])], False, False, True)  # noqa: FBT003 - of hypothesis
@example([("the word elsewhere", ["a", "b", "c", "d"])], False, True, True)  # noqa: FBT003 - of hypothesis
def test_a_repeated_chunk_is_read_as_in_full(
    runs: list[tuple[str, list[str]]],
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes by position
    spaced: bool,  # noqa: FBT001 - the same
    ends: bool,  # noqa: FBT001 - the same
) -> None:
    """Whatever words servers put into their chunks, events and response are those of reading each chunk in full."""
    payloads = [
        each for name, words in runs for each in written(FORMS[name], words, ascii_only=ascii_only, spaced=spaced)
    ]
    payloads += [DONE] if ends else []
    quick, thorough = told(StreamDecoder(), payloads), told(Thorough(), payloads)
    assert repr(quick) == repr(thorough)  # errors are equal by identity alone


def noting(reads: Callable[[bytes], Any], seen: set[bytes]) -> Callable[[bytes], Any]:
    """A reading that notes what it is given."""

    def read(payload: bytes) -> Any:
        seen.add(payload)
        return reads(payload)

    return read


@pytest.fixture
def read_in_full(monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """The payloads that were read in full."""
    seen: set[bytes] = set()
    for name in ("decode_chunk", "read_with_halves"):
        monkeypatch.setattr(stream, name, noting(getattr(stream, name), seen))
    return seen


WORDS = [f"word{number} " for number in range(50)]
READ_ONCE = sorted(set(FORMS) - {"the word elsewhere", "in the second place"})


@pytest.mark.parametrize("name", READ_ONCE)
def test_chunks_that_repeat_are_not_read_in_full(name: str, read_in_full: set[bytes]) -> None:
    """Of a long stream of one server's chunks a few are read in full, and all words are there."""
    payloads = written(FORMS[name], WORDS, ascii_only=False, spaced=False)
    response = response_of(told(StreamDecoder(), [*payloads, DONE]))
    assert len(read_in_full) < 6
    said = "".join([response.text, response.reasoning_text, *(each.arguments for each in response.tool_calls)])
    assert said == "".join(WORDS)


ADDING_UP: dict[str, tuple[Form, Callable[[Any], Any]]] = {
    "token ids": (
        lambda words: envelope(choice({"content": words}, token_ids=[7])),
        lambda response: response.choices[0].extra["token_ids"],
    ),
    "token ids of a chunk": (
        lambda words: chunk({"content": words}, token_ids=7),
        lambda response: response.extra["token_ids"],
    ),
    "logprobs": (
        lambda words: envelope(choice({"content": words}, logprobs={"content": [{"logprob": -1.0}]}, x=1)),
        lambda response: response.choices[0].logprobs["content"],
    ),
    "audio": (
        lambda words: chunk({"content": words, "audio": {"transcript": "a"}}),
        lambda response: response.choices[0].message_extra["audio"]["transcript"],
    ),
    "a signature": (
        lambda words: chunk({"reasoning": words, "reasoning_details": details("", signature="s")}),
        lambda response: response.choices[0].message_extra["reasoning_details"][0]["signature"],
    ),
}


@pytest.mark.parametrize("name", ADDING_UP)
def test_what_adds_up_is_read_each_time(name: str) -> None:
    """A field of which each chunk's value counts is there once a chunk, though the chunks are alike."""
    form, of = ADDING_UP[name]
    payloads = [*written(form, WORDS, ascii_only=False, spaced=False)[1:], DONE]
    found, expected = (of(response_of(told(make(), payloads))) for make in (StreamDecoder, Thorough))
    assert found == expected
    assert name == "a signature" or len(found) == len(WORDS)


def test_nothing_is_read_after_the_end() -> None:
    """A chunk that repeats the one before tells nothing once the stream has ended."""
    decoder = StreamDecoder()
    *payloads, last = written(FORMS["vLLM"], WORDS, ascii_only=False, spaced=False)
    told(decoder, payloads)
    assert decoder.ended
    assert decoder.feed(last) == []


def test_words_that_are_not_surely_found_are_not_cut_out() -> None:
    """A chunk in which the same string stands in another place too is not cut, one of another form neither."""
    plain = json.dumps(FORMS["vLLM"]("hi")).encode()
    around = around_words(plain, TextDelta("hi"))
    assert around is not None
    assert b'"ho"'.join(around) == plain.replace(b'"hi"', b'"ho"')
    twice = json.dumps(FORMS["the word elsewhere"]("hi")).encode()
    assert around_words(twice, TextDelta("hi")) is None
    assert around_words(plain, ReasoningDelta("hi")) is None
    assert around_words(b'{"choices": [], "a": "hi"}', TextDelta("hi")) is None
    assert around_words(b'{"choices": "hi', TextDelta("hi")) is None


def test_chunks_with_fields_of_the_server_cost_no_more_than_plain_text() -> None:
    """A chunk with fields nobody knows costs about what OpenAI's own costs, by CPU time in one run."""
    streams = {
        "plain": written(lambda words: chunk({"content": words}), WORDS * 8, ascii_only=False, spaced=False)[1:],
        **{name: written(FORMS[name], WORDS * 8, ascii_only=False, spaced=False) for name in READ_ONCE},
    }
    taken: dict[str, float] = {}
    for _ in range(5):
        for name, payloads in streams.items():
            began = time.process_time()
            told(StreamDecoder(), payloads)
            taken[name] = min(taken.get(name, 1.0), time.process_time() - began)
    slow = {name: seconds / taken["plain"] for name, seconds in taken.items() if seconds > 4 * taken["plain"]}
    assert not slow
