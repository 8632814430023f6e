"""Tests of the words beside a progress bar: those of lines, and those that a run on a cluster has of its own."""

from __future__ import annotations

import io

import pytest

from shim.cli.compare_progress import progress


class Terminal(io.StringIO):
    """Standard error on a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Half:
    """A run that is half done."""

    size, position = 8, 4


@pytest.mark.parametrize(
    ("own", "said"), [(None, "50 %  1 compared, 0 to look at"), ("4 of 8 files", "50 %  4 of 8 files")]
)
def test_a_run_may_have_words_of_its_own(own: str | None, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the bar stand lines and what was found in them, or what the run itself says."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    bar = progress(Half(), wanted=True, words=None if own is None else lambda: str(own))
    bar.advance()
    assert said in terminal.getvalue()
