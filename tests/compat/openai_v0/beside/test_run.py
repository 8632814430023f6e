"""Tests that `shim run` runs a program as Python would, with what was asked for beside it, in its children too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shim.comparison import read_exchanges
from shim.testing.fake_openai import FakeOpenAI
from tests.compat.openai_v0.beside.conftest import KEY
from tests.compat.openai_v0.measuring import ROOT

pytestmark = pytest.mark.slow

_TELLS_ITSELF = """
import atexit, json, sys
atexit.register(print, "the end")
import openai
print(json.dumps([sys.argv, sys.path[0], __file__, __name__, getattr(__spec__, "name", None), sys.stdin.read()]))
if "raise" in sys.argv:
    raise LookupError("mine")
sys.exit(int(sys.argv[1]))
"""
_ASKS = """
import multiprocessing, openai
def ask(_):
    return openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": "Hi"}]).object
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        answers = pool.map(ask, [1])
        pool.close()
        pool.join()
    print(ask(1), *answers)
"""
_WAITS = """
import openai, sys, time
print("ready", flush=True)
time.sleep(30)
"""


def _environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "SHIM_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", **more}


def _shim_run(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "shim.cli", "run", *map(str, arguments)]


def _ran(command: list[str], folder: Path, **environ: str) -> Any:
    return subprocess.run(  # noqa: S603 - our own programs
        command,
        cwd=folder,
        env=_environ(**environ),
        input="said",
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["7", "-x", "--record"], ["0", "raise"]])
@pytest.mark.parametrize("way", [["program.py"], ["-m", "program"]])
def test_a_program_runs_as_without(tmp_path: Path, way: list[str], arguments: list[str]) -> None:
    """Arguments, `__main__`, input, traceback, exit status and end are those of plain Python."""
    (tmp_path / "program.py").write_text(_TELLS_ITSELF, encoding="utf-8")
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "openai.py").touch()
    plain = _ran(
        [sys.executable, *way, *arguments], tmp_path, PYTHONPATH=os.pathsep.join((str(tmp_path / "aside"), str(ROOT)))
    )
    ran = _ran(_shim_run(*way, *arguments), tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert json.loads(ran.stdout.splitlines()[0])[0][1:] == arguments


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_program(tmp_path: Path, number: signal.Signals) -> None:
    """A signal ends the program as it ends plain Python, since it is the very process."""
    (tmp_path / "program.py").write_text(_WAITS, encoding="utf-8")
    command = _shim_run(tmp_path / "program.py")
    with subprocess.Popen(  # noqa: S603 - our own program
        command, env=_environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == -number
    assert ("KeyboardInterrupt" in told) == (number == signal.SIGINT)


def assert_moved_and_recorded(program: str, tmp_path: Path) -> None:
    """A program that asks twice under a rollout that is complete has both calls moved, and both are in the file."""
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    (tmp_path / "rollout.json").write_text('{"stage": "complete"}', encoding="utf-8")
    with FakeOpenAI() as server:
        ran = _ran(
            _shim_run("--rollout", "rollout.json", "--record", "recorded.jsonl", "program.py"),
            tmp_path,
            OPENAI_API_KEY=KEY,
            OPENAI_API_BASE=server.base_url,
        )
    assert (ran.returncode, ran.stderr, ran.stdout.split()) == (0, "", ["chat.completion"] * 2)
    assert [each.role for each in read_exchanges(tmp_path / "recorded.jsonl")] == ["candidate"] * 2


def test_calls_move_and_are_recorded_in_children_too(real: Any, tmp_path: Path) -> None:
    """With a rollout and a recording, the program and its spawned children ask the candidate, and all is in the file."""
    del real
    assert_moved_and_recorded(_ASKS, tmp_path)


def test_calls_that_move_are_upgraded(real: Any, tmp_path: Path) -> None:
    """A model that is gone is asked for by its successor's name, in children too, and the program reads the answer as ever."""
    del real
    (tmp_path / "program.py").write_text(_ASKS, encoding="utf-8")
    (tmp_path / "rollout.json").write_text('{"stage": "complete"}', encoding="utf-8")
    upgrades = ("--upgrade", "model-successor", "--upgrade", "reasoning-off")
    with FakeOpenAI() as server:
        ran = _ran(
            _shim_run("--rollout", "rollout.json", *upgrades, "program.py"),
            tmp_path,
            OPENAI_API_KEY=KEY,
            OPENAI_API_BASE=server.base_url,
        )
        asked = [(each.json["model"], each.json["reasoning_effort"]) for each in server.requests]
    assert (ran.returncode, ran.stderr, ran.stdout.split()) == (0, "", ["chat.completion"] * 2)
    assert asked == [("gpt-5.6-terra", "none")] * 2


def test_a_reload_is_one_of_the_real_library(real: Any, tmp_path: Path) -> None:
    """`importlib.reload(openai)` makes the settings anew in the one module there is, which the library goes on reading."""
    del real
    program = """
import importlib, openai, os
before, openai.api_key = openai, "sk-set-by-hand"
os.environ["OPENAI_API_KEY"] = "sk-later"
again = importlib.reload(openai)
print(again is before, openai.api_key, openai.api_requestor.openai is openai, openai.__spec__.origin == openai.__file__)
print(os.path.basename(os.path.dirname(openai.__file__)), openai.util.default_api_key())
"""
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    ran = _ran(_shim_run("program.py"), tmp_path, OPENAI_API_KEY=KEY)
    assert (ran.stderr, ran.stdout.split()) == ("", ["True", "sk-later", "True", "True", "openai", "sk-later"])


def test_a_library_that_is_imported_anew_is_stood_beside(real: Any, tmp_path: Path) -> None:
    """A program that takes openai out of `sys.modules` and imports it again has its calls moved and recorded as before."""
    del real
    program = """
import sys
def ask():
    import openai
    return openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": "Hi"}]).object
print(ask())
for name in [name for name in sys.modules if name.split(".")[0] == "openai"]:
    del sys.modules[name]
print(ask())
"""
    assert_moved_and_recorded(program, tmp_path)


def test_without_the_real_library_ours_takes_its_place(tmp_path: Path) -> None:
    """A program that says `import openai` runs where that is not installed, children too."""
    (tmp_path / "program.py").write_text(_ASKS, encoding="utf-8")
    with FakeOpenAI() as server:
        ran = _ran(_shim_run("program.py"), tmp_path, OPENAI_API_KEY=KEY, OPENAI_API_BASE=server.base_url)
    assert (ran.returncode, ran.stderr, ran.stdout.split()) == (0, "", ["chat.completion"] * 2)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "there is no program"),
        (["--rollout", "missing.toml", "x.py"], "--rollout: "),
        (["--record", "missing/recorded.jsonl", "x.py"], "--record"),
    ],
)
def test_what_cannot_be_used_is_told_before_the_program_runs(tmp_path: Path, arguments: list[str], told: str) -> None:
    """A wrong option ends with status 2 and its name."""
    ran = _ran(_shim_run(*arguments), tmp_path)
    assert ran.returncode == 2
    assert told in ran.stderr
    assert ran.stdout == ""
