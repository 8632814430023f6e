"""Tests of the quick start: it runs as it stands, and it is the README's."""

from __future__ import annotations

import sys

from tests.cli.running import ROOT, environment, run


def test_it_runs_without_a_key() -> None:
    """It streams an answer and ends well, with nothing in the environment."""
    env = environment()
    del env["OPENAI_API_KEY"]
    ran = run([sys.executable, "examples/quick_start.py"], env)
    assert (ran.returncode, ran.stdout, ran.stderr) == (
        0,
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10.\n[gpt-4o-mini, stop]\n",
        "",
    )


def test_it_is_the_readmes() -> None:
    """The README shows the same lines."""
    source = (ROOT / "examples" / "quick_start.py").read_text(encoding="utf-8")
    lines = source[source.index("import shim") :]
    assert lines in (ROOT / "README.md").read_text(encoding="utf-8")
