"""The page of a rollout as plain data for the template: headline, tables, plots.

Not the geometry of plots (`lines`, `shim.comparison.report.plots`), not the escaping (`rendering`). What is not known is said to
be not known: no figure is made up.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from msgspec import Struct

from shim.comparison.report.plots import Plot, duration, histogram
from shim.migration.arms import ArmCounts, upper_edge
from shim.migration.decision import Arm
from shim.migration.policy import Stage
from shim.migration.report.lines import LinePlot, line_plot

if TYPE_CHECKING:
    from shim.migration.history import Entry
    from shim.migration.plan import Needs
    from shim.migration.status import RolloutStatus

__all__ = ["ReportPage", "page_of"]

_ARMS: tuple[Arm, ...] = get_args(Arm)
_TONES = {"fine": "match", "hold": "ignored", "roll_back": "mismatch"}
_NO_FIGURE = "-"

# The smallest and largest e-value that is plotted: below, nothing tells against the candidate; above, all has been said.
_LEAST, _MOST = 1e-3, 1e9

Sample: TypeAlias = "Mapping[str, Any]"


class ArmTable(Struct, frozen=True):
    """Arms side by side: a name, what it means, and a figure for each arm."""

    rows: tuple[tuple[str, str, str, str], ...]


class EvidenceRow(Struct, frozen=True):
    """One kind of bad event: what it can do, its evidence beside the limit, and how full that makes the bar, 0 to 100."""

    kind: str
    role: str
    value: str
    limit: str
    counts: str
    filled: float
    tone: str


class ShareBar(Struct, frozen=True):
    """The share of an arm's requests that had a kind of bad event."""

    kind: str
    arm: str
    told: str
    width: float


class ReportPage(Struct, frozen=True, kw_only=True):
    """All of the page.

    Attributes:
        title, headline, why: of the page, in a sentence, and the guard's sentence.
        tone: the CSS class that colours it.
        facts: (name, value).
        arms, evidence, shares, verdicts: tables; verdicts are (arm, rung, outcome, count).
        times, plots: histograms of durations, and lines over time.
        has_samples: whether there are looks to plot.
        here, next, needs: of the plan; needs are (met or missing, words).
        history: (when, what, who, from, to, why), the last first.
    """

    title: str
    headline: str
    why: str
    tone: str
    facts: tuple[tuple[str, str], ...]
    arms: ArmTable
    evidence: tuple[EvidenceRow, ...]
    shares: tuple[ShareBar, ...]
    verdicts: tuple[tuple[str, str, str, int], ...]
    times: tuple[Plot, ...]
    plots: tuple[LinePlot, ...]
    has_samples: bool
    here: str
    next: str
    needs: tuple[tuple[str, str], ...]
    history: tuple[tuple[str, ...], ...]


def page_of(
    status: RolloutStatus,
    *,
    needs: Needs | None,
    entries: Sequence[Entry],
    samples: Sequence[Sample],
    made_at: float,
) -> ReportPage:
    """Give the view of a rollout."""
    answer = status.answer or ""
    plots = (_evidence_plot(samples), _error_plot(samples))
    return ReportPage(
        title=f"Rollout {status.flag}",
        headline=_headline(status),
        why=status.why or str(status.evidence.get("why", "")),
        tone="mismatch" if status.why else _TONES.get(answer, "ignored"),
        facts=tuple(_facts(status, made_at=made_at)),
        arms=_arm_table(status.arms),
        evidence=tuple(_evidence(status.evidence)),
        shares=tuple(_shares(status.arms)),
        verdicts=tuple(_verdicts(status.arms)),
        times=tuple(plot for arm in _ARMS if (plot := _times(arm, status.arms[arm])) is not None),
        plots=tuple(plot for plot in plots if plot is not None),
        has_samples=bool(samples),
        here="" if needs is None or needs.current is None else needs.current.name,
        next="" if needs is None or needs.next is None else needs.next.name,
        needs=() if needs is None else (*_needs("met", needs.met), *_needs("missing", needs.missing)),
        history=tuple(_entry(each) for each in reversed(entries)),
    )


def _headline(status: RolloutStatus) -> str:
    if status.stage is Stage.RAMP:
        told = f"The candidate serves {status.share * 100:g} % of the conversations"
    elif status.stage is Stage.COMPLETE:
        told = "The candidate serves all conversations"
    else:
        told = f"Control serves all; stage {status.stage}"
    answer = {"fine": "nothing tells against it", "hold": "the guard holds", "roll_back": "the guard says roll back"}
    return f"{told}: {answer[status.answer]}" if status.answer and status.stage >= Stage.RAMP else told


def _facts(status: RolloutStatus, *, made_at: float) -> list[tuple[str, str]]:
    latch = [] if status.latch is None else [("Rolled back", f"from {status.latch.step}: {status.latch.why}")]
    return [
        ("Stage", str(status.stage)),
        ("Share of the candidate", f"{status.share * 100:g} %"),
        ("Since", _moment(status.since)),
        ("By", status.by or "not known"),
        ("Guard", f"{status.answer or 'not known here'}, {status.mode}"),
        ("Kill switch", _with(status.kill_switch.position, status.kill_switch.why)),
        ("Store", _with(status.store.state, status.store.fault or "")),
        ("Policy", _with(status.source.source, status.source.fault or "")),
        *latch,
        ("Page made", _moment(made_at)),
    ]


def _arm_table(arms: Mapping[Arm, ArmCounts]) -> ArmTable:
    def row(name: str, meaning: str, *, figure: Any) -> tuple[str, str, str, str]:
        return (name, meaning, *(figure(arms[arm]) for arm in _ARMS))

    kinds = sorted({kind for counts in arms.values() for kind in counts.bad})
    categories = sorted({category for counts in arms.values() for category in counts.errors})
    return ArmTable(
        (
            row("Requests", "that have ended", figure=lambda each: f"{each.requests:,}"),
            row("Answered", "with a response", figure=lambda each: f"{each.ok:,}"),
            row("p50", "half of the answers came within", figure=lambda each: _duration(each.quantile(0.5))),
            row("p95", "19 of 20 came within", figure=lambda each: _duration(each.quantile(0.95))),
            *(
                row(kind, "bad event", figure=lambda each, kind=kind: _share(each.bad.get(kind, 0), each.requests))
                for kind in kinds
            ),
            *(
                row(
                    name,
                    "category of error",
                    figure=lambda each, name=name: _share(each.errors.get(name, 0), each.requests),
                )
                for name in categories
            ),
        )
    )


def _evidence(evidence: Mapping[str, Any]) -> list[EvidenceRow]:
    rows = [(kind, found["role"], found) for kind, found in evidence.get("kinds", {}).items()]
    sample = evidence.get("sample_ratio")
    if sample:
        rows.append(("sample ratio", "holds", sample))
    return [_evidence_row(kind, role, found=found) for kind, role, found in rows]


def _evidence_row(kind: str, role: str, *, found: Mapping[str, Any]) -> EvidenceRow:
    value, limit = float(found["e_value"]), float(found["limit"])
    return EvidenceRow(
        kind=kind,
        role=role,
        value=f"{value:.3g}",
        limit=f"{limit:.3g}",
        counts=f"{found['control']:,} / {found['candidate']:,}",
        filled=round(100 * min(value / limit, 1.0), 2),
        tone="mismatch" if value >= limit else "ignored" if value > 1 else "match",
    )


def _shares(arms: Mapping[Arm, ArmCounts]) -> list[ShareBar]:
    kinds = sorted({kind for counts in arms.values() for kind in counts.bad})
    shares = {
        (kind, arm): arms[arm].bad.get(kind, 0) / arms[arm].requests if arms[arm].requests else 0.0
        for kind in kinds
        for arm in _ARMS
    }
    most = max(shares.values(), default=0.0) or 1.0
    return [
        ShareBar(kind, arm, _share(arms[arm].bad.get(kind, 0), arms[arm].requests), round(100 * share / most, 2))
        for (kind, arm), share in shares.items()
    ]


def _verdicts(arms: Mapping[Arm, ArmCounts]) -> list[tuple[str, str, str, int]]:
    return [
        (arm, *_rung_and_outcome(name), count)
        for arm in _ARMS
        for name, count in sorted(arms[arm].verdicts.items(), reverse=True)
    ]


def _rung_and_outcome(name: str) -> tuple[str, str]:
    rung, _, outcome = name.partition(".")
    return rung, outcome


def _times(arm: Arm, counts: ArmCounts) -> Plot | None:
    numbers = sorted((int(name), count) for name, count in counts.within.items())
    quantiles = [(f"p{share * 100:g}", counts.quantile(share)) for share in (0.5, 0.95)]
    return histogram(
        f"time-{arm}",
        title=f"Time to answer, {arm}",
        axis="to the first event, or the whole answer",
        bins=[(upper_edge(number - 1), upper_edge(number), count) for number, count in numbers],
        quantiles=[(name, value) for name, value in quantiles if value is not None],
    )


def _evidence_plot(samples: Sequence[Sample]) -> LinePlot | None:
    """The guard's evidence as it grew; looks without a guard are passed over."""
    told = [each for each in samples if isinstance(each.get("evidence"), dict) and "guardrails" in each["evidence"]]
    limits = [float(each["evidence"]["limit"]) for each in told]
    return line_plot(
        "evidence",
        title="Evidence against the candidate",
        axis="e-value (log scale)",
        lines=[
            (name, style, [(float(each["at"]), _bounded(each["evidence"].get(name, 1.0))) for each in told])
            for name, style in (("guardrails", "line-mismatch"), ("signals", "line-ignored"))
        ],
        limit=limits[-1] if limits else None,
        logarithmic=True,
    )


def _error_plot(samples: Sequence[Sample]) -> LinePlot | None:
    return line_plot(
        "errors",
        title="Requests with an error, in the step of that moment",
        axis="share of requests",
        lines=[
            (arm, f"line-{arm}", [point for each in samples if (point := _error_point(each, arm)) is not None])
            for arm in _ARMS
        ],
    )


def _error_point(sample: Sample, arm: Arm) -> tuple[float, float] | None:
    counts = (sample.get("arms") or {}).get(arm) or {}
    requests = counts.get("requests", 0)
    return (float(sample["at"]), (counts.get("bad") or {}).get("error", 0) / requests) if requests else None


def _bounded(value: Any) -> float:
    return min(max(float(value), _LEAST), _MOST)


def _needs(word: str, sentences: Sequence[str]) -> list[tuple[str, str]]:
    return [(word, each) for each in sentences]


def _entry(entry: Entry) -> tuple[str, ...]:
    return (
        _moment(entry.at),
        entry.event.replace("_", " "),
        entry.by,
        entry.came_from or _NO_FIGURE,
        entry.to or _NO_FIGURE,
        entry.reason,
    )


def _moment(at: float | None) -> str:
    if at is None:
        return "not known"
    try:
        return time.strftime("%d %b %Y, %H:%M:%S UTC", time.gmtime(at))
    except (OverflowError, ValueError, OSError):  # a clock, or a writer, that is far off
        return f"{at:g} s"


def _duration(seconds: float | None) -> str:
    return _NO_FIGURE if seconds is None else duration(seconds)


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.2%})" if whole else f"{part:,}"


def _with(word: str, more: str) -> str:
    return f"{word}: {more}" if more else word
