"""Tests of the example of a whole rollout: it tells its story to the end, and each bug is caught where it should be."""

from __future__ import annotations

import re
import sys
import time

import pytest

from tests.cli.running import ROOT, environment, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told() -> str:
    """What it prints, run as a process without a key in the environment."""
    env = environment()
    del env["OPENAI_API_KEY"]
    started = time.monotonic()
    ran = run([sys.executable, "examples/migrate"], env)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert time.monotonic() - started < 15
    return ran.stdout


def test_each_bug_is_caught_where_it_should_be(told: str) -> None:
    """Wire names the forgotten field, tee the lost piece, and the guard alone goes back for errors of the candidate's."""
    chapters = re.split(r"^\d\. ", told, flags=re.MULTILINE)[1:]
    assert "wire found: body.max_completion_tokens: control 200" in chapters[0]
    assert "wire: every request the same" in chapters[1]
    assert "tee found: " in chapters[1]
    assert "3," in chapters[1].partition("tee found: ")[2].partition("\n")[0]
    assert "wire and tee: all the same" in chapters[2]
    assert "the guard went back to shadow by itself: error in" in chapters[2]
    assert "the next 30 customers: no error" in chapters[2]


def test_it_goes_on_to_the_end(told: str) -> None:
    """After the last fix everything is served by the candidate, and the history has who did what."""
    assert "complete: 30 customers served by the candidate, none by the legacy client" in told
    history = told.partition("The history")[2]
    steps = re.findall(r"^   (\w+) +(ann|the guard) +\S+ -> (.{12})", history, re.MULTILINE)
    assert ("roll_back", "the guard", "shadow      ") in steps
    assert ("changed", "ann", "complete@100") in steps
    assert "three bugs" in told.lower()


def test_the_demo_ends_with_it() -> None:
    """`make demo` runs it after the steps of `shim demo`."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndemo: ")[2].partition("\n\n")[0]
    assert recipe.splitlines()[-1].endswith("examples/migrate")
