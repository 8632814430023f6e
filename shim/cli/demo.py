"""`shim demo`: starts a server of its own and shows, step by step, the legacy client answering through the shim.

Not the steps (`demo_steps`) nor the stage they play on (`demo_stage`). Exit status 0 only if every step came out as it says.
"""

from __future__ import annotations

import argparse
import sys
import time

from shim.cli.demo_comparison import compare_recording, show_mismatch
from shim.cli.demo_stage import DemoStage, UnexpectedOutcomeError
from shim.cli.demo_steps import STEPS, Step
from shim.cli.fake_server import require_testing
from shim.cli.rendering import Printer, printer, program_name

INTRODUCTION = """\
The legacy client, untouched, behind the new provider interface. The server is a
fake OpenAI on your own machine: no key, no network. Each step shows what the
legacy client sent, as the server received it, and what came back.
"""
COMPARISON = (
    Step("What was recorded, compared on both rungs", "nothing more", compare_recording),
    Step("What a mismatch looks like", "nothing more", show_mismatch),
)
_AS_SAID, _NOT_AS_SAID = "as said", "NOT AS SAID"
_RESULT_STYLES = {_AS_SAID: "green", _NOT_AS_SAID: "bold red"}


def demo(_arguments: argparse.Namespace) -> int:
    """Run every step, and return the exit status.

    Raises:
        UsageError: the extra `testing` is missing.
    """
    require_testing("the demo")
    out = printer(sys.stdout)
    started = time.monotonic()
    out.line(INTRODUCTION)
    with DemoStage.open(out) as stage:
        rows = [_play(stage, step, number=number) for number, step in enumerate((*STEPS, *COMPARISON), 1)]
    good = all(row[-1] == _AS_SAID for row in rows)
    _sum_up(out, rows, seconds=time.monotonic() - started)
    if not good:
        out.line("Not everything came out as said; the steps above tell what.", "bold red")
        return 1
    _point_on(out)
    return 0


def _play(stage: DemoStage, step: Step, *, number: int) -> tuple[str, str, str, str]:
    """Play a step; its row of the summary."""
    stage.out.line(f"{number}. {step.title}", "bold")
    try:
        came_back = step.play(stage)
    except UnexpectedOutcomeError as unexpected:
        stage.out.line(f"   {_NOT_AS_SAID}: {unexpected}\n", "bold red")
        return str(number), step.asked, str(unexpected), _NOT_AS_SAID
    stage.out.line()
    return str(number), step.asked, came_back, _AS_SAID


def _sum_up(out: Printer, rows: list[tuple[str, str, str, str]], *, seconds: float) -> None:
    headings = ("step", "the legacy client was asked for", "what came back", "result")
    out.table(headings, rows, style=lambda cell: _RESULT_STYLES.get(cell, ""))
    out.line(f"\n{seconds:.1f} s, one thread in the select() loop, one descriptor.\n", "dim")


def _point_on(out: Printer) -> None:
    shim = program_name()
    out.line("Next, with a key of yours (the real API):")
    out.line(f'  OPENAI_API_KEY=… {shim} chat "Why is the sky blue?"', "cyan")
    out.line("or without one, from two terminals:")
    out.line(f"  {shim} fake-server --delay 0.05", "cyan")
