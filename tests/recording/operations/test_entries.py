"""Tests of the entries of recordings: every exchange with its place, every other line told by its place."""

from __future__ import annotations

import pytest

from shim.recording.files import NewerRecordError, RecordError, TruncatedRecordError, encode_exchange
from shim.recording.operations.entries import entries
from tests.helpers.exchanges import exchange
from tests.helpers.lines import lines_of, refuse

WHOLE = encode_exchange(exchange())


def test_an_entry_is_the_line_and_what_it_holds() -> None:
    """An entry has its file, line and place, the line as it stands there, and the exchange in it."""
    first, second = entries(lines_of(WHOLE, b" " + WHOLE), on_error=refuse)
    assert first == ("a.jsonl", 1, 0, WHOLE, exchange())
    assert second == ("a.jsonl", 2, 1, b" " + WHOLE, exchange())


def test_a_last_line_without_an_end_gets_one() -> None:
    """A whole exchange whose line has no end gets one, so that no other is joined to it."""
    (only,) = entries(lines_of(WHOLE.rstrip(b"\n")), on_error=refuse)
    assert only.data == WHOLE


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b"no json\n", RecordError, "a.jsonl:2: it is no JSON object"),
        (b'{"schema": "shim.exchange/1.0"}\n', RecordError, "a.jsonl:2: it is no exchange"),
        (b'{"schema": "shim.exchange/2.0"}\n', NewerRecordError, "a.jsonl:2: its schema is"),
        (WHOLE[:40], TruncatedRecordError, "a.jsonl:2: the file ends in the middle of an exchange"),
    ],
)
def test_what_is_no_exchange_is_told(data: bytes, kind: type[RecordError], said: str) -> None:
    """A line that is no exchange is told by file and line, and the others are given."""
    told: list[RecordError] = []
    found = list(entries(lines_of(WHOLE, data, WHOLE), on_error=told.append))
    assert [each.line for each in found] == [1, 3]
    (error,) = told
    assert type(error) is kind
    assert str(error).startswith(said)
