"""Tests of the request of `shim chat`: the question and the tools file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from shim.cli import chat_request
from shim.cli.rendering import UsageError
from shim.testing.fake_openai import FakeOpenAI
from tests.cli.conftest import RunShim
from tests.cli.running import Running, environment, run, shim_command

WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.mark.parametrize("prompt", [("-",), ()])
def test_the_question_comes_from_standard_input(run_shim: RunShim, server: FakeOpenAI, prompt: tuple[str, ...]) -> None:
    """A dash, or no question at all, reads it from standard input, line ends and all."""
    assert run_shim("chat", *prompt, stdin="first\nsecond\n").status == 0
    assert server.requests[0].json["messages"] == [{"role": "user", "content": "first\nsecond\n"}]


@pytest.mark.slow
def test_a_question_is_typed(server: FakeOpenAI) -> None:
    """On a terminal it says how to end the question, and asks it after Ctrl-D."""
    with Running(shim_command("chat"), environment(server.base_url), terminal=True) as chat:
        chat.expect("Ctrl-D on a line of its own ends it.")
        chat.send("Count to 3\n\x04")
        chat.expect("1, 2, 3.\r\n")
        assert chat.status() == 0


@pytest.mark.parametrize("arguments", [("",), (" \n",), ()])
def test_an_empty_question_is_not_sent(run_shim: RunShim, server: FakeOpenAI, arguments: tuple[str, ...]) -> None:
    """A question without a word ends with status 2, and nothing is sent."""
    ran = run_shim("chat", *arguments)
    assert (ran.status, server.request_count) == (2, 0)
    assert "the question is empty" in ran.err


def test_a_question_has_an_end(run_shim: RunShim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is read up to a limit, and refused beyond it."""
    monkeypatch.setattr(chat_request, "LONGEST_PROMPT", 10)
    ran = run_shim("chat", stdin="x" * 11)
    assert (ran.status, ran.err) == (2, "shim: standard input is longer than 10 characters; give less of it\n")


def test_no_standard_input_at_all(run_shim: RunShim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no standard input the question is asked for as an argument."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="give it as an argument"):
        chat_request._read_prompt()


def test_bytes_that_are_no_text(server: FakeOpenAI) -> None:
    """A question that is not UTF-8 is refused by name, from standard input and as an argument."""
    env = environment(server.base_url, PYTHONUTF8="1", PYTHONIOENCODING="utf-8:strict")
    piped = run(shim_command("chat"), env, stdin=b"caf\xe9")
    assert (piped.returncode, piped.stderr) == (2, "shim: standard input is not utf-8 text; convert it first\n")
    with pytest.raises(UsageError, match="--system is not UTF-8 text"):
        chat_request._checked_text("caf\udce9", "--system")


@pytest.mark.parametrize("tool", [WEATHER, {"type": "function", "function": WEATHER}])
def test_tools_are_sent(run_shim: RunShim, server: FakeOpenAI, tmp_path: Path, tool: dict[str, object]) -> None:
    """A tool is read as the API takes it or as the function alone, sent, and its call shown but not run."""
    path = tmp_path / "tools.json"
    path.write_text(json.dumps([tool]))
    ran = run_shim("chat", "What is the weather in Oslo?", "--tools", str(path))
    assert server.requests[0].json["tools"] == [{"type": "function", "function": WEATHER}]
    assert (ran.status, ran.out) == (0, 'get_weather({"city":"Oslo"})\n')
    assert "runs none" in ran.err


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot read"),
        ("[{", "is not JSON"),
        ("{}", "holds dict; it must be a JSON list"),
        ("[7]", "item 1 is int"),
        ('[{"name": "f"}, {"name": "g", "params": {}}]', "item 2 has 'params'"),
        ('[{"parameters": {}}]', "item 1 has no name"),
    ],
)
def test_a_tools_file_that_is_none(
    run_shim: RunShim, server: FakeOpenAI, tmp_path: Path, *, content: str | None, fault: str
) -> None:
    """A tools file that cannot be used ends with status 2, its place and what is wrong, and nothing is sent."""
    path = tmp_path / "tools.json"
    if content is not None:
        path.write_text(content)
    ran = run_shim("chat", "Hello", "--tools", str(path))
    assert (ran.status, server.request_count) == (2, 0)
    assert "shim: --tools: " in ran.err
    assert fault in ran.err
