"""Tests of rendering: colour on terminals alone, and nothing that a server says moves the cursor."""

from __future__ import annotations

import io
import sys

import pytest

from shim.cli.rendering import Printer, plural, printer, program_name, show_controls
from shim.testing.fake_openai import FakeOpenAI, Respond, json_answer
from tests.cli.running import Running, environment, run, shim_command

ESCAPE = "\x1b"


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It does not look like one otherwise."""
        return True


def printed(**environment: str) -> str:
    """What a dim word comes out as on a terminal."""
    screen = Screen()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NO_COLOR", raising=False)
        patch.setenv("TERM", "xterm")
        for name, value in environment.items():
            patch.setenv(name, value)
        printer(screen).line("word", "dim")
    return screen.getvalue()


def test_a_terminal_gets_colour() -> None:
    """On a terminal a style becomes an escape sequence, and the word stays whole."""
    assert printed() == f"{ESCAPE}[2mword{ESCAPE}[0m\n"


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colour(setting: dict[str, str]) -> None:
    """NO_COLOR and a dumb terminal get the words alone."""
    assert printed(**setting) == "word\n"


def test_without_rich_it_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra `cli` a terminal gets the words alone."""
    monkeypatch.setitem(sys.modules, "rich", None)
    assert printed() == "word\n"


@pytest.mark.slow
def test_pipes_get_the_answer_byte_for_byte(server: FakeOpenAI) -> None:
    """A pipe gets no control code of ours, and those of the answer as they came."""
    server.plan(Respond(lambda _: json_answer(completion(f"{ESCAPE}[31mred\r\n"))))
    ran = run(shim_command("chat", "x", "--no-stream"), environment(server.base_url))
    assert ran.stdout == f"{ESCAPE}[31mred\r\n"
    assert ESCAPE not in ran.stderr


@pytest.mark.slow
def test_terminals_see_controls_written_out(server: FakeOpenAI) -> None:
    """On a terminal the control characters of an answer are seen and do nothing."""
    server.plan(Respond(lambda _: json_answer(completion(f"{ESCAPE}]0;title\x07 a\tb"))))
    with Running(shim_command("chat", "x", "--no-stream"), environment(server.base_url), terminal=True) as chat:
        chat.expect("\\x1b]0;title\\x07 a\tb")
        chat.expect(f"{ESCAPE}[2m[")
        assert chat.status() == 0


def completion(text: str) -> dict[str, object]:
    """A Chat Completions body."""
    message = {"role": "assistant", "content": text}
    return {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def test_controls_are_written_out() -> None:
    """Every control character but tab and line feed is shown, and all other text is left alone."""
    assert show_controls("a\tb\nc\r\x00\x7f\x9bé✓") == "a\tb\nc\\x0d\\x00\\x7f\\x9bé✓"
    assert show_controls("gpt\u202e4o\u2066\u2028\u200fשלם") == "gpt\\u202e4o\\u2066\\u2028\u200fשלם"


def test_tables_are_aligned() -> None:
    """Columns are as wide as their widest cell, and no line ends in blanks."""
    out = io.StringIO()
    Printer(out).table(("a", "name"), [("1", "x"), ("10", "long")], style=lambda _: "")
    assert out.getvalue() == "a   name\n--  ----\n1   x\n10  long\n"


@pytest.mark.parametrize(
    ("called", "name"),
    [
        (".venv/bin/shim", ".venv/bin/shim"),
        ("/opt/x/shim/cli/__main__.py", "python -m shim"),
        ("/opt/x/shim/__main__.py", "python -m shim"),
        ("/opt/x/bin/shim", "shim"),
    ],
)
def test_the_program_is_named_as_it_was_called(monkeypatch: pytest.MonkeyPatch, called: str, name: str) -> None:
    """The program is named so that the same words call it again."""
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setattr("shutil.which", lambda _: "/opt/x/bin/shim")
    assert program_name() == name


def test_numbers_agree() -> None:
    """One is singular, everything else plural."""
    assert [plural(count, "token") for count in (0, 1, 2)] == ["0 tokens", "1 token", "2 tokens"]
