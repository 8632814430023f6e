"""Tests that readings part where they differ, each place under its rule, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.reading_differences import (
    TEE_EQUIVALENCES,
    joined,
    offset_of,
    readings_part,
    rule_of,
    shown,
)
from shim.comparison.verdict import ABSENT, Mismatch
from shim.recording.reading import Reading
from tests.helpers.exchanges import exchange, streamed

WHOLE = CodecReader().read(exchange())
STREAM = CodecReader().read(streamed())


def part(control: Reading, candidate: Reading, *, broken: bool = False) -> list[tuple[str, str]]:
    """Where two readings part, and under which rule."""
    return [(each.path, each.rule) for each in readings_part(control, candidate, broken=broken)]


def failed(**error: Any) -> Reading:
    """The reading of an error."""
    told = {"category": "network", "class": "APIConnectionError", "message": "reset", "body": None} | error
    return Reading(outcome="error", error=told)


def test_a_reading_does_not_part_from_itself() -> None:
    """The same reading has no difference."""
    assert part(WHOLE, WHOLE) == []
    assert part(STREAM, STREAM) == []


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("outcome", "tee.outcome"),
        ("http_status", "tee.status"),
        ("error.http_status", "tee.status"),
        ("error.category", "tee.category"),
        ("error.class", "tee.category"),
        ("error.retryable", "tee.category"),
        ("error.message", "tee.error"),
        ("error.retry_after_ms", "tee.error"),
        ("error.partial", "tee.response"),
        ("error.partial.choices[0].text", "tee.text"),
        ("response.choices[12].finish_reason", "tee.finish_reason"),
        ("response.choices[0].raw_finish_reason", "tee.finish_reason"),
        ("response.choices[0].reasoning", "tee.text"),
        ("response.choices[0].refusal", "tee.text"),
        ("response.choices[0].parts[1].text", "tee.text"),
        ("response.choices[0].parts[1].extra", "tee.response"),
        ("response.choices[0].tool_calls[0].arguments.city", "tee.tool_calls"),
        ("response.choices[0].tool_calls.length", "tee.tool_calls"),
        ("response.usage", "tee.usage"),
        ("response.usage.details.x", "tee.usage"),
        ("response.choices.length", "tee.response"),
        ("response.model", "tee.response"),
        ("response.extra.usage", "tee.response"),
        ("events[3].text", "tee.events"),
    ],
)
def test_each_place_has_its_rule(path: str, rule: str) -> None:
    """A place is judged by the rule that is about it, in a partial response too."""
    assert rule_of(path) == rule


def test_a_number_of_another_kind_is_a_difference() -> None:
    """Python takes 10, 10.0 and true for equal; a caller may not."""
    for other in (10.0, True):
        response = {**(WHOLE.response or {}), "usage": {"total_tokens": other}}
        control = {**response, "usage": {"total_tokens": 10 if other != 1 else 1}}
        found = part(replace(WHOLE, response=control), replace(WHOLE, response=response))
        assert found == [("response.usage.total_tokens", "tee.usage")]


def test_different_outcomes_are_told_once() -> None:
    """A response against an error is one difference, not one for every field that only one of the two has."""
    found = readings_part(WHOLE, failed(), broken=False)
    assert [each.path for each in found] == ["outcome", "http_status"]
    assert found[0].candidate == "error: network: reset"


@pytest.mark.parametrize("category", ["network", "timeout", "truncated"])
def test_the_words_for_a_broken_connection_are_not_compared(category: str) -> None:
    """What a library says of it may differ, for the reason the table of equivalences gives."""
    assert part(failed(category=category), failed(category=category, message="other")) == []
    assert list(TEE_EQUIVALENCES) == ["error.message"]


@pytest.mark.parametrize(
    ("control", "candidate"),
    [
        (failed(category="server"), failed(category="server", message="other")),
        (failed(category="protocol"), failed(category="protocol", message="other")),
        (failed(category="timeout", body="x"), failed(category="timeout", body="x", message="other")),
        (failed(category="network"), failed(category="timeout", message="other")),
    ],
)
def test_other_words_are_compared(control: Reading, candidate: Reading) -> None:
    """What the server said, and what was found wrong in what it sent, must be told the same."""
    assert ("error.message", "tee.error") in part(control, candidate)


def test_a_protocol_error_of_a_broken_connection_is_in_the_librarys_words() -> None:
    """Where the transport failed, also a protocol error is told in its own words."""
    assert part(failed(category="protocol"), failed(category="protocol", message="other"), broken=True) == []


def test_events_cut_elsewhere_are_of_another_granularity() -> None:
    """Where the joined pieces are the same, only the cutting differs, and each event that is cut otherwise is told."""
    events = STREAM.events or ()
    whole = {**events[1], "text": "Hello 🌍"}
    found = part(STREAM, replace(STREAM, events=(events[0], whole, *events[3:])))
    assert {rule for _, rule in found} == {"tee.granularity"}


def test_events_that_say_something_else_are_told_joined() -> None:
    """A piece that was lost is a difference of the events, at the run it belongs to."""
    events = STREAM.events or ()
    found = readings_part(STREAM, replace(STREAM, events=(*events[:2], *events[3:])), broken=False)
    assert [(each.path, each.control, each.candidate) for each in found] == [("events[1].text", "Hello 🌍", "Hel")]


def test_events_of_one_side_alone_are_a_difference() -> None:
    """A side that told no events where the other did has lost them."""
    assert part(STREAM, replace(STREAM, events=None)) == [("events", "tee.events")]
    found = readings_part(STREAM, replace(STREAM, events=(STREAM.events or ())[:-1]), broken=False)
    assert ABSENT in [each.candidate for each in found]


def test_arguments_written_otherwise_are_of_another_granularity() -> None:
    """The same JSON with other white space is no other call, and still told."""
    done = {"event": "ToolCallDone", "index": 0, "id": "c", "name": "f", "arguments": '{"a":1}', "choice": 0}
    spaced = {**done, "arguments": '{"a": 1}'}
    control, candidate = (replace(STREAM, events=(each,)) for each in (done, spaced))
    assert part(control, candidate) == [("events[0].arguments", "tee.granularity")]
    assert part(control, replace(STREAM, events=({**done, "arguments": '{"a":2}'},)))[0][1] == "tee.events"


def test_runs_of_different_places_are_not_joined() -> None:
    """Pieces of two choices, two calls or two kinds stay apart, and an empty piece is none."""
    pieces = [
        {"event": "TextDelta", "text": "a", "index": 0, "choice": 0},
        {"event": "TextDelta", "text": "", "index": 0, "choice": 1},
        {"event": "TextDelta", "text": "b", "index": 0, "choice": 0},
        {"event": "TextDelta", "text": "c", "index": 0, "choice": 1},
        {"event": "RefusalDelta", "text": "d", "index": 0, "choice": 1},
    ]
    assert [event["text"] for event in joined(pieces)] == ["ab", "c", "d"]
    assert pieces[0]["text"] == "a"


def mismatch(control: Any, candidate: Any) -> Mismatch:
    """A mismatch of two values."""
    return Mismatch(path="response.choices[0].text", control=control, candidate=candidate, rule="tee.text")


@pytest.mark.parametrize(
    ("control", "candidate", "body", "offset"),
    [
        ("one two", "one too", b'{"content":"one two"}', 17),
        ("one two", None, b'{"content":"one two"}', 12),
        (None, "one two", b'{"content":"one two"}', 12),
        ("one two", ABSENT, b'["one two"]', 2),
        ("a é b", "a e b", b'["a \\u00e9 b"]', 4),
        ("a é b", "a e b", '["a é b"]'.encode(), 4),
        ('say "hi"', 'say "ho"', rb'["say \"hi\""]', 9),
        ("Hello world", "Hello", b'data: "Hello"\n\ndata: " world"\n\n', 22),
        ("one", "two", b'["one", "one"]', None),
        (1, 2, b"[1]", None),
        ("x", "y", b'["x"]', None),
        ("lone \ud800", "lone", b"[]", None),
    ],
)
def test_the_place_is_told_where_it_is_certain(control: Any, candidate: Any, body: bytes, offset: int | None) -> None:
    """Text is found whatever its escapes, across pieces too; what stands twice, or not at all, has no place."""
    assert offset_of(mismatch(control, candidate), body) == offset


def test_a_mismatch_without_a_place_stays_as_it_is() -> None:
    """Nothing is made up."""
    numbers = mismatch(1, 2)
    assert shown(numbers, b"[1]") is numbers
    assert shown(mismatch("one two", "one too"), b'["one two"]').excerpt == '["one t>>>wo"]'
