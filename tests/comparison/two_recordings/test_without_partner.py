"""Tests of the verdict on what has no partner: it names the request, where it stands, and how often either side asks it."""

from __future__ import annotations

from array import array

from shim.comparison.rules import RULES, IgnoreRule
from shim.comparison.two_recordings.without_partner import Askings, added, missing
from shim.comparison.verdict import ABSENT
from tests.comparison.two_recordings.asked import ask

RETRY = ask("Again?", pair_id="p7")


def test_a_missing_one_is_named() -> None:
    """The control's exchange is told by file, line, pair id, status, and the user's words, with how often it was asked."""
    verdict = missing(RETRY, place="a.jsonl:3", askings=(2, 1), other="b.jsonl", ignore=())
    assert (verdict.outcome, verdict.pair_id) == ("mismatch", "p7")
    (mismatch,) = verdict.mismatches
    assert (mismatch.path, mismatch.rule, mismatch.candidate) == ("request", "wire.missing", ABSENT)
    assert mismatch.control == "POST /v1/chat/completions · gpt-4o: Again?"
    for words in (
        "a.jsonl:3: HTTP 200, asked 2 times in all",
        "b.jsonl: this very request once",
        RULES["wire.missing"],
    ):
        assert words in verdict.message


def test_an_added_one_is_named() -> None:
    """The candidate's exchange is told likewise, and that the control has no such request."""
    verdict = added(RETRY, place="b.jsonl:9", askings=(0, 1), other="a.jsonl", ignore=())
    (mismatch,) = verdict.mismatches
    assert (mismatch.rule, mismatch.control) == ("wire.added", ABSENT)
    assert "a.jsonl: no such request" in verdict.message
    assert "b.jsonl:9: HTTP 200, asked once in all" in verdict.message


def test_long_words_are_cut_and_keys_masked() -> None:
    """Of a long question the beginning is told, and no key in it."""
    asked = ask(f"{'q ' * 35}sk-made-up-key-1 {'q' * 500}")
    verdict = missing(asked, place="a:1", askings=(1, 0), other="b", ignore=())
    assert "sk-made" not in verdict.message
    assert "made-up" not in str(verdict.mismatches[0].control)
    assert len(str(verdict.mismatches[0].control)) < 150


def test_a_rule_may_cover_it() -> None:
    """An ignore rule for the path `request` covers it, with its reason and owner."""
    rule = IgnoreRule(path="request", rule="wire.missing", reason="the new one does not retry", owner="ann")
    verdict = missing(RETRY, place="a:1", askings=(2, 1), other="b", ignore=[rule])
    assert (verdict.outcome, verdict.reason) == ("ignored", str(rule))


def test_askings_are_counted_on_either_side() -> None:
    """How often a request stands on either side is counted for those without a partner."""
    control = [array("Q"), array("Q", [5, 5, 6])]
    candidate = [array("Q"), array("Q", [5, 7])]
    askings = Askings(control, candidate, alone=([1, 2], [1]))
    assert (askings.of_control(1), askings.of_control(2), askings.of_candidate(1)) == ((2, 1), (1, 0), (0, 1))
