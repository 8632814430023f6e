"""Tests of what the index makes of a line: its keys, whoever's it is, and a fault where it is no exchange."""

from __future__ import annotations

from msgspec.structs import replace

from shim.comparison.runs.judge import Judge
from shim.comparison.runs.lines import Line
from shim.comparison.two_recordings.index_lines import NoComparer, ReadsKeys
from shim.comparison.two_recordings.keys import keys_of
from shim.recording.files import encode_exchange
from tests.comparison.two_recordings.asked import ask


def test_a_line_becomes_its_keys() -> None:
    """Keys and role are told of each exchange, the candidate's own too, and of what is none why it is unusable."""
    own = replace(ask("own"), role="candidate")
    data = (encode_exchange(ask("q")), encode_exchange(own), b"no json\n")
    lines = [Line("a.jsonl", number + 1, number, each) for number, each in enumerate(data)]
    found = [judged for _, judged in Judge(NoComparer(), reads=ReadsKeys()).judge(lines)]
    assert [each.keys for each in found] == [keys_of(ask("q")), keys_of(own), ()]
    assert [each.role for each in found] == ["control", "candidate", ""]
    assert [bool(each.fault) for each in found] == [False, False, True]
    assert not any(each.verdicts for each in found)
