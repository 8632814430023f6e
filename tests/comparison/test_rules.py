"""Tests of the rules: each is a sentence, and none ignores anything without a reason and an owner."""

from __future__ import annotations

from typing import Any

import pytest

from shim.comparison.rules import RULES, IgnoreRule
from shim.comparison.verdict import Mismatch, Rung


def test_every_rule_is_a_sentence() -> None:
    """Each rule has the name of its rung, and a sentence that says what must be."""
    assert all(name.partition(".")[0] in ("wire", "tee") for name in RULES)
    for sentence in RULES.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "must" in sentence or "compared" in sentence


@pytest.mark.parametrize("field", ["path", "reason", "owner"])
@pytest.mark.parametrize("value", ["", "  ", None])
def test_a_rule_without_reason_or_owner_is_refused(field: str, value: Any) -> None:
    """To ignore something takes a path, a reason and an owner; the error names what is missing."""
    fields = {"path": "body.user", "reason": "Users are hashed now.", "owner": "team-a"} | {field: value}
    with pytest.raises(ValueError, match=f"{field} is empty"):
        IgnoreRule(**fields)


@pytest.mark.parametrize(
    ("pattern", "path", "covers"),
    [
        ("body.user", "body.user", True),
        ("body.user", "body.user.name", False),
        ("body.user", "Body.user", False),
        ("body.*", "body.user.name", True),
        ("body.messages[0].content", "body.messages[0].content", True),
        ("body.messages[0].content", "body.messages0.content", False),
        ("body.messages[*].content", "body.messages[12].content", True),
        ("body.messages[?].content", "body.messages[12].content", False),
        ("header.x-*", "header.x-tenant", True),
    ],
)
def test_a_pattern_covers_paths(pattern: str, path: str, *, covers: bool) -> None:
    """`*` and `?` stand for characters, brackets for themselves, and case counts."""
    rule = IgnoreRule(path=pattern, reason="r", owner="o")
    assert rule.covers(Mismatch(path=path, control=1, candidate=2, rule="wire.body"), rung="wire") is covers


@pytest.mark.parametrize(
    ("limits", "covers"),
    [({}, True), ({"rung": "wire"}, True), ({"rung": "tee"}, False), ({"rule": "wire.*"}, True), ({"rule": "tee.*"}, False)],
)  # fmt: skip
def test_a_rule_can_be_limited(limits: dict[str, Any], *, covers: bool) -> None:
    """A rule limited to a rung or to rules covers no difference of others."""
    rung: Rung = "wire"
    mismatch = Mismatch(path="body.user", control=1, candidate=2, rule="wire.body")
    assert IgnoreRule(path="*", reason="r", owner="o", **limits).covers(mismatch, rung=rung) is covers
