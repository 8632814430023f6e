"""Tests of the example of two clients: each of the three faults is found, and the mended rewrite is alike."""

from __future__ import annotations

import re
import sys

import pytest

from tests.cli.running import ROOT, environment, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]  # six programs one after the other, the first time after pip
_NO_SDK = 2


@pytest.fixture(scope="module")
def chapters() -> list[str]:
    """What it prints, chapter by chapter, run as a process without a key in the environment."""
    env = environment()
    del env["OPENAI_API_KEY"]
    ran = run([sys.executable, "examples/compare_two_clients/run.py"], env, deadline=450)
    if ran.returncode == _NO_SDK:
        pytest.skip(f"the official SDK cannot be installed here: {ran.stderr.strip()}")
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    return re.split(r"^\d\. ", ran.stdout, flags=re.MULTILINE)[1:]


def test_the_lost_parameter_is_found(chapters: list[str]) -> None:
    """The parameter that the rewrite lost is named, in every request."""
    assert "5x body.max_tokens: old 200, new (absent)" in chapters[1]


def test_the_swallowed_exception_is_found(chapters: list[str]) -> None:
    """The question that only the old client asks again is named, and the empty answer that the new one goes on with."""
    assert re.search(r"only the old client asks: POST .*: Is a table free tonight\?", chapters[1])
    assert re.search(r"body\.messages\[1\]\.content: old 'About .*', new ''", chapters[1])


def test_the_cut_stream_is_found(chapters: list[str]) -> None:
    """The stream that only the old client asks for again is named, and the piece that the new one took for the whole."""
    assert re.search(r"only the old client asks: POST .*, streamed: Tell me the story", chapters[1])
    assert "new 'The house was a '" in chapters[1]


def test_the_mended_rewrite_is_alike(chapters: list[str]) -> None:
    """Mended, the rewrite asks all that the old client asks, and nothing differs."""
    lines = chapters[2].splitlines()[1:]
    assert lines[0].strip() == "7 pairs; without a partner: 0 of the old, 0 of the new client's"


def test_the_sources_are_told() -> None:
    """The page on comparison points to it."""
    assert "examples/compare_two_clients" in (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")


def test_without_the_sdk_it_says_what_to_do() -> None:
    """An environment that has no official SDK of today is named, with a status of its own, before anything is recorded."""
    ran = run([sys.executable, "examples/compare_two_clients/run.py", "--python", "no-such-python"], environment())
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "no-such-python has no openai 1 or newer (FileNotFoundError); install it there\n"
