"""Tests of files of ignore rules: both forms, and a refusal that says what to write."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shim.comparison.rules import IgnoreRule
from shim.comparison.runs.ignore_file import IgnoreFileError, read_ignore_rules

RULE = IgnoreRule(path="header.user-agent", reason="names the client", owner="team-llm", rung="wire")
AS_JSON = '[{"path": "header.user-agent", "reason": "names the client", "owner": "team-llm", "rung": "wire"}]'
AS_TOML = '[[ignore]]\npath = "header.user-agent"\nreason = "names the client"\nowner = "team-llm"\nrung = "wire"\n'

needs_tomllib = pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", AS_JSON),
        ("a.json", f'{{"ignore": {AS_JSON}}}'),
        pytest.param("a.toml", AS_TOML, marks=needs_tomllib),
    ],
)
def test_rules_are_read(tmp_path: Path, name: str, text: str) -> None:
    """A JSON list, a JSON object and TOML give the same rules."""
    (tmp_path / name).write_text(text)
    assert read_ignore_rules(tmp_path / name) == (RULE,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"path": "a", "owner": "b"}]', r"rule 1 \('a'\) has no reason"),
        ('[{"path": "a", "reason": "b"}]', r"rule 1 \('a'\) has no owner"),
        ('[{"reason": "b"}]', "rule 1 has no path and no owner"),
        (AS_JSON[:-1] + ', {"path": "a", "reason": " ", "owner": "b"}]', "rule 2: an ignore rule's reason is empty"),
        ('[{"path": "a", "reason": "b", "owner": "c", "pth": 1}]', "rule 1: .*pth"),
        ('[{"path": "a", "reason": "b", "owner": "c", "rung": "tea"}]', "rule 1: .*tea"),
        ("[3]", "rule 1: "),
        ("{}", "give a list of rules"),
        ("[", "is not JSON"),
        ("\udcff", "is not JSON"),
    ],
)
def test_a_bad_rule_is_named(tmp_path: Path, text: str, said: str) -> None:
    """What is wrong is said with the file, the rule's place and the form of a rule."""
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(IgnoreFileError, match=f"a.json.*{said}"):
        read_ignore_rules(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(IgnoreFileError, match=r"none\.json: No such file"):
        read_ignore_rules(tmp_path / "none.json")


@needs_tomllib
def test_bad_toml_is_named(tmp_path: Path) -> None:
    """TOML that cannot be read is said to be so."""
    (tmp_path / "a.toml").write_text("[[ignore")
    with pytest.raises(IgnoreFileError, match=r"a\.toml is not TOML"):
        read_ignore_rules(tmp_path / "a.toml")


def test_toml_without_tomllib_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Python without tomllib the message says what to write instead."""
    monkeypatch.setitem(sys.modules, "tomllib", None)
    (tmp_path / "a.toml").write_text(AS_TOML)
    with pytest.raises(IgnoreFileError, match="write the rules as JSON"):
        read_ignore_rules(tmp_path / "a.toml")
