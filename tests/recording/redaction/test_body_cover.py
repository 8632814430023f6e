"""Tests of covering by learnt shapes: byte for byte what the walk gives, whatever comes, and no place is left uncovered."""

from __future__ import annotations

import json
import pickle
import threading
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shim.recording.redaction.body_cover import BodyCover
from shim.recording.redaction.body_paths import BodyPath, UnreadableBodyError, covered
from shim.recording.redaction.payload_shapes import SIGHTS
from shim.recording.redaction.redaction import CONVERSATION_PATHS

PATHS = [
    BodyPath.of(f"response.body.{path}")
    for path in ("a", "choices[*].message.content", "b[1].c", "*.d", "part", "message[*].logprobs")
]
REAL_PATHS = [path for path in map(BodyPath.of, CONVERSATION_PATHS) if path.side == "response"]

NAMES = ["a", "b", "c", "d", "type", "choices", "delta", "message", "content", "part", "\\u0061", "é", 'a\\"b', ""]
TOKENS = [
    '""', '"Ann"', '"Ann Onymous, long enough for words"', '"a\\"b"', '"\\\\"',
    '"tail\\\\\\""', '"\\u00e9\\ud83d\\ude00"', '"é😀"', '"{[]},:"',
    '"\\n"', '"text"', '"output_text"',
    '"Not A Word"', "null", "true", "false", "1", "-1.5e9", "0", "NaN", "garbage", "[DONE]", '"new\nline"',
]  # fmt: skip
BYTES = [bytes([each]) for each in b'"\\{}[],: \n\r1a\x00\xff']
SPACES = ["", " ", "\n", "\t "]


def _objects(inner: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    """Objects, their names perhaps twice; None stands where a value goes."""
    pairs = st.lists(st.tuples(st.sampled_from(NAMES), inner), max_size=4)
    return pairs.map(lambda held: ["{", *_joined([[f'"{name}":', *value] for name, value in held]), "}"])


def _arrays(inner: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    return st.lists(inner, max_size=3).map(lambda held: ["[", *_joined(held), "]"])


def _joined(held: list[list[Any]]) -> list[Any]:
    return [part for number, value in enumerate(held) for part in ([","] * bool(number) + value)]


SHAPES = _objects(st.recursive(st.just([None]), lambda inner: _objects(inner) | _arrays(inner), max_leaves=8))


@st.composite
def payloads(draw: st.DrawFn) -> list[bytes]:
    """JSON texts of few shapes, each with values of its own, most of them JSON."""
    shapes = draw(st.lists(SHAPES, min_size=1, max_size=2))
    space = draw(st.sampled_from(SPACES))
    texts = []
    for _ in range(draw(st.integers(SIGHTS, SIGHTS + 5))):
        shape = draw(st.sampled_from(shapes))
        parts = [draw(st.sampled_from(TOKENS)) if part is None else part for part in shape]
        texts.append(space.join(parts).encode())
    return texts


def _both(cover: BodyCover, body: bytes, paths: list[BodyPath], *, is_stream: bool) -> None:
    """Cover both ways, and compare."""
    try:
        slow: Any = covered(body, paths, is_stream=is_stream)
    except UnreadableBodyError:
        slow = UnreadableBodyError
    try:
        quick: Any = cover.covered(body, is_stream=is_stream)
    except UnreadableBodyError:
        quick = UnreadableBodyError
    assert quick == slow


@pytest.mark.slow
@given(payloads(), st.integers(0, 40))
@example([b'{"a": "Ann"}'] * 5 + [b'{"a": "Ann'], 0)
@example([b'{"a": "Ann"}'] * 5 + [b'{"a": "A\\"}'], 3)
def test_bodies_are_covered_as_by_the_walk(texts: list[bytes], cut: int) -> None:
    """Whole answers, and answers cut anywhere, are covered byte for byte as by the walk, their shape learnt or not."""
    cover = BodyCover(PATHS)
    for text in texts:
        _both(cover, text, PATHS, is_stream=False)
        _both(cover, text[: len(text) - cut], PATHS, is_stream=False)


@given(
    payloads(),
    st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\n"]),
    st.sampled_from([b"data: ", b"data:", b"event: some\ndata: ", b"event: some\r\ndata: ", b"error: ", b": note\n\ndata:  "]),
    st.integers(0, 40),
)  # fmt: skip
def test_streams_are_covered_as_by_the_walk(texts: list[bytes], ending: bytes, prefix: bytes, cut: int) -> None:
    """Event streams, however their lines end and wherever they are cut, are covered byte for byte as by the walk."""
    cover = BodyCover(PATHS)
    body = b"".join(prefix + text + ending for text in texts) + b"data: [DONE]\n\n"
    _both(cover, body, PATHS, is_stream=True)
    _both(cover, body[: len(body) - cut], PATHS, is_stream=True)


@pytest.mark.slow
@given(
    payloads(),
    st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(BYTES)), max_size=4),
)
def test_damaged_streams_are_covered_as_by_the_walk(texts: list[bytes], damage: list[tuple[int, bytes]]) -> None:
    """Whatever byte of a stream is another one, what follows shapes that were learnt is covered as by the walk."""
    cover = BodyCover(PATHS)
    body = b"".join(b"data: " + text + b"\n\n" for text in texts)
    for _ in range(SIGHTS):
        cover.covered(body, is_stream=True)
    for place, byte in damage:
        at = place % len(body)
        body = body[:at] + byte + body[at + 1 :]
    _both(cover, body, PATHS, is_stream=True)


def chunk(content: str, **more: Any) -> bytes:
    """An event as OpenAI sends it."""
    delta = {"index": 0, "delta": {"content": content}, "logprobs": None, "finish_reason": None}
    told = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 17, "model": "m", "choices": [delta]}
    return b"data: " + json.dumps({**told, **more}, ensure_ascii=False).encode() + b"\n\n"


@given(st.lists(st.text(max_size=20), min_size=5, max_size=12))
def test_no_text_passes_a_learnt_shape(texts: list[str]) -> None:
    """Once a shape is learnt, what stands at a path is covered as before: no text is left of it, and the hits are told."""
    cover = BodyCover(REAL_PATHS)
    for _ in range(SIGHTS):
        cover.covered(chunk("first"), is_stream=True)
    body = b"".join(map(chunk, texts))
    cleaned, places = cover.covered(body, is_stream=True)
    assert len(cleaned) == len(body)
    assert "response.body.choices[*].message.content" in places
    for event in cleaned.split(b"\n\n")[:-1]:
        left = json.loads(event.removeprefix(b"data: "))["choices"][0]["delta"]["content"]
        assert set(left.removeprefix("[removed]")) <= {"*"}


WORDS = st.sampled_from(
    ["", " word", "Ann", "long enough to be said [removed]", 'q"', "back\\", "\n", "é😀", '"},', "x" * 70]
)


@given(
    st.lists(st.tuples(WORDS, st.sampled_from(["c-1", "c-2", 'c"3']), st.sampled_from(["", "ab", "abc"])), max_size=12),
    st.lists(st.none() | WORDS, min_size=1, max_size=2),
    st.integers(0, 40),
)
def test_what_repeats_is_covered_as_by_the_walk(
    told: list[tuple[str, str, str]], logprobs: list[str | None], cut: int
) -> None:
    """Events that repeat what stands before and behind a word, or do not, are covered byte for byte as by the walk."""
    cover = BodyCover(REAL_PATHS)
    learnt = [chunk("one", obfuscation="z"), chunk("two", logprobs=None, usage={"logprobs": [None]})]
    cover.covered(b"".join(learnt * SIGHTS), is_stream=True)
    events = []
    for number, (word, name, filler) in enumerate(told):
        delta = {"index": 0, "delta": {"content": word}, "logprobs": logprobs[number % len(logprobs)]}
        events.append(chunk("", id=name, choices=[delta], obfuscation=filler))
    body = b"".join(learnt + events * 2)
    for each in (body, body[: len(body) - cut]):
        _both(cover, each, REAL_PATHS, is_stream=True)
        _both(cover, each, REAL_PATHS, is_stream=True)


@pytest.mark.parametrize("more", [{}, {"obfuscation": "ab"}])
def test_what_repeats_behind_a_word_is_covered_too(more: dict[str, str]) -> None:
    """Where each event of a stream has the same secret behind its word, it is covered in each."""
    delta = {"index": 0, "delta": {"content": "word"}, "logprobs": ["secret", 1]}
    body = chunk("", choices=[delta], **more) * 9
    cover = BodyCover(REAL_PATHS)
    for _ in range(SIGHTS):
        _both(cover, body, REAL_PATHS, is_stream=True)
    assert b"secret" not in cover.covered(body, is_stream=True)[0]


def test_an_event_as_long_with_another_name_is_not_taken_for_the_same() -> None:
    """An event of the same length whose word stands under a name that is not covered keeps it."""
    cover = BodyCover(REAL_PATHS)
    other = chunk("word").replace(b'"content"', b'"context"')
    body = chunk("word") * 9 + other + chunk("word")
    for _ in range(SIGHTS):
        _both(cover, body, REAL_PATHS, is_stream=True)
    assert other in cover.covered(body, is_stream=True)[0]


def test_many_threads_learn_at_once() -> None:
    """Threads that cover with one cover at the same time get what the walk gives."""
    cover = BodyCover(REAL_PATHS)
    bodies = [b"".join(chunk(f"{n}", **{f"x{n % shapes}": n}) for n in range(60)) for shapes in (1, 3, 20)]
    wanted = [covered(body, REAL_PATHS, is_stream=True) for body in bodies]
    failures: list[object] = []

    def work() -> None:
        for _ in range(5):
            found = [cover.covered(body, is_stream=True) for body in bodies]
            if found != wanted:
                failures.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_nothing_that_was_met_is_pickled_or_shown() -> None:
    """A cover that has learnt gives away neither names nor values by its repr or its pickle, and works after unpickling."""
    cover = BodyCover(REAL_PATHS)
    body = chunk("secret words", secret_name=1) * 5
    cleaned = cover.covered(body, is_stream=True)
    assert b"secret" not in pickle.dumps(cover)
    assert "secret" not in repr(cover)
    assert pickle.loads(pickle.dumps(cover)).covered(body, is_stream=True) == cleaned  # noqa: S301 - our own


@pytest.mark.parametrize("is_stream", [True, False])
def test_an_empty_body_stays(is_stream: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    """Of nothing nothing is covered."""
    assert BodyCover(PATHS).covered(b"", is_stream=is_stream) == (b"", [])
