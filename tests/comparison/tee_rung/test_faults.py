"""Tests that the tee rung finds every fault a candidate is given, under its rule, and none where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shim.comparison import IgnoreRule, Outcome
from shim.comparison.rules import RULES
from shim.comparison.tee_rung.compare_tee import compare_tee
from shim.comparison.tee_rung.session_reader import SessionReader
from shim.legacy_adapter import LegacyProvider
from tests.comparison.faulty_readers import FAULTS
from tests.comparison.recorded_cases import CHAT, READ_OTHERWISE, chat_case

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def legacy() -> Iterator[SessionReader]:
    """The legacy client and adapter on a replaying session."""
    reader = SessionReader(LegacyProvider)
    yield reader
    reader.close()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_candidate_is_found_under_its_rule(name: str, legacy: SessionReader) -> None:
    """A candidate that reads one thing wrongly is a mismatch, and the rule that is broken is named."""
    fault = FAULTS[name]
    verdict = compare_tee(
        chat_case(fault.case),
        legacy,
        candidate=fault.reader,
        resplit=fault.shows == "resplit",
        truncate=fault.shows == "truncate",
    )
    assert verdict.outcome is Outcome.MISMATCH, verdict.message
    assert fault.rule in {mismatch.rule for mismatch in verdict.mismatches}, verdict.message
    assert RULES[fault.rule] in verdict.message


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.shows != "as recorded"])
def test_a_fault_of_the_cuts_alone_is_not_seen_as_recorded(name: str, legacy: SessionReader) -> None:
    """What only another presentation of the bytes brings to light matches where it is not asked for."""
    fault = FAULTS[name]
    assert compare_tee(chat_case(fault.case), legacy, candidate=fault.reader).outcome is Outcome.MATCH


@pytest.mark.parametrize("name", [name for name in CHAT if name not in READ_OTHERWISE])
def test_no_difference_is_found_where_there_is_none(name: str, legacy: SessionReader) -> None:
    """The legacy client and the codecs read each recorded case the same."""
    verdict = compare_tee(chat_case(name), legacy)
    assert verdict.outcome is Outcome.MATCH, verdict.message


@pytest.mark.parametrize("name", READ_OTHERWISE)
def test_a_quirk_of_the_legacy_client_is_a_mismatch_that_is_explained(name: str, legacy: SessionReader) -> None:
    """What the legacy client is documented to read otherwise stays a mismatch, and the message names the quirk."""
    verdict = compare_tee(chat_case(name), legacy)
    assert verdict.outcome is Outcome.MISMATCH
    assert "known: the stream has a field called `error`" in verdict.message


def test_a_fault_is_not_hidden_by_a_rule_about_another_place(legacy: SessionReader) -> None:
    """An ignore rule that covers one of two differences leaves the other a mismatch."""
    rule = IgnoreRule(path="response.choices[0].text", reason="known", owner="me")
    fault = FAULTS["loses the last segment"]
    assert compare_tee(chat_case(fault.case), legacy, candidate=fault.reader, ignore=[rule]).outcome is Outcome.MISMATCH


def test_each_rule_of_the_rung_has_a_fault() -> None:
    """No rule of the tee rung is without a fault that it alone is known to catch."""
    assert {fault.rule for fault in FAULTS.values()} == {rule for rule in RULES if rule.startswith("tee.")}
