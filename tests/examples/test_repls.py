"""Tests of both REPL examples, on a terminal as a person uses them: `select_repl` and `asyncio_repl` behave the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from shim.testing.fake_openai import FakeOpenAI, Paced, Stall, server_error
from tests.cli.running import ROOT, Running, environment, run

pytestmark = pytest.mark.slow

CTRL_C, CTRL_D = "\x03", "\x04"
PROGRAMS = ("select_repl", "asyncio_repl")


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """A fake API."""
    with FakeOpenAI() as running:
        yield running


@pytest.fixture(params=PROGRAMS)
def repl(request: pytest.FixtureRequest, server: FakeOpenAI) -> Iterator[Running]:
    """Each of the programs in turn, on a terminal, at its first prompt."""
    env = environment(server.base_url)
    with Running([sys.executable, f"examples/{request.param}.py"], env, terminal=True) as running:
        running.expect("> ")
        yield running


def asked(server: FakeOpenAI) -> list[tuple[str, str]]:
    """The roles and texts of the latest request."""
    return [(message["role"], message["content"]) for message in server.requests[-1].json["messages"]]


def test_it_keeps_the_conversation(repl: Running, server: FakeOpenAI) -> None:
    """Each question is sent with everything said before, and Ctrl-D ends with status 0."""
    repl.send("Count to 3\n")
    repl.expect("1, 2, 3.\r\n> ")
    repl.send("Hello\n")
    repl.expect("What would you like to say?\r\n> ")
    assert asked(server) == [("user", "Count to 3"), ("assistant", "1, 2, 3."), ("user", "Hello")]
    repl.send(CTRL_D)
    assert repl.status() == 0


def test_it_reads_while_an_answer_streams(repl: Running, server: FakeOpenAI) -> None:
    """A line typed while an answer streams is asked next, as soon as that answer has ended."""
    server.plan(Paced(events=8, per_second=20))
    repl.send("Hello\n")
    repl.expect(" word")
    repl.send("Count to 3\n")
    repl.expect("Count to 3\r\n")
    assert repl.expect("\r\n> ").startswith(" word")
    repl.expect("1, 2, 3.\r\n> ")


def test_interrupt_stops_the_answer_alone(repl: Running, server: FakeOpenAI) -> None:
    """Ctrl-C stops the answer, keeps what had come of it in the conversation, and the program goes on."""
    server.plan(Stall(after_events=3))
    repl.send("Count to 9\n")
    repl.expect("1, 2,")
    repl.send(CTRL_C)
    repl.expect("[stopped]\r\n> ")
    server.wait_for_open_connections(0)
    repl.send("Hello\n")
    repl.expect("What would you like to say?\r\n> ")
    assert asked(server) == [("user", "Count to 9"), ("assistant", "1, 2,"), ("user", "Hello")]
    repl.send(CTRL_D)
    assert repl.status() == 0


def test_interrupt_at_the_prompt_does_nothing(repl: Running) -> None:
    """Ctrl-C without an answer says how to leave, and the program goes on."""
    repl.send(CTRL_C)
    repl.expect("(Ctrl-D ends)\r\n> ")
    repl.send(CTRL_D)
    assert repl.status() == 0


def test_a_failure_is_told_and_forgotten(repl: Running, server: FakeOpenAI) -> None:
    """A failure is told, its question is not kept, and the program goes on."""
    server.plan(server_error())
    repl.send("Hello\n")
    repl.expect("[server (HTTP 500): ")
    repl.expect("> ")
    repl.send("Count to 3\n")
    repl.expect("1, 2, 3.\r\n> ")
    assert asked(server) == [("user", "Count to 3")]


def test_end_waits_for_the_answer(repl: Running, server: FakeOpenAI) -> None:
    """Ctrl-D while an answer streams lets it come to its end first."""
    server.plan(Paced(events=8, per_second=20))
    repl.send("Hello\n")
    repl.expect(" word")
    repl.send(CTRL_D)
    repl.expect(" word" * 7 + "\r\n> \r\n")
    assert repl.status() == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_questions_can_come_from_a_file(program: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With `--fake` it needs no key, and a file as standard input is answered to its end, the last line too."""
    path = tmp_path_factory.mktemp("typed") / "questions.txt"
    path.write_text("Count to 2\n\nCount to 3")
    env = environment()
    del env["OPENAI_API_KEY"]
    command = f'exec "$0" examples/{program}.py --fake < "$1"'
    ran = run(["sh", "-c", command, sys.executable, str(path)], env)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "> 1, 2.\n> 1, 2, 3.\n> \n", "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_missing_key_is_named(program: str) -> None:
    """Without a key the variable is named with status 1, and no traceback is shown."""
    env = environment()
    del env["OPENAI_API_KEY"]
    ran = run([sys.executable, f"{ROOT}/examples/{program}.py"], env, stdin=b"Hello\n")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "OPENAI_API_KEY" in ran.stdout
    assert "--fake" in ran.stdout
