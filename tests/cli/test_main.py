"""Tests of the way in: exit statuses, closed pipes, and what a command costs that needs nothing."""

from __future__ import annotations

import sys

import pytest

from shim import __version__
from shim.testing.fake_openai import FakeOpenAI, Stall
from tests.cli.conftest import RunShim
from tests.cli.running import Running, environment, run, shim_command


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_questions_about_itself_are_answered(run_shim: RunShim, argument: str) -> None:
    """`--help` and `--version` print to standard output and end with status 0."""
    ran = run_shim(argument)
    assert ran.status == 0
    assert ran.err == ""
    assert ("chat" if argument == "--help" else f"shim {__version__} (Python 3.") in ran.out


@pytest.mark.parametrize("arguments", [(), ("dance",), ("chat", "--colour"), ("chat", "one", "two")])
def test_wrong_use_is_told_apart_from_failure(run_shim: RunShim, arguments: tuple[str, ...]) -> None:
    """What cannot be read as a command ends with status 2 and the usage on standard error."""
    ran = run_shim(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert "usage: shim" in ran.err


def test_the_package_is_a_program() -> None:
    """`python -m shim` is the command line, where the folder of the `shim` script is not on the path."""
    ran = run([sys.executable, "-m", "shim", "--version"], environment())
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"shim {__version__} (Python 3.")


def test_the_version_is_cheap() -> None:
    """A command that talks to nobody loads no transport."""
    probe = "import sys; from shim.cli import main\ntry: main(['--version'])\nexcept SystemExit: print('requests' in sys.modules)"
    ran = run([sys.executable, "-c", probe], environment())
    assert ran.stdout.splitlines()[-1] == "False"


@pytest.mark.slow
def test_interrupt_ends_with_what_had_arrived(server: FakeOpenAI) -> None:
    """Ctrl-C ends with status 130, keeps what had arrived on the screen, and shows no traceback."""
    server.plan(Stall(after_events=4))
    with Running(shim_command("chat", "Count to 9"), environment(server.base_url)) as chat:
        chat.expect("1, 2, 3,")
        chat.interrupt()
        assert chat.status() == 130
        assert chat.output == "\n"
        assert chat.errors() == "Interrupted.\n"


@pytest.mark.slow
def test_a_closed_pipe_ends_quietly(server: FakeOpenAI) -> None:
    """A reader that goes away, as `head` does, ends the command without a word and with SIGPIPE's status."""
    arguments = ("chat", "go on", "--model", "fake-burst-20000")
    with Running(shim_command(*arguments), environment(server.base_url)) as chat:
        chat.expect(" word word")
        chat.close_output()
        assert chat.status() == 141
        assert chat.errors() == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirect", "status", "said"), [(">/dev/full", 1, "shim: No space left on device\n"), (">&-", 0, None)]
)
def test_an_output_that_takes_nothing(server: FakeOpenAI, *, redirect: str, status: int, said: str | None) -> None:
    """A full disk is told with status 1 and no traceback, and an output closed from the start is nobody's loss."""
    command = f'exec "$0" -m shim.cli chat "Count to 3" {redirect}'
    ran = run(["sh", "-c", command, sys.executable], environment(server.base_url))
    assert (ran.returncode, ran.stdout) == (status, "")
    assert ran.stderr == said if said else "[gpt-4o-mini: " in ran.stderr


@pytest.mark.slow
def test_closed_standard_error_costs_no_answer(server: FakeOpenAI) -> None:
    """Where standard error was closed from the start the answer is printed all the same."""
    command = 'exec "$0" -m shim.cli chat "Count to 3" 2>&-'
    ran = run(["sh", "-c", command, sys.executable], environment(server.base_url))
    assert (ran.returncode, ran.stdout) == (0, "1, 2, 3.\n")


@pytest.mark.slow
def test_a_letter_the_terminal_lacks_is_written_out(server: FakeOpenAI) -> None:
    """An encoding that lacks a character gets its escape, and the answer goes on."""
    env = environment(server.base_url, PYTHONIOENCODING="ascii", LC_ALL="C.UTF-8")
    ran = run(shim_command("chat", "caf\u00e9"), env)
    assert (ran.returncode, "caf\\xe9" in ran.stdout) == (0, True)
