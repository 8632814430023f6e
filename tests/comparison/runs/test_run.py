"""Tests of a run: its tally, details, faults and journal, in one process and in several, and its memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shim.comparison.runs import run as run_module
from shim.comparison.runs import workers as workers_module
from shim.comparison.runs.journal import Journal, JournalError
from shim.comparison.runs.run import Run
from shim.comparison.runs.workers import WorkerError
from shim.comparison.verdict import Outcome, Verdict
from shim.recording.exchange import Exchange
from tests.cli.running import environment
from tests.cli.running import run as run_program
from tests.comparison.stand_ins import Obedient, recorded, refuse, source_of

WORDS = ("match-0", "mismatch-1", "ignored-2", "failed-3", "raise-4", "match-5")


class Counting(Obedient):
    """Counts what it compares, in this process."""

    compared = 0

    def compare(self, asked: Exchange) -> list[Verdict]:
        """Count."""
        Counting.compared += 1
        return super().compare(asked)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_counts_everything(tmp_path: Path, workers: int) -> None:
    """One process and several come to the same tally, lines and details."""
    file = recorded(tmp_path / "a.jsonl", *WORDS)
    run = Run(Obedient, workers=workers, details=10)
    found = [judged.pair_id for _, judged in run.go_through(source_of(file))]
    assert found == list(WORDS)
    assert [run.tally.count(outcome) for outcome in Outcome] == [7, 1, 1, 3]
    assert [(detail.line, detail.verdict.rung, detail.exchange.pair_id) for detail in run.details] == [
        (2, "wire", "mismatch-1"),
        (4, "wire", "failed-3"),
        (5, "wire", "raise-4"),
        (5, "tee", "raise-4"),
    ]
    assert run.details[0].control is not None
    assert run.details[0].file == file


def test_unusable_lines_are_counted_and_passed_over(tmp_path: Path) -> None:
    """What cannot be used is counted, the first of it kept with its place, and the other lines are compared."""
    file = recorded(tmp_path / "a.jsonl", *WORDS)
    Path(file).write_bytes(b"{}\n" * 150 + Path(file).read_bytes() + b'{"schema"')
    run = Run(Obedient)
    list(run.go_through(source_of(file)))
    assert (run.tally.exchanges, run.tally.unusable, len(run.faults)) == (6, 151, run_module.MOST_FAULTS)
    assert str(run.faults[1]).startswith(f"{file}:2: ")


def test_details_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more details are kept than asked for, nor than there is room for in bytes."""
    file = recorded(tmp_path / "a.jsonl", *["mismatch"] * 30)
    run = Run(Obedient, details=5)
    list(run.go_through(source_of(file)))
    assert len(run.details) == 5
    monkeypatch.setattr(run_module, "DETAIL_BYTES", 3000)
    run = Run(Obedient, details=5)
    list(run.go_through(source_of(file)))
    assert 1 <= len(run.details) < 5


def test_a_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    """After an interruption only what was not judged is compared, and the tally is that of all."""
    file = recorded(tmp_path / "a.jsonl", *WORDS)
    Path(file).write_bytes(b"{}\n" + Path(file).read_bytes())
    whole = Run(Obedient, details=5)
    list(whole.go_through(source_of(file)))
    with Journal(tmp_path / "journal", options={}) as journal:
        broken = Run(Obedient, journal=journal).go_through(source_of(file))
        for _ in range(4):
            next(broken)
        broken.close()
    Counting.compared = 0
    with Journal(tmp_path / "journal", options={}) as journal:
        run = Run(Counting, details=5, journal=journal)
        assert len(list(run.go_through(source_of(file)))) == 7
    assert Counting.compared == 3
    assert (run.tally, run.faults) == (whole.tally, whole.faults)
    assert [detail.verdict for detail in run.details] == [detail.verdict for detail in whole.details]


def test_a_finished_run_is_only_recalled(tmp_path: Path) -> None:
    """A run that was finished compares nothing anew, and starts no worker."""
    file = recorded(tmp_path / "a.jsonl", *WORDS)
    for make in (Obedient, refuse):
        with Journal(tmp_path / "journal", options={}) as journal:
            run = Run(make, workers=2, journal=journal)
            assert len(list(run.go_through(source_of(file)))) == 6
    assert run.tally.exchanges == 6


def test_a_journal_of_other_files_is_refused(tmp_path: Path) -> None:
    """A journal is refused by the first line that is not its own."""
    for name, words in (("a", WORDS), ("b", WORDS[1:])):
        file = recorded(tmp_path / name, *words)
        with Journal(tmp_path / "journal", options={}) as journal:
            found = Run(Obedient, journal=journal).go_through(source_of(file))
            if name == "a":
                list(found)
                continue
            with pytest.raises(JournalError, match="made from other files"):
                list(found)


@pytest.mark.slow
def test_a_deadly_line_is_judged_once(tmp_path: Path) -> None:
    """A line that kills its worker is counted as a failed comparator, and a resumed run does not meet it again."""
    file = recorded(tmp_path / "a.jsonl", *["match"] * 100, "die", *["match"] * 100)
    for replaced in (2, 0):
        with Journal(tmp_path / "journal", options={}) as journal:
            run = Run(Obedient, workers=2, details=5, journal=journal)
            assert len(list(run.go_through(source_of(file)))) == 201
        assert [run.tally.count(outcome) for outcome in Outcome] == [400, 0, 0, 2]
        assert [(each.line, each.verdict.outcome) for each in run.details] == [(101, Outcome.FAILED)] * 2
        assert (run.replaced, len(run.obituaries)) == (replaced, replaced)


@pytest.mark.slow
def test_a_run_that_workers_cannot_do_leaves_what_came_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many workers end, lines judged before are in the tally and the journal; none hangs."""
    monkeypatch.setattr(workers_module, "SPARE_WORKERS", 3)
    file = recorded(tmp_path / "a.jsonl", *["match"] * 10, *["die"] * 9)
    with Journal(tmp_path / "journal", options={}) as journal:
        run = Run(Obedient, workers=2, journal=journal)
        with pytest.raises(WorkerError, match="workers ended early"):
            list(run.go_through(source_of(file)))
    assert 1 <= run.tally.exchanges <= 20
    kept = (tmp_path / "journal").read_text().count("\n") - 1
    assert kept == run.tally.exchanges


# What a process of its own does: run over a file, and print its largest size in memory, in KiB.
_MEASURE = """
import resource, sys
from shim.comparison.runs.run import Run
from tests.comparison.stand_ins import Obedient, source_of

if __name__ == "__main__":
    run = Run(Obedient, workers=int(sys.argv[2]), details=50)
    for _ in run.go_through(source_of(sys.argv[1])):
        pass
    assert run.tally.exchanges == int(sys.argv[3])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture
def memory(tmp_path: Path) -> Callable[..., int]:
    """Measures the memory of a run over a file of `count` exchanges of some 12 KB, in KiB."""

    def measure(count: int, *, workers: int) -> int:
        file = Path(recorded(tmp_path / "a.jsonl", *(f"match-{number}-{'x' * 10_000}" for number in range(50))))
        block = file.read_bytes()
        with file.open("wb") as large:
            for _ in range(count // 50):
                large.write(block)
        (tmp_path / "measure.py").write_text(_MEASURE)
        command = [sys.executable, str(tmp_path / "measure.py"), str(file), str(workers), str(count)]
        ran = run_program(command, environment())
        assert ran.returncode == 0, ran.stderr
        return int(ran.stdout)

    return measure


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
@pytest.mark.parametrize("workers", [1, 2])
def test_memory_stays_flat(memory: Callable[..., int], workers: int) -> None:
    """A file of 36 MB takes no more memory than one of 2 MB, but for a small fraction of the difference."""
    small, large = memory(150, workers=workers), memory(3000, workers=workers)
    assert large - small < 8 * 1024
