"""Tests of what the repository must not say: no path of somebody's machine, no key that looks real."""

from __future__ import annotations

import re

import pytest

from tests.house.sources import all_files, complain, place

# Written so that no pattern matches its own text.
FORBIDDEN = {
    "a path of one machine": re.compile(
        rb"(?<![\w./])/(?:root|home/\w+|Users/\w+|tmp/work|work/(?:main|shared))(?=[/\s\"'`),:;]|$)", re.MULTILINE
    ),
    "a key that looks real": re.compile(rb"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9]{20,}"),
}


def said(content: bytes) -> list[tuple[int, str]]:
    """The forbidden things in a text, each with its line."""
    return [
        (content.count(b"\n", 0, match.start()) + 1, what)
        for what, pattern in FORBIDDEN.items()
        for match in pattern.finditer(content)
    ]


def test_nothing_of_one_machine_and_no_key() -> None:
    """No file holds a path of somebody's machine or a key that looks real."""
    findings = [f"{place(path, line)}: {what}" for path in all_files() for line, what in said(path.read_bytes())]
    assert not findings, complain(
        findings, "use a relative path, or tmp_path in a test; a made-up key is short and says so: sk-test."
    )


# A tilde stands for each slash, so that this file passes its own test.
@pytest.mark.parametrize(
    "text",
    ["see ~root~x", "~home~ann~x", "'~tmp~work'", "~Users~ann", "Bearer sk-" + "a1" * 10, "sk-proj-" + "a1" * 10],
)
def test_forbidden_speech_is_heard(text: str) -> None:
    """Each forbidden thing is found, with its line, in a text that holds it."""
    ((line, _),) = said(f"first line\n{text.replace('~', '/')}\n".encode())
    assert line == 2


@pytest.mark.parametrize(
    "text", ["https:~~example.org~root~x", "sk-test-1", "~tmp", "work~main.py", "risk-" + "a" * 30]
)
def test_plain_speech_passes(text: str) -> None:
    """Ordinary addresses, made-up keys and words with the same letters are left alone."""
    assert said(text.replace("~", "/").encode()) == []
