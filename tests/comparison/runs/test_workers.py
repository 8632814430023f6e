"""Tests of the worker processes: order, bounds, death, and that none stays behind. Real processes throughout."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from shim.comparison.runs import workers as workers_module
from shim.comparison.runs.judge import Judged
from shim.comparison.runs.lines import Line
from shim.comparison.runs.workers import WorkerError, Workers, usable_cores
from shim.comparison.verdict import Outcome, Verdict
from shim.recording.exchange import Exchange
from tests.cli.running import environment, run
from tests.comparison.stand_ins import Obedient, Together, encoded, refuse

pytestmark = pytest.mark.slow


def lines_of(*pair_ids: str) -> Iterator[Line]:
    """Lines of exchanges with these pair ids."""
    for number, data in enumerate(encoded(*pair_ids)):
        yield Line("a.jsonl", number + 1, number, data)


def nobody_left() -> bool:
    """Whether all processes have ended."""
    return not multiprocessing.active_children()


def test_answers_keep_the_order() -> None:
    """However long some take, what was found comes in the order of the lines, all of it, and no process stays."""
    words = [f"{'slow' if number % 9 == 0 else 'mismatch'}-{number}" for number in range(150)]
    with Workers(Obedient, count=2, details=1) as workers:
        found = list(workers.judge(lines_of(*words)))
    assert [(line.number, judged.number, judged.pair_id) for line, judged in found] == [
        (number, number, word) for number, word in enumerate(words)
    ]
    assert sum(judged.readings is not None for _, judged in found) in (1, 2)
    assert nobody_left()


class Gauge:
    """Lines that remember how many were taken beyond what was given out."""

    def __init__(self, count: int) -> None:
        self.taken = self.told = self.most = 0
        self._count = count

    def __iter__(self) -> Iterator[Line]:
        for line in lines_of(*(f"match-{number}" for number in range(self._count))):
            self.taken += 1
            self.most = max(self.most, self.taken - self.told)
            yield line


def test_what_is_in_flight_is_bounded() -> None:
    """Lines are taken no further ahead than some batches per worker."""
    gauge = Gauge(3000)
    with Workers(Obedient, count=2) as workers:
        for _ in workers.judge(gauge):
            gauge.told += 1
    assert gauge.told == 3000
    assert gauge.most <= 64 * 2 * 4 + 64


class LateForTheFirst(Obedient):
    """Takes its time over the first exchange."""

    def compare(self, asked: Exchange) -> list[Verdict]:
        """Wait, and match."""
        if asked.pair_id == "match-0":
            time.sleep(0.5)
        return super().compare(asked)


def test_a_late_answer_loses_nothing() -> None:
    """When all others wait for the oldest answer, the run goes on once it comes."""
    with Workers(LateForTheFirst, count=2) as workers:
        found = list(workers.judge(lines_of(*(f"match-{number}" for number in range(1500)))))
    assert [line.number for line, _ in found] == list(range(1500))


def test_large_answers_do_not_block() -> None:
    """Lines and answers far larger than a pipe holds get through."""
    large = encoded("mismatch-" + "x" * 400_000)[0]
    lines = [Line("a", number + 1, number, large) for number in range(12)]
    with Workers(Obedient, count=2) as workers:
        assert len(list(workers.judge(lines))) == 12


KILLED = "the process that compared it alone was ended by SIGKILL (so the system ends processes when memory runs out)"


def test_a_line_that_kills_its_worker_is_judged() -> None:
    """A line that kills whoever compares it is a failed comparator that names the signal, and all others are judged, in order."""
    obituaries: list[str] = []
    words = [*["match"] * 5, "die", *["match"] * 20, "die", "mismatch"]
    with Workers(Obedient, count=2, on_replaced=obituaries.append) as workers:
        found = list(workers.judge(lines_of(*words)))
    assert [(line.number, judged.number, judged.pair_id) for line, judged in found] == [
        (number, number, word) for number, word in enumerate(words)
    ]
    for place in (5, 26):
        judged = found[place][1]
        assert [(each.rung, each.outcome, each.number) for each in judged.verdicts] == [
            ("wire", Outcome.FAILED, place),
            ("tee", Outcome.FAILED, place),
        ]
        assert {each.reason for each in judged.verdicts} == {KILLED}
        assert all(each.message.endswith(f"pair die\n  {KILLED}") for each in judged.verdicts)
        assert judged.facts is not None
    assert [judged.wants_attention for _, judged in found] == [word in ("die", "mismatch") for word in words]
    assert len(obituaries) == 4
    named = r"worker [12] \(process \d+\) was ended by SIGKILL .* while it compared a\.jsonl:6 \(exchange 5\)"
    assert any(re.fullmatch(named, each) for each in obituaries)
    assert nobody_left()


@pytest.mark.parametrize(("word", "how"), [("exit", "ended with status 7"), ("segfault", "was ended by SIGSEGV")])
def test_however_a_worker_ends_it_is_told(word: str, how: str) -> None:
    """A process that leaves by itself, and one that a fault of its own ends, are told by status and signal."""
    with Workers(Ending, count=1) as workers:
        found = [judged for _, judged in workers.judge(lines_of("match", word, "match"))]
    assert [judged.wants_attention for judged in found] == [False, True, False]
    assert found[1].verdicts[0].reason == f"the process that compared it alone {how}"


class Ending(Obedient):
    """Ends its process in other ways."""

    def compare(self, asked: Exchange) -> list[Verdict]:
        """End, or match."""
        if asked.pair_id == "exit":
            os._exit(7)
        if asked.pair_id == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().compare(asked)


class OnceDeadly(Obedient):
    """Kills the first process that compares a certain exchange, and no other one."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self._mark = Path(mark)

    def compare(self, asked: Exchange) -> list[Verdict]:
        """Die once, or match."""
        if asked.pair_id == "match-unlucky" and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compare(asked)


def test_a_line_is_tried_once_more(tmp_path: Path) -> None:
    """A line whose worker was killed, and that does no harm when it is tried alone, is judged like any other."""
    with Workers(partial(OnceDeadly, str(tmp_path / "mark")), count=2) as workers:
        found = [judged for _, judged in workers.judge(lines_of(*["match"] * 9, "match-unlucky", *["match"] * 9))]
    assert (tmp_path / "mark").exists()
    assert [judged.wants_attention for judged in found] == [False] * 19


class Lonely(Obedient):
    """Notes when it compares what is deadly, and when it compares anything else."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = Path(folder)

    def compare(self, asked: Exchange) -> list[Verdict]:
        """Note, wait a little, and obey."""
        own = self._folder / f"{asked.pair_id.partition('-')[0]}-{os.getpid()}"
        own.touch()
        time.sleep(0.02)
        if asked.pair_id == "die" and not (self._folder / "died").exists():
            (self._folder / "died").touch()
        elif asked.pair_id == "die":
            assert not list(self._folder.glob("match-*")), "others are being compared"
            return super().compare(replace(asked, pair_id="match"))
        own.unlink()
        return super().compare(asked)


def test_a_suspect_is_tried_while_nothing_else_is(tmp_path: Path) -> None:
    """While a line is tried alone no other is compared, so that what it lacks is not what others took."""
    with Workers(partial(Lonely, str(tmp_path)), count=3) as workers:
        found = [judged for _, judged in workers.judge(lines_of(*["match"] * 40, "die", *["match"] * 40))]
    assert [judged.verdicts[0].reason for judged in found] == [""] * 81


def test_of_lines_compared_together_only_the_deadly_one_is_judged_so() -> None:
    """Of several that are compared together, each is tried alone, and only the one that kills is judged to have failed."""
    words = [*["match"] * 40, "die", *["match"] * 40]
    obituaries: list[str] = []
    with Workers(Together, count=1, on_replaced=obituaries.append) as workers:
        found = [judged for _, judged in workers.judge(lines_of(*words))]
    assert [judged.wants_attention for judged in found] == [word == "die" for word in words]
    assert re.search(r"compared a\.jsonl:\d+ to a\.jsonl:\d+ ", obituaries[0])


def test_a_worker_that_is_killed_while_idle_costs_no_line() -> None:
    """A worker that is killed between two batches is replaced, and what it is handed then is judged by another."""
    with Workers(Obedient, count=1) as workers:
        found = workers.judge(lines_of(*["match"] * 20))
        next(found)
        (victim,) = multiprocessing.active_children()
        os.kill(victim.pid or 0, signal.SIGKILL)
        victim.join()
        assert [judged.wants_attention for _, judged in found] == [False] * 19


def test_a_machine_that_kills_them_all_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more workers end than lines could be to blame, the run ends, and the last of them and the remedy are named."""
    monkeypatch.setattr(workers_module, "SPARE_WORKERS", 3)
    said = r"4 workers ended early over \d+ lines .*by SIGKILL.*a\.jsonl:\d+ .*fewer --workers"
    with Workers(Obedient, count=2) as workers, pytest.raises(WorkerError, match=said):
        list(workers.judge(lines_of(*["match"] * 5, *["die"] * 9)))
    assert nobody_left()


def test_workers_judge_several_together() -> None:
    """Verdicts come in the lines' order, each with its own number, also where a comparer takes several."""
    with Workers(Together, count=2) as workers:
        found = list(workers.judge(lines_of(*["match", "mismatch"] * 30)))
    assert [line.number for line, _ in found] == list(range(60))
    assert [{each.number for each in judged.verdicts} for _, judged in found] == [{number} for number in range(60)]
    assert [judged.wants_attention for _, judged in found] == [False, True] * 30


def _exit(_status: int) -> Any:
    os._exit(3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (refuse, r"worker 1 could not make its comparer: ValueError: no such control"),
        (partial(_exit, 3), r"worker 1 \(process \d+\) ended with status 3 before it was ready"),
    ],
)
def test_a_worker_that_cannot_begin_is_named(make: Any, said: str) -> None:
    """A comparer that cannot be made, and a process that ends at once, are told and not waited for."""
    with Workers(make, count=1) as workers, pytest.raises(WorkerError, match=said):
        list(workers.judge(lines_of("match")))
    assert nobody_left()


def test_leaving_early_ends_the_processes_quickly() -> None:
    """A caller that stops in the middle has no process left, without waiting for what was under way."""
    began = time.monotonic()
    with Workers(Obedient, count=2) as workers:
        next(workers.judge(lines_of(*["match"] * 4, *["slow"] * 200)))
    assert time.monotonic() - began < 5
    assert nobody_left()


def test_workers_outlive_an_interrupt() -> None:
    """Ctrl-C, which reaches workers too, is left to their parent."""
    with Workers(Obedient, count=1) as workers:
        found = workers.judge(lines_of(*["match"] * 20))
        next(found)
        for process in multiprocessing.active_children():
            os.kill(process.pid or 0, signal.SIGINT)
        assert len(list(found)) == 19


def test_the_first_process_inherits_it() -> None:
    """The first process that a program spawns has Ctrl-C held back, though multiprocessing begins its own helper with it."""
    told = "import signal, sys; sys.exit(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    spawned = f"""
import multiprocessing
from shim.comparison.runs.worker_process import interrupts_held_back
process = multiprocessing.get_context("spawn").Process(target=exec, args=({told!r},))
with interrupts_held_back():
    process.start()
process.join()
print(process.exitcode)
"""
    ran = run([sys.executable, "-c", spawned], environment())
    assert (ran.stderr, ran.stdout) == ("", "1\n")


def test_interrupts_are_let_through_again(tmp_path: Path) -> None:
    """Starting workers leaves the parent's own signals as they were."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    Workers(Obedient, count=1).close()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


class Interrupting(SpawnProcess):
    """A process at whose start the parent gets a Ctrl-C."""

    started = 0

    def start(self) -> None:
        """Start, and interrupt."""
        super().start()
        Interrupting.started += 1
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_while_starting_leaves_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C that comes while workers are started is let through once they are, and ends them."""
    monkeypatch.setattr(multiprocessing.get_context("spawn"), "Process", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        Workers(Obedient, count=2)
    assert Interrupting.started == 2
    assert nobody_left()


def test_there_is_a_core() -> None:
    """At least one core is usable."""
    assert usable_cores() >= 1


def test_judged_is_pickled_whole() -> None:
    """What a worker found arrives as it would have been found here."""
    with Workers(Obedient, count=1) as workers:
        (_, judged) = next(workers.judge(lines_of("mismatch-\ud800".encode("utf-8", "replace").decode())))
    assert isinstance(judged, Judged)
    assert judged.verdicts[0].mismatches[0].control == 1
