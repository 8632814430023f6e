"""What `shim recordings` shows: tables for people, one JSON object for programs.

Not what was counted (`shim.comparison.recordings`). What a recording says (models, file names) is shown with its control
characters written out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import json

from shim.cli.quantities import seconds_told, size_told
from shim.cli.rendering import Printer, plural, printer, show_controls
from shim.comparison.recordings.figures import OK, Figures, all_bytes_of, bytes_of, largest_bytes_of
from shim.comparison.recordings.overview import Overview
from shim.recording.remote import RemoteFileError, is_url, look_at, shown

if TYPE_CHECKING:
    from shim.comparison.runs.tally import Histogram
    from shim.recording.operations.merging import Merged
    from shim.recording.operations.splitting import Part

_QUANTILES: Final = ((0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99"))
_MOST_IN_CELL: Final = 3  # names in one cell of a table; JSON has all
_TOGETHER: Final = "all together"


def show_overviews(found: Sequence[tuple[str, Overview]], together: Overview, *, is_json: bool) -> None:
    """Show what each file holds, and all of them."""
    sizes = [_size_of(file) for file, _ in found]
    if is_json:
        files = [
            {"file": shown(file), "size": size, **_overview_told(each)}
            for (file, each), size in zip(found, sizes, strict=True)
        ]
        _print_json({"files": files, "together": _overview_told(together)})
        return
    rows = [
        _overview_row(show_controls(shown(file)), each, size=size)
        for (file, each), size in zip(found, sizes, strict=True)
    ]
    if len(found) > 1:
        rows.append(_overview_row(_TOGETHER, together, size=sum(size for size in sizes if size is not None)))
    headings = ["file", "size", "exchanges", "from (UTC)", "lasts", "APIs", "models", "ended", "pairs"]
    if together.unreadable:
        headings.append("unreadable")
        every = [*(each for _, each in found), together]
        rows = [[*row, f"{each.unreadable:,}"] for row, each in zip(rows, every, strict=False)]
    printer(sys.stdout).table(headings, rows, style=lambda _cell: "")


def _size_of(file: str) -> int | None:
    """Bytes of a file as it is kept; None where nobody says: standard input, an object that went away."""
    if is_url(file):
        try:
            return look_at(file).size
        except RemoteFileError:
            return None  # it has been read, so what is told of it stands
    path = Path(file)
    return path.stat().st_size if path.is_file() else None


def _overview_row(file: str, overview: Overview, *, size: int | None) -> list[str]:
    return [
        file,
        "-" if size is None else size_told(size),
        f"{overview.exchanges:,}",
        _time_told(overview.first_at),
        seconds_told(overview.last_at - overview.first_at) if overview.first_at else "-",
        _names(overview.apis, total=overview.exchanges),
        _names(overview.models, total=overview.exchanges),
        _names(overview.endings, total=overview.exchanges),
        _pairs(overview),
    ]


def _pairs(overview: Overview) -> str:
    return f"{overview.pairs.pairs:,}{'' if overview.pairs.is_exact else ' or so'}"


def _names(counts: Mapping[str, int], *, total: int) -> str:
    """The most frequent names, with their counts where there are several."""
    if not counts:
        return "-"
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    told = [show_controls(name) or "(none)" for name, _ in ordered]
    if len(ordered) == 1 and ordered[0][1] == total:
        return told[0]
    shown = [f"{name} {count:,}" for name, (_, count) in zip(told, ordered, strict=True)][:_MOST_IN_CELL]
    more = len(ordered) - len(shown)
    return ", ".join(shown) + (f", {more} more" if more else "")


def _overview_told(overview: Overview) -> dict[str, Any]:
    return {
        "exchanges": overview.exchanges,
        "unreadable": overview.unreadable,
        "first_at": overview.first_at or None,
        "last_at": overview.last_at or None,
        "apis": overview.apis,
        "models": overview.models,
        "endings": overview.endings,
        "roles": overview.roles,
        "pairs": overview.pairs.pairs,
        "pairs_exact": overview.pairs.is_exact,
    }


def show_figures(figures: Figures, *, unreadable: int, is_json: bool) -> None:
    """Show the figures of traffic."""
    if is_json:
        _print_json(_figures_told(figures, unreadable=unreadable))
        return
    out = printer(sys.stdout)
    out.line(_summed_up(figures), "bold")
    if not figures.exchanges:
        return
    for heading, counts in (
        ("status", figures.statuses),
        ("category", figures.categories),
        ("ended", figures.endings),
        ("model", figures.models),
    ):
        out.line()
        _show_shares(out, counts, heading=heading, total=figures.exchanges)
    _show_quantiles(out, figures.latencies, heading="latency")
    _show_quantiles(out, figures.first_bytes, heading="time to first byte")
    out.line()
    sizes = {"request body": figures.request_sizes, "response body": figures.response_sizes}
    rows = [[name, f"{held.count:,}", *map(size_told, _sizes(held))] for name, held in sizes.items()]
    out.table(["size", "count", *_labels(), "largest", "sum"], rows, style=lambda _cell: "")


def _summed_up(figures: Figures) -> str:
    if not figures.exchanges:
        return "No exchange."
    rate = "" if figures.rate is None else f" in {seconds_told(figures.seconds)}, {_rate(figures.rate)}"
    since = f" from {_time_told(figures.first_at)} UTC" if figures.first_at else ""
    return f"{plural(figures.exchanges, 'exchange')}{since}{rate}; {figures.failure_share:.2%} failed."


def _rate(rate: float) -> str:
    return f"{rate:.3g} a second" if rate >= 1 else f"{rate * 60:.3g} a minute"


def _show_shares(out: Printer, counts: Mapping[str, int], *, heading: str, total: int) -> None:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    rows = [[show_controls(name) or "(none)", f"{count:,}", f"{count / total:.2%}"] for name, count in ordered]
    out.table([heading, "exchanges", "share"], rows, style=lambda _cell: "")


def _show_quantiles(out: Printer, held: Mapping[str, Histogram], *, heading: str) -> None:
    if held:
        out.line()
        rows = [[kind, f"{each.count:,}", *map(seconds_told, _times(each))] for kind, each in sorted(held.items())]
        out.table([heading, "count", *_labels(), "largest"], rows, style=lambda _cell: "")


def _times(held: Histogram) -> list[float]:
    return [*(held.quantile(share) for share, _ in _QUANTILES), held.largest]


def _sizes(held: Histogram) -> list[int]:
    return [*(bytes_of(held, share) for share, _ in _QUANTILES), largest_bytes_of(held), all_bytes_of(held)]


def _labels() -> list[str]:
    return [label for _, label in _QUANTILES]


def _figures_told(figures: Figures, *, unreadable: int) -> dict[str, Any]:
    return {
        "exchanges": figures.exchanges,
        "unreadable": unreadable,
        "first_at": figures.first_at or None,
        "last_at": figures.last_at or None,
        "exchanges_per_second": figures.rate,
        "failure_share": figures.failure_share,
        "ok": figures.categories.get(OK, 0),
        "statuses": figures.statuses,
        "categories": figures.categories,
        "endings": figures.endings,
        "models": figures.models,
        "latency_seconds": {kind: _quantiles_told(each) for kind, each in figures.latencies.items()},
        "first_byte_seconds": {kind: _quantiles_told(each) for kind, each in figures.first_bytes.items()},
        "request_bytes": _sizes_told(figures.request_sizes),
        "response_bytes": _sizes_told(figures.response_sizes),
    }


def _quantiles_told(held: Histogram) -> dict[str, float]:
    quantiles = {label: held.quantile(share) for share, label in _QUANTILES}
    return {"count": held.count, "mean": held.mean, **quantiles, "largest": held.largest}


def _sizes_told(held: Histogram) -> dict[str, int]:
    quantiles = {label: bytes_of(held, share) for share, label in _QUANTILES}
    return {"count": held.count, "sum": all_bytes_of(held), **quantiles, "largest": largest_bytes_of(held)}


def show_parts(parts: Iterable[Part]) -> None:
    """Show the files that a split has made."""
    rows = [[show_controls(str(each.path)), f"{each.exchanges:,}", size_told(each.bytes)] for each in parts]
    if not rows:
        printer(sys.stderr).line("No exchange, so no file was made.", "yellow")
        return
    printer(sys.stdout).table(["file", "exchanges", "size"], rows, style=lambda _cell: "")


def show_merged(told: Merged, *, files: int, kept: bool) -> None:
    """Say what came of a merge, on standard error: standard output may hold the exchanges."""
    err = printer(sys.stderr)
    err.line(
        f"{plural(told.written, 'exchange')} of {plural(files, 'file')} written, in the order in which they began."
    )
    if told.duplicates:
        done = "kept" if kept else "left out; --duplicates keep keeps them"
        err.line(f"{plural(told.duplicates, 'line')} came twice, byte for byte: {done}.", "yellow")
    if told.conflicts:
        words = (
            "of one pair, role and time as another, but not the same bytes (redacted in one file, say): both are kept"
        )
        err.line(f"{plural(told.conflicts, 'exchange')} {words}.", "yellow")


def show_places(first: Sequence[str], places: Mapping[str, int], *, changed: int, count: int) -> None:
    """Show where a check found something to take out; never what stands there."""
    out = printer(sys.stdout)
    for each in first:
        out.line(show_controls(each))
    if changed > len(first):
        out.line(
            f"… and {plural(changed - len(first), 'exchange')} more; --show {min(changed, 1000)} prints them.", "dim"
        )
    if places:
        out.line()
        rows = [[show_controls(place), f"{number:,}"] for place, number in sorted(places.items())]
        out.table(["to take out", "exchanges"], rows, style=lambda _cell: "")
        out.line()
    of = f"{changed:,} of {plural(count, 'exchange')}"
    out.line(f"{of} would be changed." if changed else f"Nothing to take out of {plural(count, 'exchange')}.")


def _time_told(at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=timezone.utc):%Y-%m-%d %H:%M:%S}" if at else "-"


def _print_json(told: dict[str, Any]) -> None:
    printer(sys.stdout).line(json.format(json.encode(told), indent=2).decode())
