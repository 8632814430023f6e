"""Tests of `shim demo`: it tells the truth, it is quick, and it fails when something is not as it says."""

from __future__ import annotations

import io
import json
import re
import time

import pytest

from shim.cli import demo as demo_module
from shim.cli.demo_stage import DemoStage
from shim.cli.demo_steps import STEPS, rate_limit
from shim.cli.rendering import Printer
from shim.testing.fake_openai import Behaviour, Respond, Stall, Status, server_error, stream_answer
from tests.cli.conftest import RunShim
from tests.cli.running import Running, environment, run, shim_command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told() -> str:
    """What the whole demo prints, run as a process without a key, beside a proxy that is not there."""
    env = {**environment(), "HTTP_PROXY": "http://127.0.0.1:9"}
    del env["OPENAI_API_KEY"]
    started = time.monotonic()
    ran = run(shim_command("demo"), env)
    assert time.monotonic() - started < 10
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_every_step_comes_out_as_said(told: str) -> None:
    """All seven steps are told in order, each as said in the summary, without a control code."""
    steps = (*STEPS, *demo_module.COMPARISON)
    assert re.findall(r"^(\d)\. (.*)$", told, re.MULTILINE) == [
        (str(number), step.title) for number, step in enumerate(steps, 1)
    ]
    assert len(re.findall(r"^\d .* as said$", told, re.MULTILINE)) == len(steps) == 7
    assert "\x1b" not in told


def test_what_was_sent_is_shown(told: str) -> None:
    """The JSON shown is what the legacy client sent, whole where it is short."""
    shown = told.partition("POST /v1/chat/completions\n")[2].partition("   came back")[0]
    message = {"role": "user", "content": "Hello there"}
    assert json.loads(shown) == {"model": "gpt-4o-mini", "messages": [message], "temperature": 0.7}
    assert told.count("legacy-openai/") == 7


@pytest.mark.parametrize(
    "shown",
    [
        "TextDelta     1,| 2,| 3,|",
        'ToolCallDone  get_weather({"city":"Oslo"})',
        '"role": "tool", "content": "4 degrees and light rain"',
        "RateLimitError, in the completion",
        "category rate_limit, HTTP 429, retryable True",
        "retry_after_ms 20000",
        "A: '1, 2, 3, 4, 5, 6, 7, 8, 9.'",
    ],
)
def test_what_came_back_is_shown(told: str, shown: str) -> None:
    """Events, the tool's round trip, the error's parts and both streams of the last step are there to read."""
    assert shown in told


def test_on_a_terminal_it_is_coloured() -> None:
    """On a terminal the titles are bold, and pieces appear while the stream is still open."""
    with Running(shim_command("demo"), environment(), terminal=True) as demo:
        demo.expect("\x1b[1m2. Streamed text")
        demo.expect("\x1b[32m1,")
        assert "StreamDone" not in demo.output
        demo.interrupt()
        demo.expect("Interrupted.")
        assert demo.status() == 130


def late_answer() -> Respond:
    """A stream that says something else than was asked."""
    chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "?"}, "finish_reason": "stop"}]}
    return Respond(lambda _: stream_answer([chunk]))


@pytest.mark.parametrize(
    ("step", "behaviours", "otherwise"),
    [
        (0, [server_error()], "an answer was expected, and came: server (HTTP 500)"),
        (1, [late_answer()], "the pieces add up to '?'"),
        (1, [Stall(after_events=2)], "an answer was expected, and came: timeout"),
        (2, [late_answer()], "the model called no tool"),
        (3, [Status(500)], "a RateLimitError was expected"),
        (4, [late_answer(), late_answer()], "the answers are not those to the two questions"),
    ],
)
def test_what_is_not_as_said_is_told(
    run_shim: RunShim, monkeypatch: pytest.MonkeyPatch, *, step: int, behaviours: list[Behaviour], otherwise: str
) -> None:
    """A step that does not come out as said is named with the reason, and the demo ends with status 1."""
    played = STEPS[step]

    def play(stage: DemoStage) -> str:
        stage.server.plan(*behaviours)
        return played.play(stage)

    monkeypatch.setattr("shim.cli.demo_stage.EVENT_DELAY", 0.0)
    monkeypatch.setattr("shim.cli.demo_stage.PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(demo_module, "STEPS", (played._replace(play=play),))
    ran = run_shim("demo")
    assert ran.status == 1
    assert f"NOT AS SAID: {otherwise}" in ran.out
    assert "Not everything came out as said" in ran.out


def test_the_stage_leaves_nothing_behind() -> None:
    """After the demo its server is gone and its provider closed."""
    out = Printer(io.StringIO())
    with DemoStage.open(out) as stage:
        rate_limit(stage)
        assert stage.server.request_count == 1
    assert stage.provider.timeout() == -1
    assert repr(stage.server) == "<FakeOpenAI not running>"
