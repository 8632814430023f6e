"""Tests of the runner of programs written for openai 0.28: what it counts as equal, and what it must not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.programs.starting import MODES
from bench.programs.vocabulary import write_vocabulary
from bench.programs_v0 import PROGRAMS, Program, Run, differences, read, row_of, run, table_of

OLD = Program("old", "1.0", (("tests.bench.old_program",),))
PYTHON = Path(sys.executable)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["instead", "native"])
def test_a_program_runs_unedited(mode: str) -> None:
    """What a program prints, how it ends and what it sends are kept, and that it was on ours."""
    ran = run(OLD, mode, python=PYTHON)
    assert (ran.used, ran.statuses, ran.printed) == (["ours"], [1], [["1, 2, 3."]])
    assert ran.last_words[0].startswith("refused: Incorrect API key provided: [masked key]")
    assert [each["path"] for each in ran.requests] == ["/v1/chat/completions"] * 2
    assert not row_of(OLD, mode, ran=ran, real=ran)["problem"]


def test_a_program_without_openai_is_a_problem() -> None:
    """Where the real library is not there, the row says that it was not used, and in the program's last words why."""
    problem = row_of(OLD, "real", ran=run(OLD, "real", python=PYTHON))["problem"]
    assert problem == "used not imported: ModuleNotFoundError: No module named 'openai'"


def test_a_run_on_the_wrong_library_is_a_problem() -> None:
    """A run that used the real library is none of ours, however equal it is."""
    ran = Run(statuses=[0], printed=[[1]], used=["real"], requests=[{"path": "/"}], last_words=[""])
    assert row_of(OLD, "instead", ran=ran, real=ran)["problem"].startswith("used real")
    assert not row_of(OLD, "beside", ran=ran, real=ran)["problem"]
    assert row_of(OLD, "moved", ran=ran, real=ran)["problem"].startswith("no command had all")
    moved = Run(statuses=[0], printed=[[1]], used=["real, moved"], requests=[{"path": "/"}], last_words=[""])
    assert not row_of(OLD, "moved", ran=moved, real=moved)["problem"]


def test_a_run_that_sends_nothing_is_a_problem() -> None:
    """Two runs that fail alike before they ask anything do not count as equal."""
    ran = Run(statuses=[1], printed=[[]], used=["ours"], last_words=["no key"])
    assert row_of(OLD, "instead", ran=ran, real=ran)["problem"] == "sent nothing: no key"


def test_every_difference_is_told() -> None:
    """A status, a line, a last word, a field of a request: each that differs is told with its place and both values."""
    real = Run(statuses=[0], printed=[["a", {"step": 1}]], last_words=[""], requests=[{"body": {"n": 1}}])
    ours = Run(
        statuses=[1], printed=[["b", {"step": 1}]], last_words=["x"], requests=[{"body": {"n": 2}}, {"body": {}}]
    )
    assert differences(real, ours) == [
        ("/last_words/0", "", "x"),
        ("/printed/0/0", "a", "b"),
        ("/requests/0/body/n", 1, 2),
        ("/requests/1/body", None, {}),
        ("/statuses/0", 0, 1),
    ]


def test_what_differs_from_run_to_run_is_left_out() -> None:
    """Addresses and the frames of tracebacks are no differences; the words of an exception and every other line are."""
    printed = (
        "at http://127.0.0.1:80/v1 <x at 0x7f00>\n"
        'Traceback (most recent call last):\n  File "a.py", line 1, in b\n    c\nKeyError: 1\n{"a": 2}\n'
    )
    assert read(printed, "http://127.0.0.1:80/v1") == ["at BASE <x at 0x>", "KeyError: 1", {"a": 2}]


def test_the_vocabulary_is_where_tiktoken_looks(tmp_path: Path) -> None:
    """The file is named as tiktoken names its own for cl100k_base, and holds every byte once."""
    lines = (write_vocabulary(tmp_path) / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4").read_bytes().splitlines()
    assert len({line.split()[0] for line in lines}) == 256


def test_the_programs_are_pinned() -> None:
    """Each program stands for one release, on the real 0.28.1 and the transports of its time."""
    for program in PROGRAMS:
        wanted = program.environment.requirement.split()
        assert {f"{program.name}=={program.version}", "openai==0.28.1", "requests==2.28.2"} <= set(wanted)


def test_the_table_has_a_row_for_each_run() -> None:
    """Rows with and without differences and problems make one table."""
    ran = Run(statuses=[0], printed=[[1]], used=["ours"], requests=[{"path": "/"}], last_words=[""])
    rows = [row_of(OLD, mode, ran=ran, real=Run()) for mode in MODES]
    assert table_of(rows).row_count == len(MODES)
