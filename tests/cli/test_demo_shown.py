"""Tests of what the demo shows: JSON that is read at a glance, and streams side by side."""

from __future__ import annotations

import io
import json

from shim.cli.demo_output import EventLines, TwoStreams, compact, json_lines
from shim.cli.rendering import Printer
from shim.model import ProviderError, StreamError, StreamStart, TextDelta


def test_short_bodies_are_whole() -> None:
    """A body without long texts and deep objects is shown whole, and is still JSON."""
    body = {"model": "m", "messages": [{"role": "user", "content": "é"}, {"role": "user"}], "stop": [], "n": None}
    assert json.loads("\n".join(json_lines(body))) == body


def test_long_and_deep_things_are_abridged() -> None:
    """Texts are cut at eighty characters, objects that hold more than three levels down are left out, lines are wrapped."""
    assert compact("x" * 90) == f'"{"x" * 79}…"'
    assert compact({"a": {"b": {"c": {"d": 1}}, "e": {"f": 1}}}) == '{"a": {"b": {…}, "e": {"f": 1}}}'
    wide = {"messages": [{"content": "word " * 12, "name": "word " * 12}]}
    assert max(map(len, json_lines(wide))) <= 96


def test_pieces_stand_side_by_side() -> None:
    """Pieces of one text share a line, which the next other event ends."""
    out = io.StringIO()
    lines = EventLines(Printer(out))
    for event in (StreamStart("r", "m"), TextDelta("a"), TextDelta("b"), StreamError(ProviderError("server", "down"))):
        lines.show(event)
    assert [line.split() for line in out.getvalue().splitlines()] == [
        ["StreamStart", "model", "m"],
        ["TextDelta", "a|b"],
        ["StreamError", "server:", "down"],
    ]


def test_two_streams_are_told_apart() -> None:
    """Pieces of two streams come in order under their names, in lines that fit, and their turns are counted."""
    out = io.StringIO()
    both = TwoStreams(Printer(out))
    first, second = both.listener("A", ""), both.listener("B", "")
    for number in range(30):
        first(TextDelta(f"word{number}"))
        second(TextDelta(" w"))
    second(TextDelta(""))
    both.end()
    lines = out.getvalue().splitlines()
    assert " ".join(lines).split()[:4] == ["A:word0", "B:w", "A:word1", "B:w"]
    assert len(lines) > 1
    assert max(map(len, lines)) <= 104
    assert both.turns == 59
