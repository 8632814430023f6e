"""Tests of the form of parts: what is written comes back as it was, whatever text it holds, and names tell parts apart."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest

from shim.comparison.runs.inputs import FileIdentity
from shim.comparison.runs.parts import PartEntry, PartsPlan, PartWriter, decode, encode, plan_of
from shim.comparison.runs.tally import Facts
from shim.comparison.verdict import ABSENT, Mismatch, Outcome, Verdict
from shim.recording.reading import Reading

FILE = FileIdentity(path="s3://bucket/day 1/../a.jsonl.gz", size=3, version="ETag x")


@pytest.mark.parametrize("text", ["plain", "\ud800 alone", "\\ud800 written out", "\x00\u2028 ", "😀"])
def test_an_entry_comes_back(text: str) -> None:
    """Whatever text, numbers and bytes an entry holds, it comes back as it was."""
    mismatch = Mismatch(path=text, control={text: [10**30, -0.0, 1e-300, None]}, candidate=ABSENT, rule="wire.body")
    entry = PartEntry(
        line=1,
        pair_id=text,
        facts=Facts(model=text, finished=0.1 + 0.2),
        verdicts=(Verdict(rung="tee", outcome=Outcome.MISMATCH, mismatches=(mismatch,), message=text, seconds=1 / 3),),
        data=bytes(range(256)),
        readings=(Reading(outcome="response", response={"text": text}), None),
    )
    assert decode(PartEntry, encode(entry)) == entry


def test_names_tell_parts_apart() -> None:
    """The name of a part holds the file's, and changes with path, size, version and options."""
    plan = plan_of([FILE], {"api": "auto"})
    name = plan.part_of(FILE)
    assert name.startswith("a.jsonl.gz-")
    others = {
        plan.part_of(FileIdentity(path="b/a.jsonl.gz", size=3, version="ETag x")),
        plan.part_of(FileIdentity(path=FILE.path, size=4, version="ETag x")),
        plan.part_of(FileIdentity(path=FILE.path, size=3, version="ETag y")),
        plan_of([FILE], {"api": "recorded"}).part_of(FILE),
    }
    assert len(others | {name}) == 5
    odd = FileIdentity(path="../.hidden\n", size=None, version="")
    assert plan.part_of(odd).startswith("hidden_-")


def test_a_part_is_not_whole_before_it_is_finished() -> None:
    """Until its ending is written, what stands there has no end of its compressed data either."""
    stream = io.BytesIO()
    writer = PartWriter(stream, plan=plan_of([FILE], {}), file=FILE)
    before = len(stream.getvalue())
    writer.finish(seconds=math.pi)
    assert len(stream.getvalue()) > before


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"schema": 1}', b'{"\\ud800": 1}', b'{"a": "\\ud"}'])
def test_what_is_no_plan_is_an_error(data: bytes) -> None:
    """Anything else than a plan is a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        decode(PartsPlan, data)


def test_options_are_compared_as_json() -> None:
    """A plan holds its options as they come back from its file."""
    options: dict[str, Any] = {"rungs": ("wire", "tee"), "more": {"a": (1,)}}
    plan = plan_of([FILE], options)
    assert decode(PartsPlan, encode(plan)) == plan
