"""Tests of the verdicts' words: what a tired engineer reads, one outcome at a time, and never a key."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from shim.comparison.explanation import LONGEST_VALUE, MOST_KEPT, MOST_TOLD, concluded, failed, out_of_scope, shown_pair
from shim.comparison.rules import RULES, IgnoreRule
from shim.comparison.verdict import ABSENT, Mismatch, Outcome
from shim.wire.masking import MASK
from tests.helpers.exchanges import ASKED, exchange, streamed
from tests.properties.strategies import values

KEY = "sk-test-made-up"


def part(path: str = "body.n", control: Any = 1, candidate: Any = 2, **fields: Any) -> Mismatch:
    """A mismatch."""
    return Mismatch(path=path, control=control, candidate=candidate, rule="wire.body", **fields)


AGENT = IgnoreRule(path="body.n*", reason="It is counted anew.", owner="team-a")


def test_a_mismatch_is_explained() -> None:
    """What was asked, what each side made of it, where they part, the bytes and the rule stand in the message."""
    mismatch = part("body.messages[0].content", "Hel\u0301lo", "Hello", excerpt='…"He>>>l…', offset=214)
    verdict = concluded("wire", streamed(), mismatches=[mismatch], made=("12 bytes", "13 bytes"), seconds=0.5)
    assert verdict.message.splitlines() == [
        "wire mismatch · POST /v1/chat/completions · gpt-4o, streamed · pair p1",
        "  control    12 bytes",
        "  candidate  13 bytes",
        "  body.messages[0].content",
        '    control    "Hel\\u0301lo"',
        '    candidate  "Hello"',
        '    bytes      …"He>>>l…   (offset 214)',
        f"    rule       wire.body: {RULES['wire.body']}",
    ]
    assert (verdict.outcome, verdict.ok, verdict.reason, verdict.seconds) == (Outcome.MISMATCH, False, "", 0.5)
    assert verdict.asked == "POST /v1/chat/completions · gpt-4o, streamed"


def test_a_match_is_one_line() -> None:
    """Where nothing parts, one line says what was asked and how it was presented."""
    verdict = concluded("tee", exchange(), mismatches=(), variant="split at 17", variants=40, made=("a", "b"))
    assert verdict.message == "tee match · POST /v1/chat/completions · gpt-4o · pair p1 · split at 17"
    assert (verdict.outcome, verdict.mismatches, verdict.variants) == (Outcome.MATCH, (), 40)


def test_ignored_differences_are_no_match() -> None:
    """Where rules cover all of it, the outcome is ignored, with each reason and owner."""
    verdict = concluded("wire", exchange(), mismatches=[part("body.n"), part("body.name")], ignore=[AGENT])
    assert (verdict.outcome, verdict.ok) == (Outcome.IGNORED, True)
    assert verdict.reason == "It is counted anew. (owner: team-a)"
    assert [each.ignored for each in verdict.mismatches] == [verdict.reason] * 2
    assert "ignored: body.name · It is counted anew. (owner: team-a)" in verdict.message


def test_one_difference_that_no_rule_covers_is_a_mismatch() -> None:
    """A difference beside ignored ones is a mismatch; the ignored ones stay marked, and are listed after it."""
    verdict = concluded("wire", exchange(), mismatches=[part("body.n"), part("body.x")], ignore=[AGENT])
    assert (verdict.outcome, verdict.reason) == (Outcome.MISMATCH, "")
    assert [(each.path, each.ignored is None) for each in verdict.mismatches] == [("body.x", True), ("body.n", False)]
    assert verdict.message.index("  body.x") < verdict.message.index("ignored: body.n")


@pytest.mark.parametrize("make", [failed, out_of_scope])
def test_a_comparison_that_was_not_made_says_nothing_of_the_sides(make: Any) -> None:
    """A comparator that failed, and an exchange out of scope, have a reason and no mismatches, and are no match."""
    verdict = make("tee", exchange(), reason=f"no body, and {KEY}")
    assert verdict.outcome is (Outcome.FAILED if make is failed else Outcome.IGNORED)
    assert verdict.mismatches == ()
    assert verdict.reason == f"no body, and {MASK}"
    assert verdict.message == f"tee {verdict.outcome} · {verdict.asked} · pair p1\n  {verdict.reason}"


def test_long_values_are_aligned_where_they_part() -> None:
    """Of long values the same stretch of both is shown, around the first character that differs."""
    first, second = shown_pair("a" * 500 + "X" + "b" * 500, "a" * 500 + "Y" + "b" * 400)
    assert first.index("X") == second.index("Y")
    assert first.startswith("…aaa")
    assert "… (1003 characters)" in first
    assert max(len(first), len(second)) < 130


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (None, ABSENT, ("null", "(absent)")),
        (True, 1, ("true", "1")),
        ("é", "e\u0301", ('"\\u00e9"', '"e\\u0301"')),
        ("a b", "a\u00a0b", ('"a b"', '"a\\u00a0b"')),
        ("\uff21", "A", ('"\\uff21"', '"A"')),
        ("日本", "日木", ('"日本"', '"日木"')),
        ({"b": 1}, [], ('{"b": 1}', "[]")),
    ],
)
def test_what_looks_alike_is_told_apart(control: Any, candidate: Any, expected: tuple[str, str]) -> None:
    """Values are shown as JSON; characters that cannot be told apart by looking are escaped."""
    assert shown_pair(control, candidate) == expected


def test_many_mismatches_are_counted() -> None:
    """A message spells out the first, and says how many more there are; a verdict keeps a bounded number."""
    verdict = concluded("wire", exchange(), mismatches=(part(f"body.x[{number}]") for number in range(1000)))
    assert f"  and {1000 - MOST_TOLD} more" in verdict.message
    assert len(verdict.mismatches) == MOST_KEPT


def test_all_mismatches_are_judged() -> None:
    """The one difference that no rule covers is found behind any number that are ignored."""
    many = [*(part("body.n") for _ in range(1000)), part("body.x")]
    verdict = concluded("wire", exchange(), mismatches=many, ignore=[AGENT])
    assert verdict.outcome is Outcome.MISMATCH
    assert verdict.mismatches[0].path == "body.x"


def test_no_key_is_shown_or_kept() -> None:
    """A key in a value, a path, an excerpt, a URL or a body's model is masked in the message and the verdict."""
    body = ASKED | {"model": KEY}
    mismatch = part(f"body.x[{json.dumps(KEY)}]", {KEY: [f"is {KEY}"]}, KEY, excerpt=f"…{KEY}", offset=1)
    covered = part(f"body.n[{json.dumps(KEY)}]", KEY)
    asked = exchange(body, url=f"https://e.org/{KEY}/v1/chat/completions?key={KEY}")
    verdict = concluded("wire", asked, mismatches=[mismatch, covered], ignore=[AGENT], made=(KEY, KEY))
    assert KEY not in repr(verdict)
    assert KEY not in verdict.message
    assert verdict.message.count(MASK) >= 8


def test_a_verdict_can_be_written() -> None:
    """A verdict about half an emoji and an integer of any size is still JSON in UTF-8."""
    verdict = concluded("wire", exchange(pair_id="\ud83c"), mismatches=[part("body.\ud83c", "\ud83c", 2**80)])
    again = msgspec.json.decode(json.dumps(msgspec.to_builtins(verdict)))
    assert again["mismatches"][0]["control"] == "\\ud83c"
    verdict.message.encode()


def test_a_long_value_is_kept_in_part() -> None:
    """What a verdict keeps of a value is bounded, and shows the place where the two part."""
    long = "x" * 100_000
    (mismatch,) = concluded("wire", exchange(), mismatches=[part(control=f"{long}a{long}", candidate=long)]).mismatches
    assert len(mismatch.control) < LONGEST_VALUE + 100
    assert "xa" in mismatch.control


@given(values, values)
def test_any_values_are_explained(control: Any, candidate: Any) -> None:
    """Whatever the two values are, the verdict has a line for each side and can be written."""
    verdict = concluded("tee", exchange(b"\xff"), mismatches=[part(control=control, candidate=candidate)])
    assert len(verdict.message.splitlines()) == 5
    json.dumps(msgspec.to_builtins(verdict)).encode()


def test_nothing_breaks_a_line() -> None:
    """A line break in a model, a reason or what a side made of it is escaped: each line of a message is one fact."""
    asked = exchange(ASKED | {"model": "a\nb"})
    verdict = concluded("tee", asked, mismatches=[part()], made=("error: a\nb", "\u2028"))
    assert len(verdict.message.splitlines()) == 7
    assert "a\\nb" in verdict.asked
    assert failed("tee", exchange(), reason="a\nb").reason == "a\\nb"
