"""What `shim rollout` shows: status, needs, history, switches; tables for people, JSON for programs.

Not the finding out (`shim.migration.operations`). A store's text is a stranger's: its control characters are written out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import msgspec

from shim.cli.rendering import Printer, show_controls
from shim.migration.decision import Arm

if TYPE_CHECKING:
    from shim.migration.history import Entry
    from shim.migration.operations.operator import PolicyChange
    from shim.migration.operations.place import RolloutPlace
    from shim.migration.operations.switching_off import SwitchAttempt
    from shim.migration.plan import Needs
    from shim.migration.status import RolloutStatus

Fields: TypeAlias = "Mapping[str, Any]"
Row: TypeAlias = "tuple[str, str]"

_STYLES = {
    "fine": "green",
    "ok": "green",
    "met": "green",
    "reached": "green",
    "hold": "yellow",
    "missing": "yellow",
    "roll_back": "bold red",
    "thrown": "bold red",
    "NOT REACHED": "bold red",
    "unreachable": "bold red",
}
_NO_FIGURE = "-"


def print_json(fields: Fields) -> None:
    """Print one object in one line."""
    sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")


def print_status(out: Printer, status: RolloutStatus, *, place: RolloutPlace) -> None:
    """Print how a rollout stands."""
    for name, told in status_rows(status):
        out.write(f"{name:<12} ", "dim")
        out.line(told, _STYLES.get(told.split(":")[0].split(",")[0], ""))
    out.line()
    if place.store is None:
        out.line("Without a store each process counts for itself: arms and evidence are not known here.", "dim")
        return
    print_table(out, ("arm", "requests", "answered", "errors", "slow", "p50", "p95"), rows=arm_rows(status))
    out.line()
    print_table(out, ("evidence", "role", "value", "limit", "control", "candidate"), rows=evidence_rows(status))


def status_rows(status: RolloutStatus) -> list[Row]:
    """A status as (name, words)."""
    rows = [
        ("rollout", status.flag),
        ("stage", f"{status.stage}, candidate's share {status.share:.2%}"),
        ("since", f"{moment(status.since)}, by {status.by or 'nobody knows whom'}"),
    ]
    if status.why:
        rows.append(("held back", f"{status.why} (asked for: {status.wanted.step})"))
    answer = status.answer or ("none" if status.mode == "none" else "not known here")
    why = str(status.evidence.get("why", ""))
    rows += [
        ("guard", f"{answer}: {why}" if why else answer),
        ("mode", f"{status.mode}" + (", it says so and does nothing" if status.mode == "observe" else "")),
        ("kill switch", _with(status.kill_switch.position, status.kill_switch.why)),
        ("store", _with(status.store.state, status.store.fault or "")),
        ("policy", _with(status.source.source, status.source.fault or "")),
    ]
    return [(name, show_controls(told).replace("\n", " ")) for name, told in rows]


def arm_rows(status: RolloutStatus) -> list[tuple[str, ...]]:
    """Arms as rows: name, requests, answered, errors, slow ones, median, 95th percentile."""
    rows = []
    for arm in get_args(Arm):
        counts = status.arms[arm]
        errors, slow = counts.bad.get("error", 0), counts.bad.get("slow", 0)
        rows.append(
            (
                arm,
                f"{counts.requests:,}",
                f"{counts.ok:,}",
                f"{errors:,}{_of(errors, counts.requests)}",
                f"{slow:,}{_of(slow, counts.requests)}",
                *(seconds(counts.quantile(share)) for share in (0.5, 0.95)),
            )
        )
    return rows


def evidence_rows(status: RolloutStatus) -> list[tuple[str, ...]]:
    """Kinds of bad event as rows: name, role, evidence, its limit, conversations in control and candidate."""
    kinds: dict[str, dict[str, Any]] = status.evidence.get("kinds", {})
    rows: list[tuple[str, ...]] = [
        (
            kind,
            str(found["role"]),
            f"{found['e_value']:.3g}",
            f"{found['limit']:.3g}",
            f"{found['control']:,}",
            f"{found['candidate']:,}",
        )
        for kind, found in kinds.items()
    ]
    sample = status.evidence.get("sample_ratio")
    if sample:
        told = (
            f"{sample['e_value']:.3g}",
            f"{sample['limit']:.3g}",
            f"{sample['control']:,}",
            f"{sample['candidate']:,}",
        )
        rows.append(("sample ratio", "holds", *told))
    return rows


def print_needs(out: Printer, needs: Needs) -> None:
    """Print what the next step needs, each with whether it is there."""
    here = "before the first step" if needs.current is None else needs.current.name
    if needs.next is None:
        out.line(f"The plan is at its end: {here}.")
        return
    out.line(f"now {here}, next {needs.next.name}", "bold")
    rows = [("met", each) for each in needs.met] + [("missing", each) for each in needs.missing]
    print_table(out, ("", "what it needs"), rows=rows)
    percent = f" --percent {needs.next.policy.percent:g}" if needs.next.name.startswith("ramp") else ""
    if needs.ready:
        out.line(f"It may begin: shim rollout set {needs.next.policy.stage}{percent}", "green")


def needs_fields(needs: Needs) -> Fields:
    """Needs as JSON has them."""
    return {
        "current": None if needs.current is None else needs.current.name,
        "next": None if needs.next is None else needs.next.name,
        "ready": needs.ready,
        "met": list(needs.met),
        "missing": list(needs.missing),
    }


def print_change(out: Printer, change: PolicyChange) -> None:
    """Print what was set."""
    if change.came_from == change.to:
        out.line(f"Nothing to do: {change.to} is asked for already.")
        return
    out.line(f"{change.came_from} -> {change.to}, in {change.where}. Processes follow within a second.", "green")
    if not change.comments_kept:
        out.line("The file was written anew: its comments could not be kept.", "yellow")


def print_attempts(out: Printer, attempts: Iterable[SwitchAttempt], *, done: bool, released: bool, broken: str) -> None:
    """Print what became of each switch."""
    if broken:
        out.line(f"{show_controls(broken)}; going by what can still be read.", "yellow")
    rows = [(("reached" if each.reached else "NOT REACHED"), each.what, each.fault) for each in attempts]
    print_table(out, ("", "what", "why not"), rows=rows)
    if released:
        out.line("Lifted. The stage stays as it is; go on with `shim rollout set`." if done else "NOT LIFTED.")
    elif done:
        out.line("Off: control serves all within a second; requests in flight end where they began.", "green")
    else:
        out.line("NOT OFF: no switch was reached. Restart the service with SHIM_KILL_SWITCH=1.", "bold red")


def print_history(out: Printer, entries: Sequence[Entry] | Iterable[Entry]) -> None:
    """Print entries as a table."""
    rows = [
        (moment(each.at), each.event, each.by, each.came_from or _NO_FIGURE, each.to or _NO_FIGURE, each.reason)
        for each in entries
    ]
    if rows:
        print_table(out, ("when (UTC)", "what", "who", "from", "to", "why"), rows=rows)
    else:
        out.line("Nothing has happened yet.")


def print_table(out: Printer, headings: Sequence[str], *, rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns; nothing where there are none."""
    if rows:
        shown = [[show_controls(cell).replace("\n", " ") for cell in row] for row in rows]
        out.table(headings, shown, style=lambda cell: _STYLES.get(cell, ""))


def moment(at: float | None) -> str:
    """Epoch seconds as a date and time, UTC."""
    if at is None:
        return "nobody knows when"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
    except (OverflowError, ValueError, OSError):  # a clock, or a writer, that is far off
        return f"{at:g} s"


def seconds(value: float | None) -> str:
    """A duration, in the unit that suits it."""
    if value is None:
        return _NO_FIGURE
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def _of(part: int, whole: int) -> str:
    return f" ({part / whole:.1%})" if part else ""


def _with(word: str, more: str) -> str:
    return f"{word}: {more}" if more else word
