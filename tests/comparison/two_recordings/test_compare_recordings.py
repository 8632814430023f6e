"""Tests of two recordings compared: requests exactly, answers by rates and times, what has no partner by name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shim.comparison import IgnoreRule, RecordingsReport, Verdict, compare_recordings
from shim.comparison.two_recordings import compare_recordings as module
from shim.comparison.two_recordings.compare_recordings import TwoRecordings
from shim.recording.exchange import Exchange
from tests.comparison.two_recordings.asked import EMBEDDINGS_URL, answered, ask, ask_responses, recording
from tests.helpers.exchanges import exchange

COUNT = 60


def traffic(
    seed: int = 0, *, count: int = COUNT, slower: float = 1.0, cut: float = 0.0, failing: float = 0.0
) -> Iterator[Exchange]:
    """What a client asked and got, its answers different each time."""
    rng = random.Random(seed)  # noqa: S311 - made-up traffic
    for number in range(count):
        status = 500 if rng.random() < failing else 200
        reason = "length" if rng.random() < cut else "stop"
        text, seconds = "word " * rng.randint(5, 20), slower * rng.lognormvariate(0, 0.2)
        yield ask(f"q{number}", answer=answered(f"{text}{seed}", reason=reason, seconds=seconds, status=status))


class Files:
    """Recordings in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def __call__(self, *exchanges: Exchange, more: bytes = b"") -> str:
        self._count += 1
        return recording(self._folder / f"{self._count}.jsonl", *exchanges, more=more)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Makes recordings."""
    return Files(tmp_path)


def rows(report: RecordingsReport) -> dict[str, str]:
    """Field -> outcome."""
    return {row.name: row.outcome for row in report.answers.rows}


def compared(*recordings: str, **more: Any) -> tuple[RecordingsReport, list[Verdict]]:
    """The report, and each verdict that wants attention."""
    found: list[Verdict] = []
    report = compare_recordings(*recordings, on_verdict=lambda each: None if each.ok else found.append(each), **more)
    return report, found


def test_other_words_are_no_difference(files: Files) -> None:
    """Two recordings of the same requests whose answers differ in every word, and in nothing else, are alike."""
    report, found = compared(files(*traffic(1)), files(*traffic(2)))
    assert report.ok
    assert not found
    assert report.answers.headline == "No difference beyond the noise in 60 pairs of answers."
    assert report.pairing.by["request"] == COUNT


def test_no_word_of_an_answer_is_kept(files: Files) -> None:
    """The report holds nothing of what was answered."""
    secret = "the-answer-itself"
    made = [ask(f"q{number}", answer=answered(secret)) for number in range(40)]
    report, _ = compared(files(*made), files(*made[:39], ask("q39", seed=4, answer=answered(secret))))
    assert secret not in msgspec.json.encode(report).decode()


def test_a_lost_parameter_is_named(files: Files) -> None:
    """A request that lost a parameter is paired all the same, and the wire rung names what was lost, and the partner's place."""
    candidate = files(
        *(ask(f"q{number}", temperature=None if number == 7 else 0.7) for number in reversed(range(COUNT)))
    )
    report, (verdict,) = compared(files(*(ask(f"q{number}") for number in range(COUNT))), candidate)
    assert [(each.path, each.rule) for each in verdict.mismatches] == [("body.temperature", "wire.body")]
    assert f"partner    {candidate}:53, by the same messages" in verdict.message
    assert not report.ok
    assert report.pairing.by == {"pair_id": 0, "request": 59, "conversation": 1, "question": 0}


def test_what_has_no_partner_is_named(files: Files) -> None:
    """A retry that only the control makes, and a call that only the candidate makes, are told with their places."""
    control = files(ask("q1", answer=answered(status=500)), ask("q1"), ask("q2"))
    candidate = files(ask("q1", answer=answered(status=500)), ask("q2"), ask("q3"))
    report, (first, second) = compared(control, candidate)
    assert [each.mismatches[0].rule for each in (first, second)] == ["wire.missing", "wire.added"]
    assert f"{control}:2: HTTP 200, asked 2 times in all" in first.message
    assert f"{candidate}:3: HTTP 200, asked once in all" in second.message
    assert [each.number for each in (first, second)] == [1, 3]
    assert (report.pairing.pairs, report.pairing.missing, report.pairing.added) == (2, 1, 1)
    assert report.tally.exchanges == 4


def test_two_apis_are_compared(files: Files) -> None:
    """Chat Completions against Responses are paired by what they ask, and compared by it."""
    control = files(*(ask(f"q{number}") for number in range(5)))
    report, (verdict,) = compared(
        control, files(*(ask_responses(f"q{number}", temperature=0.7 if number else 0.1) for number in range(5)))
    )
    assert verdict.mismatches[0].path == "request.temperature"
    assert report.tally.outcomes["wire"] == {"match": 4, "mismatch": 1}


def test_other_endpoints_are_compared_as_json(files: Files) -> None:
    """Embeddings are compared too, as JSON, and what is no JSON is told as out of scope."""
    embeddings = [exchange(body, b"{}", url=EMBEDDINGS_URL, pair_id="e") for body in (b'{"input": 1}', b'{"input": 2}')]
    forms = [exchange(b"--boundary", b"{}", url=EMBEDDINGS_URL, pair_id="f")] * 2
    report, (verdict,) = compared(files(embeddings[0], forms[0]), files(embeddings[1], forms[1]))
    assert verdict.mismatches[0].path == "body.input"
    assert report.tally.outcomes["wire"] == {"mismatch": 1, "ignored": 1}


@pytest.mark.parametrize(
    ("differing", "row"),
    [({"slower": 3.0}, "time, p50"), ({"cut": 0.6}, "finish: length"), ({"failing": 0.6}, "error: server")],
)
def test_answers_that_fare_worse_are_a_mismatch(files: Files, differing: dict[str, Any], row: str) -> None:
    """A candidate whose answers are slower, cut, or failing is a mismatch of that field, though every request is the same."""
    report, found = compared(files(*traffic(1)), files(*traffic(2, **differing)))
    assert not found
    assert not report.ok
    assert rows(report)[row] == "mismatch"


def test_a_baseline_shows_what_is_noise(files: Files) -> None:
    """What the control differs from itself is no difference of the candidate's."""
    control, candidate = files(*traffic(1, cut=0.05)), files(*traffic(2, cut=0.6))
    assert rows(compared(control, candidate)[0])["finish: length"] == "mismatch"
    report, _ = compared(control, candidate, baseline=files(*traffic(3, cut=0.6)))
    assert rows(report)["finish: length"] == "match"
    assert report.pairing.baseline == COUNT


def test_few_pairs_decide_nothing(files: Files) -> None:
    """Below the minimum answers are undecided, and said to be."""
    report, _ = compared(files(*traffic(1, count=5)), files(*traffic(2, count=5, failing=1.0)))
    assert report.answers.outcome == "undecided"
    assert report.answers.headline == "Too little is known: 5 pairs of answers, 30 are needed."
    assert report.ok
    report, _ = compared(files(*traffic(1, count=5)), files(*traffic(2, count=5)), minimum_pairs=3)
    assert report.answers.outcome == "match"


def test_a_baseline_without_a_body_and_other_gaps_are_told(files: Files) -> None:
    """Answers that say nothing, and exchanges of the baseline without a partner, are counted in the notes."""
    made = list(traffic(1, count=3))
    lost = ask("q0", answer=exchange({}, ended="overflow"))
    report, _ = compared(files(lost, *made[1:]), files(*made), baseline=files(*made[:1], lost, ask("else")))
    assert any("1 pairs tell nothing of their answers" in note for note in report.answers.notes)
    assert any("2 exchanges of the baseline have no partner" in note for note in report.answers.notes)


def test_the_sample_is_bounded_and_told(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound answers are judged over a part of the pairs, which is said."""
    monkeypatch.setattr(module, "MOST_PAIRS", 20)
    report, _ = compared(files(*traffic(1)), files(*traffic(2)))
    assert report.answers.pairs == 20
    assert "Judged over 20 of 60 pairs, chosen whatever they hold." in report.answers.notes
    assert report.tally.exchanges == COUNT


def test_ignore_rules_hold_here_too(files: Files) -> None:
    """A known difference of requests is ignored, and a rule that covered nothing is known."""
    known = IgnoreRule(path="body.temperature", reason="dropped on purpose", owner="ann")
    idle = IgnoreRule(path="body.seed", reason="never sent", owner="ann")
    control, candidate = files(ask("q")), files(ask("q", temperature=None))
    with TwoRecordings(control, candidate, ignore=[known, idle]) as run:
        (judged,) = [judged for _, judged in run.go_through()]
        assert judged.verdicts[0].outcome == "ignored"
        assert judged.partner == f"{candidate}:1"
        assert run.idle_rules == [idle]
        assert (run.size, run.position) == (1, 1)


def test_bad_lines_are_counted_and_the_rest_compared(files: Files) -> None:
    """Half a line on either side is a fault, and the other pairs are compared."""
    report, found = compared(files(ask("q"), more=b'{"schema": "shim.ex'), files(ask("q"), more=b"no json\n"))
    assert (report.tally.unusable, report.tally.outcomes["wire"]) == (2, {"match": 1})
    assert len(report.faults) == 2
    assert not found
    assert not report.ok


def test_a_file_that_is_cut_meanwhile_is_a_fault(files: Files) -> None:
    """A line that can no longer be read is told with its place, and the comparison goes on."""
    control, candidate = files(ask("q1"), ask("q2")), files(ask("q1"), ask("q2"))
    with TwoRecordings(control, candidate) as run:
        Path(candidate).write_bytes(Path(candidate).read_bytes()[:-200])
        judged = [each for _, each in run.go_through()]
    assert [bool(each.fault) for each in judged] == [False, True]
    assert f"{control}:2: it cannot be read again" in str(run.faults[0])


def test_details_are_bounded(files: Files) -> None:
    """No more exchanges are kept for a closer look than asked for."""
    control = files(*(ask(f"q{number}") for number in range(5)))
    with TwoRecordings(control, files(*(ask(f"q{number}", seed=1) for number in range(5))), details=2) as run:
        assert len([judged for _, judged in run.go_through() if judged.wants_attention]) == 5
        assert len(run.details) == 2


@pytest.mark.parametrize("settings", [{"confidence": 1.0}, {"minimum_pairs": 0}])
def test_settings_out_of_range_are_refused_first(files: Files, settings: dict[str, Any]) -> None:
    """A setting that is none is refused before a file is opened."""
    with pytest.raises(ValueError, match=next(iter(settings))):
        compare_recordings("none.jsonl", "nor-this.jsonl", **settings)
