"""Tests of legacy_openai/data_lines.py."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_openai import ResponseTooLargeError
from legacy_openai.data_lines import DataLines

if TYPE_CHECKING:
    from collections.abc import Iterable


def read(pieces: Iterable[bytes]) -> list[bytes]:
    """All payloads of a stream that arrives in these pieces."""
    lines = DataLines()
    found = [payload for piece in pieces for payload in lines.feed(piece)]
    return found + lines.finish()


def splits(data: bytes) -> list[list[bytes]]:
    """The same bytes whole, one at a time, and split at random."""
    cuts = sorted(random.Random(7).choices(range(len(data) + 1), k=5))  # noqa: S311 - a split, not a secret
    return [
        [data],
        [data[i : i + 1] for i in range(len(data))],
        [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)],
    ]


CASES = [
    (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    (b"data:a\n\ndata:  b\n\n", [b"a", b" b"]),
    (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    (b"data: a\ndata: b\n\n", [b"a", b"b"]),
    (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    (b"\xef\xbbdata: a\n\ndata: b\n\n", [b"b"]),
    (b": ping\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
    (b"data: a\n\ndata: [DONE]", [b"a", b"[DONE]"]),
    (b"data: a\n\ndata: b\r", [b"a", b"b"]),
    (b"data: a\n\n: end", [b"a"]),
    (b"data:\n\ndata: \n\n", [b"", b""]),
    (b" data: a\ndatax: b\ndata\nerror: c\n\n", []),
    ("data: é😀\n\n".encode(), ["é😀".encode()]),
    (b"data: \xff\x00\n\n", [b"\xff\x00"]),
    (b"data: a\n\n\ndata: b\n\n\n\n", [b"a", b"b"]),
    (b"data: data: a\n\n", [b"data: a"]),
    (b"", []),
    (b"\xef\xbb\xbf", []),
]


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_payloads_do_not_depend_on_the_split(data: bytes, expected: list[bytes]) -> None:
    """Every line end, comment, mark and unfinished line is read the same however the bytes were split."""
    for pieces in splits(data):
        assert read(pieces) == expected


@given(st.binary(max_size=80).map(lambda tail: b"data: x\r\n" + tail), st.integers(0, 80))
def test_any_split_gives_the_same_payloads(data: bytes, cut: int) -> None:
    """Whatever the bytes are, a split changes nothing."""
    assert read([data[:cut], data[cut:]]) == read([data])


@given(st.lists(st.sampled_from([b"data:", b" ", b"\n", b"\r", b"x", b"\n\n", b"data: y\n\n"]), max_size=20))
def test_bulk_and_line_by_line_agree(parts: list[bytes]) -> None:
    """The one-split road for ordinary streams reads what the line-by-line road reads."""
    data = b"".join(parts)
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    assert read([data]) == [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]


def test_a_payload_is_handed_over_as_soon_as_its_line_ends() -> None:
    """A payload needs no blank line and no further byte after its line end, be it LF or CR."""
    lines = DataLines()
    assert lines.feed(b"data: a\n") == [b"a"]
    assert lines.feed(b"data: b\r") == [b"b"]
    assert lines.feed(b"\n") == []
    assert lines.feed(b"data: c\n\nda") == [b"c"]
    assert lines.feed(b"ta: d\n") == [b"d"]


def test_a_line_over_the_limit_is_an_error_after_the_payloads_before_it() -> None:
    """A line that is too long raises, ended or not, and what came before it is not lost."""
    for tail in (b"", b"\n", b"\ndata: b\n\n"):
        data = b"data: a\n\ndata: " + b"x" * 200 + tail
        for pieces in splits(data):
            lines = DataLines(max_line=100)
            found: list[bytes] = []
            with pytest.raises(ResponseTooLargeError, match="longer than 100"):
                found.extend(payload for piece in [*pieces, b"", b""] for payload in lines.feed(piece))
            assert found == [b"a"]


def test_a_huge_line_in_many_pieces_costs_linear_time() -> None:
    """Twice as many pieces of one line cost about twice the time, not four times."""

    def seconds(pieces: int) -> float:
        lines = DataLines()
        piece = b"x" * 1000
        start = time.thread_time()
        lines.feed(b"data: ")
        for _ in range(pieces):
            lines.feed(piece)
        assert len(lines.feed(b"\n")[0]) == 1000 * pieces
        return time.thread_time() - start

    small, large = min(seconds(2000) for _ in range(3)), min(seconds(16000) for _ in range(3))
    assert large < 30 * small
