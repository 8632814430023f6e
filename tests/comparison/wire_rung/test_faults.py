"""Tests of the wire rung by seeded faults: each difference is found at its place, and what is none never alarms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.comparison.verdict import Outcome
from shim.comparison.wire_rung.compare_wire import compare_wire
from tests.comparison.equal_pairs import body, equal_pair, recorded, rewritten, rng_of
from tests.comparison.request_faults import BODY, CONTROL, FAULTS, HEADERS, URL, Fault, spoiled

DIFFERENCES = [fault for fault in FAULTS if fault.path is not None]
SAME = [fault for fault in FAULTS if fault.path is None]


@pytest.mark.parametrize("fault", DIFFERENCES, ids=lambda fault: fault.name)
def test_a_difference_is_found_at_its_place(fault: Fault) -> None:
    """One change on purpose is a mismatch, and the first place told is the place of the change."""
    verdict = compare_wire(CONTROL, fault.change())
    assert verdict.outcome is Outcome.MISMATCH
    assert verdict.mismatches[0].path == fault.path
    assert f"\n  {fault.path}\n" in verdict.message


@pytest.mark.parametrize("fault", DIFFERENCES, ids=lambda fault: fault.name)
def test_a_difference_is_found_both_ways(fault: Fault) -> None:
    """The same change is found when the candidate has what the control has not."""
    changed = fault.change()
    if changed.request.method == "POST":
        assert compare_wire(changed, CONTROL).outcome is Outcome.MISMATCH


@pytest.mark.parametrize("fault", SAME, ids=lambda fault: fault.name)
def test_what_no_server_can_tell_is_a_match(fault: Fault) -> None:
    """Another spelling of the same request is a match, with nothing ignored."""
    assert compare_wire(CONTROL, fault.change()).outcome is Outcome.MATCH


@pytest.mark.parametrize("fault", DIFFERENCES, ids=lambda fault: fault.name)
def test_a_difference_is_found_whatever_the_spelling(fault: Fault) -> None:
    """A change is found at its place although all other bytes of the body are written otherwise."""
    changed = fault.change()
    data = changed.request.body
    assert data is not None
    if fault.path is None or not fault.path.startswith("body") or fault.name == "an emoji halved":
        return
    again = recorded(rewritten(json.loads(data), rng_of(fault.name)), url=URL, headers=HEADERS)
    verdict = compare_wire(CONTROL, again)
    assert verdict.outcome is Outcome.MISMATCH
    assert fault.path in {each.path for each in verdict.mismatches}


@given(st.integers(0, 2**32))
def test_equal_pairs_never_alarm(seed: int) -> None:
    """The same request in other bytes, as another client writes it, is a match."""
    control, candidate = equal_pair(rng_of(seed))
    verdict = compare_wire(control, candidate)
    assert verdict.outcome is Outcome.MATCH, verdict.message


@given(st.integers(0, 2**32))
def test_any_one_difference_is_found(seed: int) -> None:
    """One difference anywhere in a body, all of whose other bytes are written otherwise too, is a mismatch."""
    rng = rng_of(seed)
    asked = body(rng)
    other = spoiled(asked, rng)
    verdict = compare_wire(recorded(asked), recorded(rewritten(other, rng)))
    same = all(rows_alike(asked, other))
    assert verdict.outcome is (Outcome.MATCH if same else Outcome.MISMATCH), (asked, other)


def rows_alike(asked: dict[str, Any], other: dict[str, Any]) -> Iterator[bool]:
    """Whether two bodies are the same but for what the table declares, told in another way than by the table."""
    for name in asked.keys() | other.keys():
        if name == "stream":
            yield asked.get(name, False) is other.get(name, False)
        else:
            yield json.dumps(asked.get(name, "-"), sort_keys=True) == json.dumps(other.get(name, "-"), sort_keys=True)


@given(st.integers(0, 2**32))
def test_the_codecs_send_what_was_sent(seed: int) -> None:
    """Whatever existing code sends, read from its recording and written by the codecs, is a match."""
    control, candidate = equal_pair(rng_of(seed))
    for each in (control, candidate):
        verdict = compare_wire(each, api="chat_completions")
        assert verdict.outcome is Outcome.MATCH, verdict.message


@pytest.mark.slow
def test_a_difference_of_one_bit_is_found_in_a_long_body() -> None:
    """One character among a million is found, and the message shows its surroundings only."""
    long = "x" * 1_000_000
    control = recorded(BODY | {"user": f"{long}a{long}"})
    candidate = recorded(BODY | {"user": f"{long}b{long}"})
    verdict = compare_wire(control, candidate)
    assert [each.path for each in verdict.mismatches] == ["body.user"]
    assert f"{'x' * 30}>>>a{'x' * 29}" in verdict.message
    assert len(verdict.message) < 2000
