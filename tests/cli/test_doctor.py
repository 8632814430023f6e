"""Tests of `shim doctor`: tables, JSON, exit statuses for CI, edits shown before they are written, and help that says all."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import RunShim
from tests.cli.running import Running, environment, run, shim_command

OLD = "import openai\nopenai.ChatCompletion.create(model='gpt-4', messages=[], stop='x')\n"
FINE = "import openai\nopenai.api_key = 'k'\n"
UPGRADE = "import openai\nopenai.ChatCompletion.create(model='gpt-4', messages=[])\n"
DAY = ("--today", "2026-11-28")


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        (FINE, (), 0),
        (UPGRADE, (), 1),
        (UPGRADE, ("--fail-on", "hand"), 0),
        (OLD, ("--fail-on", "hand"), 1),
        (OLD, ("--fail-on", "never"), 0),
        (UPGRADE, ("--today", "2026-10-22"), 0),
        ("x = 1\n", (), 0),
        ("print 'openai'\n", (), 1),
    ],
)
def test_the_exit_status_tells_ci(
    run_shim: RunShim, tmp_path: Path, text: str, options: tuple[str, ...], status: int
) -> None:
    """0 is nothing to do, 1 is something to do, and --fail-on says what counts."""
    (tmp_path / "x.py").write_text(text)
    assert run_shim("doctor", *DAY, *options, str(tmp_path)).status == status


def test_the_table_says_what_where_why_and_what_to_do(run_shim: RunShim, tmp_path: Path) -> None:
    """A finding is printed with file, line, standing, reason and remedy, then the names used and the sum."""
    (tmp_path / "x.py").write_text(OLD)
    ran = run_shim("doctor", *DAY, str(tmp_path))
    assert ran.err == ""
    assert f"{tmp_path / 'x.py'}\n  2:36  upgrade needed  model gpt-4\n" in ran.out
    column = OLD.splitlines()[1].index("'x'") + 1
    assert (
        f"2:{column}  needs a hand  argument stop\n      stop is refused by gpt-5.6-sol.\n      -> Cut the text"
        in ran.out
    )
    assert "openai.ChatCompletion.create  1     supported" in ran.out
    assert "1 file examined, 1 name something: 2 supported, 1 upgrade needed, 1 needs a hand." in ran.out
    assert "Models as of 2026-" in ran.out


def test_supported_names_are_shown_when_asked_for(run_shim: RunShim, tmp_path: Path) -> None:
    """With --all each supported name is printed with its place."""
    (tmp_path / "x.py").write_text(FINE)
    assert "2:1  supported  name openai.api_key" in run_shim("doctor", "--all", str(tmp_path)).out
    assert "2:1  supported" not in run_shim("doctor", str(tmp_path)).out


def test_json_is_one_object(run_shim: RunShim, tmp_path: Path) -> None:
    """With --json one object goes to standard output, the tables to standard error, and with --quiet nowhere."""
    (tmp_path / "x.py").write_text(OLD)
    (tmp_path / ".git").mkdir()
    ran = run_shim("doctor", *DAY, "--json", str(tmp_path))
    told = json.loads(ran.out)
    assert told["counts"] == {"supported": 2, "upgrade needed": 1, "needs a hand": 1, "not 0.28": 0}
    assert told["findings"][2] == {
        "path": str(tmp_path / "x.py"),
        "line": 2,
        "column": 36,
        "kind": "model",
        "name": "gpt-4",
        "standing": "upgrade needed",
        "reason": "gpt-4 was shut down on 2026-10-23 (OpenAI API, Deprecations, 2026-04-22).",
        "remedy": "Ask gpt-5.6-sol (upgrade model-successor)",
        "upgrade": "model-successor",
    }
    assert [Path(each["path"]).name for each in told["skipped"]] == [".git"]
    assert "needs a hand" in ran.err
    assert run_shim("doctor", "--json", "--quiet", str(tmp_path)).err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere is not there; give a file or a folder that exists"),
        (("--write", "."), "--write goes with --fix"),
        (("--today", "soon", "."), "'soon' is no date; give one such as 2026-10-23"),
        ((), "the following arguments are required: PATH"),
    ],
)
def test_wrong_use_is_told(run_shim: RunShim, arguments: tuple[str, ...], said: str) -> None:
    """A path that is not there and options that do not go together end with status 2 and say what to do."""
    ran = run_shim("doctor", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


def test_a_folder_without_python_is_told(run_shim: RunShim, tmp_path: Path) -> None:
    """Where there is no Python nothing was examined, which is status 2."""
    ran = run_shim("doctor", str(tmp_path))
    assert (ran.status, ran.out.splitlines()[0]) == (2, "No Python here: nothing was examined.")


def test_what_was_not_read_is_told(run_shim: RunShim, tmp_path: Path) -> None:
    """Files that do not parse and folders left out are printed with the reason."""
    (tmp_path / "old.py").write_text("import openai\nprint 'x'\n")
    (tmp_path / "node_modules").mkdir()
    out = run_shim("doctor", str(tmp_path)).out
    assert f"not parsed: {tmp_path / 'old.py'}: line 2: " in out
    assert f"left out: {tmp_path / 'node_modules'}: not the program's own code" in out


def test_a_fix_is_shown_first_and_written_when_told(run_shim: RunShim, tmp_path: Path) -> None:
    """--fix prints a diff and changes nothing; --fix --write changes the files, and then there is nothing left."""
    path = tmp_path / "x.py"
    path.write_text("import os, openai  # ours\npatch('openai.Model.list')\n")
    shown = run_shim("doctor", "--fix", str(tmp_path))
    assert shown.status == 1
    assert "+from shim.compat import openai_v0 as openai  # ours\n" in shown.out
    assert "line 2: the text 'openai.Model.list' still names openai" in shown.err
    assert "1 file would change; --write changes them." in shown.err
    assert path.read_text().startswith("import os, openai")
    written = run_shim("doctor", "--fix", "--write", str(tmp_path))
    assert (written.status, written.out) == (0, shown.out)
    assert (
        path.read_text()
        == "import os\nfrom shim.compat import openai_v0 as openai  # ours\npatch('openai.Model.list')\n"
    )
    again = run_shim("doctor", "--fix", str(tmp_path))
    assert (again.status, again.out) == (0, "")


def test_help_says_all(run_shim: RunShim) -> None:
    """The help names every option, the standings and the exit statuses."""
    out = run_shim("doctor", "--help").out
    for word in (
        "--fix",
        "--write",
        "--json",
        "--all",
        "--today",
        "--skip",
        "--fail-on",
        "needs a hand",
        "exit status: 0",
    ):
        assert word in out


@pytest.mark.slow
def test_a_bar_is_drawn_on_long_work_only(tmp_path: Path) -> None:
    """On a terminal, work that takes longer than a moment is told as it goes on, and the line is taken away at the end."""
    for number in range(60):
        body = "".join(f"openai.Completion.create(prompt='{line}')\n" for line in range(400))
        (tmp_path / f"m{number}.py").write_text(f"import openai\n{body}")
    env = environment(NO_COLOR="1")
    with Running(shim_command("doctor", "--fail-on", "never", str(tmp_path)), env, terminal=True) as doctor:
        assert " of 60 files" in doctor.expect("files examined")
        doctor.expect("nothing was executed.")
        assert doctor.status() == 0


def test_it_starts_without_transports(tmp_path: Path) -> None:
    """The doctor loads neither requests nor pycurl, nor anything of the program."""
    (tmp_path / "x.py").write_text(FINE)
    probe = (
        "import sys; from shim.cli import main; main(['doctor', '--quiet', '--json', sys.argv[1]]); "
        "print([name for name in ('requests', 'pycurl', 'jinja2', 'x', 'openai') if name in sys.modules])"
    )
    ran = run([sys.executable, "-c", probe, str(tmp_path)], environment())
    assert ran.stdout.splitlines()[-1] == "[]"
