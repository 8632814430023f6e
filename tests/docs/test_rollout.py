"""Tests that the runbook tells the truth: its files, its service and its commands run in one folder, in their order."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from shim.cli import main
from tests.cli.running import ROOT
from tests.docs.blocks import Block, blocks_of

RUNBOOK = "docs/rollout.md"


@pytest.mark.slow
def test_the_runbook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of the runbook does what it says: files are written, the service serves, each command prints its lines."""
    monkeypatch.chdir(tmp_path)
    for block in blocks_of(RUNBOOK):
        if block.language == "toml":
            name = block.source.partition("\n")[0].removeprefix("# ")
            (tmp_path / name).write_text(block.source)
        elif block.language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block.source, block.place, "exec"), {"__name__": "__main__"})  # noqa: S102 - our own documents
            assert printed.getvalue() == block.prints
        elif block.language == "console":
            run_console(block)


def run_console(block: Block) -> None:
    """Run each command of a block, and find its lines in what it prints, in their order."""
    for session in re.split(r"^\$ ", block.source, flags=re.MULTILINE)[1:]:
        command, _, expected = session.partition("\n")
        status = int(command.partition("# exit status ")[2] or 0)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            program, *arguments = shlex.split(command, comments=True)
            assert (program, main(arguments)) == ("shim", status), f"{block}: {command}: {printed.getvalue()}"
        left = iter(printed.getvalue().splitlines())
        for line in expected.splitlines():
            wanted = re.compile(r".*".join(map(re.escape, line.split("..."))) + r"\s*$")
            assert line == "..." or any(wanted.match(each) for each in left), f"{block}: {command}: {line!r}"


@pytest.mark.parametrize("action", ["status", "plan", "set", "approve", "off", "reset", "history", "watch", "report"])
def test_every_action_is_told(action: str) -> None:
    """The runbook shows each action of the command."""
    assert f"$ shim rollout {action}" in (ROOT / RUNBOOK).read_text(encoding="utf-8")
