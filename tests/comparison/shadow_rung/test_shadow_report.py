"""Tests of the report: a difference counts beyond chance and beyond the baseline's, and made-up equal arms have none."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from shim.comparison.shadow_rung.observation import ShadowPair
from shim.comparison.shadow_rung.shadow_report import ShadowReport, report_of
from shim.comparison.shadow_rung.shadow_rows import ShadowRow
from tests.comparison.shadow_rung.parts import pair, seen

SEED = 20261128


def row_of(report: ShadowReport, name: str) -> ShadowRow:
    """The row of a name."""
    return next(row for row in report.rows if row.name == name)


def made(rng: random.Random, **chances: float) -> Any:
    """A call as chance has it: with these probabilities, and a slowness that its times are multiplied with."""
    if rng.random() < chances.get("error", 0.01):
        return seen(
            ending="failed", category="server", status=500, finish_reason="", seconds=None, model="", input_tokens=None
        )
    words = max(1, int(rng.lognormvariate(4, 0.6) * chances.get("longer", 1.0)))
    return seen(
        finish_reason="length" if rng.random() < chances.get("length", 0.05) else "stop",
        tools=("f",) if (calls := rng.random() < 0.3) else (),
        arguments_valid=rng.random() >= chances.get("invalid", 0.02) if calls else None,
        characters=5 * words,
        output_tokens=words,
        input_tokens=11 if rng.random() < chances.get("other_prompt", 0.0) else 10,
        seconds=rng.lognormvariate(0, 0.5) * chances.get("slower", 1.0),
    )


def traffic(count: int, *, baseline: bool = False, seed: int = SEED, **chances: Any) -> list[ShadowPair]:
    """Pairs of a control that fails and varies by chance, and a candidate with chances of its own."""
    rng = random.Random(seed)  # noqa: S311 - made-up traffic
    return [
        pair(made(rng, **chances), control=made(rng), baseline=made(rng) if baseline else None) for _ in range(count)
    ]


def test_nothing_and_little_are_undecided() -> None:
    """Without pairs, and with few, nothing is claimed."""
    empty = report_of([])
    assert (empty.outcome, empty.rows, empty.headline) == ("undecided", (), "The shadow has compared nothing yet.")
    few = report_of(traffic(10, error=1.0))
    assert few.outcome == "undecided"
    assert few.headline == "Too little is known: 10 shadowed requests, 30 are needed."
    assert {row.outcome for row in few.rows} == {"undecided"} | {
        row.outcome for row in few.rows if row.reason == "told, not judged"
    }


def test_pairs_that_agree_match() -> None:
    """Equal pairs match in every row that can be judged."""
    report = report_of([pair() for _ in range(400)])
    assert report.outcome == "match"
    assert report.headline == "No difference beyond the noise in 400 shadowed requests."
    assert {row.outcome for row in report.rows} == {"match"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chances", "row", "better"),
    [
        ({"error": 0.10}, "answered", False),
        ({"error": 0.10}, "error: server", False),
        ({"length": 0.20}, "finish: length", None),
        ({"invalid": 0.25}, "arguments valid", False),
        ({"longer": 1.6}, "characters, p50", None),
        ({"longer": 1.6}, "answer tokens, p50", None),
        ({"slower": 1.6}, "time, p50", False),
        ({"slower": 0.6}, "time, p50", True),
        ({"other_prompt": 0.02}, "same prompt tokens", None),
    ],
)
@pytest.mark.parametrize("baseline", [False, True])
def test_a_difference_is_found(chances: dict[str, Any], row: str, *, better: bool | None, baseline: bool) -> None:
    """Each kind of difference that was put in is found in its row, with its direction, and told in the headline."""
    report = report_of(traffic(1500, baseline=baseline, **chances))
    found = row_of(report, row)
    assert (found.outcome, found.better) == ("mismatch", better)
    if better is not True:
        assert report.outcome == "mismatch"
        assert "differs" in report.headline


def test_what_is_better_alone_is_no_mismatch() -> None:
    """A candidate that is only faster is shown to differ, and the report as a whole matches."""
    report = report_of(
        [
            pair(seen(seconds=0.5 + number % 7 / 100), control=seen(seconds=1 + number % 7 / 100))
            for number in range(300)
        ]
    )
    assert row_of(report, "time, p50").better is True
    assert report.outcome == "match"


@pytest.mark.slow
def test_equal_arms_rarely_differ() -> None:
    """Of forty made-up reports on equal arms at 95 % at most five find any difference, with a baseline or without."""
    found = [report_of(traffic(400, baseline=seed % 2 == 0, seed=seed)).outcome for seed in range(40)]
    assert found.count("mismatch") <= 5


def test_what_the_control_differs_from_itself_does_not_count() -> None:
    """Where whoever asks second fares otherwise, the baseline does so too, and the difference is within the noise."""
    rng = random.Random(SEED)  # noqa: S311 - made-up traffic
    later: dict[str, float] = {"length": 0.4, "slower": 2.0}
    pairs = [pair(made(rng, **later), control=made(rng), baseline=made(rng, **later)) for _ in range(600)]
    report = report_of(pairs)
    for name in ("finish: length", "time, p50", "time, p95"):
        row = row_of(report, name)
        assert (row.outcome, row.reason) == ("match", "within what the control differs from itself")
        assert row.noise is not None
        assert row.noise.excludes_zero
    assert (
        row_of(report_of([pair(each.candidate, control=each.control) for each in pairs]), "time, p50").outcome
        == "mismatch"
    )


def test_only_a_baseline_says_how_often_the_control_agrees_with_itself() -> None:
    """That answers end differently proves nothing without a baseline, and something where the baseline agrees more often."""
    rng = random.Random(SEED)  # noqa: S311 - made-up traffic
    reasons = ["stop", "length"]
    controls = [seen(finish_reason=rng.choice(reasons)) for _ in range(400)]
    alone = report_of([pair(seen(finish_reason=rng.choice(reasons)), control=each) for each in controls])
    assert row_of(alone, "same finish reason").outcome == "undecided"
    noisy = [
        pair(seen(finish_reason=rng.choice(reasons)), control=each, baseline=seen(finish_reason=rng.choice(reasons)))
        for each in controls
    ]
    assert row_of(report_of(noisy), "same finish reason").outcome == "match"
    steady = [pair(seen(finish_reason=rng.choice(reasons)), control=each, baseline=each) for each in controls]
    assert row_of(report_of(steady), "same finish reason").outcome == "mismatch"


def test_what_should_always_agree_may_differ_where_the_baseline_does() -> None:
    """A server that names its model now so and now so is a finding beside a steady baseline, and none beside one like it."""
    rng = random.Random(SEED)  # noqa: S311 - made-up traffic
    names = ["gpt-4o", "gpt-4o-2024-08-06"]
    controls = [seen(model=rng.choice(names)) for _ in range(400)]
    noisy = [
        pair(seen(model=rng.choice(names)), control=each, baseline=seen(model=rng.choice(names))) for each in controls
    ]
    assert row_of(report_of(noisy), "same model").outcome == "match"
    for steady in (True, False):
        odd = [pair(seen(model="x"), control=each, baseline=each if steady else None) for each in controls]
        row = row_of(report_of(odd), "same model")
        assert (row.outcome, row.reason) == ("mismatch", "they should always agree")


def test_times_are_compared_like_with_like() -> None:
    """First connections, rests of the thread, and prompts cached for one side alone tell no times, and the report says so."""
    slow = {"seconds": 9.0}
    uneven = [
        pair(seen(cold=True, **slow)),
        pair(seen(rested=True, **slow)),
        pair(seen(cached_tokens=8, **slow)),
        pair(seen(**slow), control=seen(cached_tokens=8)),
    ]
    report = report_of([*uneven * 50, *(pair() for _ in range(100))])
    time = row_of(report, "time, p50")
    assert (time.candidate.count, time.candidate.value) == (100, 1.0)
    assert any(note.startswith("200 pairs tell no times") for note in report.notes)
    cached = row_of(report, "prompt cached")
    assert (cached.outcome, cached.reason) == ("match", "told, not judged")


def test_every_way_to_end_has_a_row() -> None:
    """Refusals, deadlines, floods and broken providers are shares of their own."""
    pairs = [pair(seen(ending=ending)) for ending in ("refused", "deadline", "flood", "broken") for _ in range(50)]
    report = report_of([*pairs, *(pair() for _ in range(50))])
    for ending in ("refused", "deadline", "flood", "broken"):
        row = row_of(report, f"ended: {ending}")
        assert (row.candidate.value, row.outcome, row.better) == (0.2, "mismatch", False)


def test_a_report_is_plain_data() -> None:
    """It is the same after JSON, and holds no text of anybody's."""
    report = report_of(traffic(200, baseline=True))
    assert msgspec.json.decode(msgspec.json.encode(report), type=ShadowReport) == report
    assert set(report.latency) == {"control", "candidate", "baseline"}


@pytest.mark.parametrize(
    "settings", [{"confidence": 0}, {"confidence": 1.0}, {"confidence": float("nan")}, {"minimum_pairs": 0}]
)
def test_settings_out_of_range_are_named(settings: dict[str, Any]) -> None:
    """A confidence or a minimum that cannot be is refused by name."""
    with pytest.raises(ValueError, match=next(iter(settings))):
        report_of([], **settings)
