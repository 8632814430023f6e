"""Tests of the tally: what is counted, how latencies are kept in little memory, and that parts add up to the whole."""

from __future__ import annotations

import pickle
import random
from typing import Any

import pytest

from shim.comparison.rules import IgnoreRule
from shim.comparison.runs.tally import MOST_NAMES, OTHERS, Facts, Histogram, Tally, facts_of
from shim.comparison.verdict import Outcome, Verdict
from tests.comparison.stand_ins import judged
from tests.helpers.exchanges import ASKED, exchange, streamed

RULE = IgnoreRule(path="header.*", reason="named so", owner="us")
IDLE = IgnoreRule(path="body.*", reason="nothing", owner="us")
WORDS = ("match", "mismatch", "mismatch", "ignored", "failed", "raise")


def tally_of(*words: str) -> Tally:
    """The tally of exchanges that come out as the words say."""
    tally = Tally()
    for word in words:
        _, found = judged(word)
        assert found.facts is not None
        tally.add(found.facts, found.verdicts, ignore=[RULE, IDLE])
    return tally


def test_verdicts_are_counted_by_rung_and_outcome() -> None:
    """Each verdict counts once, under its rung and its outcome."""
    tally = tally_of(*WORDS)
    assert tally.exchanges == 6
    assert tally.outcomes["wire"] == {"match": 1, "mismatch": 2, "ignored": 1, "comparator-failed": 2}
    assert tally.outcomes["tee"] == {"match": 5, "comparator-failed": 1}
    assert (tally.count(Outcome.MATCH), tally.count(Outcome.MISMATCH), tally.verdicts) == (6, 2, 12)
    assert tally.compare_seconds == pytest.approx(0.25 * 5)


def test_rules_are_counted_once_a_verdict() -> None:
    """A rule counts the verdicts in which it found something that is not ignored."""
    tally = tally_of(*WORDS)
    assert tally.rules == {"wire.body": 2}
    assert tally.ignored == {"named so (owner: us)": 3}
    assert tally.reasons == {"its body was left out": 1, "RuntimeError: out of order": 2}


def test_idle_rules_are_known() -> None:
    """An ignore rule that covered nothing is missing among those that did."""
    assert tally_of(*WORDS).covered == {0: 3}


def test_parts_add_up() -> None:
    """Merged tallies of two halves are the tally of the whole, after a pickle's way between processes too."""
    left, right = tally_of(*WORDS[:3]), tally_of(*WORDS[3:])
    left.merge(pickle.loads(pickle.dumps(right)))  # noqa: S301 - our own pickle
    whole = tally_of(*WORDS)
    for each in (*left.first_bytes.values(), *whole.first_bytes.values()):
        each.total = round(each.total, 9)  # sums of floats depend on their order
    assert left == whole


def test_names_are_bounded() -> None:
    """However many models are named, the tally keeps a bounded number of names and counts all."""
    tally = Tally()
    for number in range(3 * MOST_NAMES):
        tally.add(Facts(model=f"model-{number}"), [Verdict(rung="wire", outcome=Outcome.MATCH)])
    assert len(tally.models) == MOST_NAMES + 1
    assert tally.models[OTHERS] == 2 * MOST_NAMES


def test_first_and_last_are_kept() -> None:
    """The span of time is that of the exchanges whose time is known."""
    tally = Tally()
    for at in (50.0, 0.0, 20.0, 90.0):
        tally.add(Facts(started_at=at), [])
    assert (tally.first_at, tally.last_at) == (20.0, 90.0)


def test_quantiles_are_close() -> None:
    """A quantile is within 2 % of the exact one, over six orders of magnitude."""
    values = sorted(random.Random(7).lognormvariate(0, 3) for _ in range(5000))  # noqa: S311 - made up
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        exact = values[max(0, round(share * len(values)) - 1)]
        assert histogram.quantile(share) == pytest.approx(exact, rel=0.021)
    assert histogram.mean == pytest.approx(sum(values) / len(values))


def test_histograms_are_bounded() -> None:
    """A histogram has at most some 700 buckets, whatever values come."""
    histogram = Histogram()
    for exponent in range(-4000, 4000):
        histogram.add(10.0 ** (exponent / 20))
    assert len(histogram.buckets) < 700
    assert histogram.quantile(0.0) == pytest.approx(histogram.smallest, abs=2e-6)


def test_an_empty_histogram_is_zero() -> None:
    """Nothing counted has a mean and quantiles of 0 and no edges."""
    assert (Histogram().mean, Histogram().quantile(0.5), Histogram().edges()) == (0.0, 0.0, [])


def test_edges_hold_their_values() -> None:
    """Each bucket's edges enclose what fell into it, and the counts add up."""
    histogram = Histogram()
    for value in (0.1, 0.1, 2.0):
        histogram.add(value)
    (low, high, count), (_, _, last) = histogram.edges()
    assert low <= 0.1 <= high
    assert (count, last) == (2, 1)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (exchange(), "chat_completions"),
        (streamed(), "chat_completions stream"),
        (exchange(url="https://x/v1/responses?a=b"), "responses"),
        (exchange(url="https://x/v1/models"), "other"),
    ],
)
def test_kinds_are_told_apart(made: Any, kind: str) -> None:
    """An exchange's kind is its API, and whether its answer was an event stream."""
    assert facts_of(made).kind == kind


def test_facts_are_the_exchange_s() -> None:
    """Status, model and times come from the exchange; the first byte is the first segment of the body."""
    facts = facts_of(streamed(started_at=5.0, finished=2.5))
    expected = Facts(
        kind="chat_completions stream", model="gpt-4o", status=200, started_at=5.0, finished=2.5, first_byte=0.2
    )
    assert facts == expected


@pytest.mark.parametrize("body", [b"\xff", b"[]", b'{"model": 3}', b"{"])
def test_a_body_without_a_model_is_no_error(body: bytes) -> None:
    """A request that names no model counts under no name."""
    assert facts_of(exchange(body)).model == ""


def test_an_exchange_that_failed_has_no_latency() -> None:
    """The time until a failure says nothing of the server, so it is left out of the latencies."""
    facts = facts_of(exchange(ASKED, response=None, ended="failed"))
    assert (facts.finished, facts.first_byte, facts.status) == (None, None, 0)
