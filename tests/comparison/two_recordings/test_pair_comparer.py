"""Tests of the comparer of pairs: the verdict on what was asked, and what it notes of the answers."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from shim.comparison.rules import IgnoreRule
from shim.comparison.two_recordings.pair_comparer import PairComparer
from shim.comparison.two_recordings.pair_lines import Beside, RecordedPair
from shim.recording.exchange import Exchange
from tests.comparison.two_recordings.asked import answered, ask

LOST = ask("Hi", answer=replace(answered(), ended="overflow"))


def paired(control: Exchange, candidate: Exchange | None, *, baseline: Exchange | None = None) -> RecordedPair:
    """A pair by its request."""
    told: dict[str, Any] = {} if candidate is None else {"partner": "new:1", "tier": "request"}
    return RecordedPair(place="old:1", exchange=control, candidate=candidate, baseline=baseline, beside=Beside(**told))


def test_a_pair_is_compared_and_its_answers_noted() -> None:
    """Requests give a verdict with the partner in its words, answers what is judged of them, the baseline's too."""
    pair = paired(ask(), ask(seed=1, answer=answered(reason="length")), baseline=ask())
    (verdict,) = PairComparer().compare(pair)
    assert verdict.message.endswith("partner    new:1, by the same request")
    assert pair.observed is not None
    assert [pair.observed.control.finish_reason, pair.observed.candidate.finish_reason] == ["stop", "length"]
    assert pair.observed.baseline is not None
    assert pair.unobserved == ()


def test_several_are_compared_as_each_by_itself() -> None:
    """What is compared together gets the verdicts that each gets alone."""
    pairs = [paired(ask(), ask(seed=1)), paired(ask(), ask()), paired(ask(), None)]
    together = PairComparer().compare_all(pairs)
    alone = [PairComparer().compare(pair) for pair in pairs]
    assert [[replace(each, seconds=0.0) for each in found] for found in together] == [
        [replace(each, seconds=0.0) for each in found] for found in alone
    ]


def test_an_answer_that_tells_nothing_says_why() -> None:
    """Where an answer was left out, nothing is noted of the pair but why; of a baseline's, only that is left out."""
    pair = paired(ask(), LOST)
    assert PairComparer().compare(pair)[0].outcome == "match"
    assert pair.observed is None
    assert len(pair.unobserved) == 1
    pair = paired(ask(), ask(), baseline=LOST)
    PairComparer().compare(pair)
    assert pair.observed is not None
    assert pair.observed.baseline is None
    assert pair.unobserved[0].startswith("the baseline: ")


def test_rules_cover_what_has_no_partner() -> None:
    """The ignore rules hold for what only one side asks, too."""
    rule = IgnoreRule(path="request", reason="no retries any more", owner="ann")
    assert PairComparer([rule]).compare(paired(ask(), None))[0].outcome == "ignored"
