"""`shim rollout watch`: status and plan again and again: a live table on a terminal, plain lines elsewhere.

Not the status itself (`rollout_output`). Each look is added to the samples' file, where there is one, for the report's plots.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from shim.cli.rendering import printer, show_controls
from shim.cli.rollout_output import arm_rows, evidence_rows, print_needs, print_status, status_rows
from shim.migration.operations.samples import add_sample
from shim.migration.store import StoreError

if TYPE_CHECKING:
    from shim.migration.operations.observer import Observer
    from shim.migration.plan import Needs
    from shim.migration.status import RolloutStatus


def watch_rollout(operator: Observer, *, every: float, once: bool) -> int:
    """Show until Ctrl-C, or once; the exit status."""
    if once:
        _once(operator)
    elif _is_rich():
        with contextlib.suppress(KeyboardInterrupt):
            _live(operator, every=every)
    else:
        with contextlib.suppress(KeyboardInterrupt):
            _lines(operator, every=every)
    return 0


def _look(operator: Observer) -> tuple[RolloutStatus, Needs | None]:
    status = operator.status()
    if operator.place.samples is not None:
        add_sample(operator.place.samples, status)
    return status, operator.needs(status)


def _once(operator: Observer) -> None:
    out = printer(sys.stdout)
    status, needs = _look(operator)
    print_status(out, status, place=operator.place)
    if needs is not None:
        out.line()
        print_needs(out, needs)


def _lines(operator: Observer, *, every: float) -> None:
    out = printer(sys.stdout)
    while True:
        try:
            out.line(line_of(*_look(operator)))
        except (StoreError, ValueError) as error:  # it may pass, and watching goes on
            out.line(f"{_now()} cannot look: {show_controls(str(error))}")
        time.sleep(every)


def line_of(status: RolloutStatus, needs: Needs | None) -> str:
    """A look as one line, with what the plan's next step lacks where there is a plan."""
    arms = ", ".join(f"{row[0]} {row[1]} requests {row[3]} errors" for row in arm_rows(status))
    guard = status.answer or "not known here"
    ahead = "" if needs is None else f"; {_ahead(needs)}"
    return f"{_now()} {status.step} guard {guard}, switch {status.kill_switch.position}; {arms}{ahead}"


def _ahead(needs: Needs) -> str:
    if needs.next is None:
        return "the plan is at its end"
    return "next step ready" if needs.ready else f"missing {len(needs.missing)}"


def _live(operator: Observer, *, every: float) -> None:
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(), auto_refresh=False, screen=False) as live:
        while True:
            try:
                live.update(_shown(*_look(operator)), refresh=True)
            except (StoreError, ValueError) as error:
                live.update(f"cannot look: {show_controls(str(error))}", refresh=True)
            time.sleep(every)


def _shown(status: RolloutStatus, needs: Needs | None) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    def table(headings: tuple[str, ...], rows: list[Any]) -> Table:
        made = Table(*headings, box=None, pad_edge=False)
        for row in rows:
            made.add_row(*(Text(show_controls(cell)) for cell in row))
        return made

    parts: list[Any] = [Text(f"{_now()}  Ctrl-C ends", style="dim"), table(("", ""), status_rows(status)), Text()]
    parts += [table(("arm", "requests", "answered", "errors", "slow", "p50", "p95"), arm_rows(status)), Text()]
    parts.append(table(("evidence", "role", "value", "limit", "control", "candidate"), evidence_rows(status)))
    if needs is not None and needs.next is not None:
        rows = [("met", each) for each in needs.met] + [("missing", each) for each in needs.missing]
        parts += [Text(), table((f"next: {needs.next.name}", "what it needs"), rows)]
    return Group(*parts)


def _is_rich() -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain and importlib.util.find_spec("rich") is not None


def _now() -> str:
    return time.strftime("%H:%M:%S", time.gmtime())
