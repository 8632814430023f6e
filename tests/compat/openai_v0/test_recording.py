"""Tests that what is sent in the place of openai 0.28 is recorded, whoever carries it, and that nothing of it changes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from shim.comparison import Exchange, Outcome, read_exchanges
from shim.compat.openai_v0.installation import Installation, install
from shim.compat.openai_v0.transport import choice
from shim.factory import create_comparer
from shim.migration import Policy, Rollout, Stage
from shim.testing.fake_openai import Cut, FakeOpenAI
from tests.compat.openai_v0.conftest import KEY

ASKED = {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "Count to 5"}]}
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def recorded() -> list[Exchange]:
    """What was recorded."""
    return []


@pytest.fixture
def installed(openai: Any, fake: FakeOpenAI, recorded: list[Exchange]) -> Iterator[Installation]:
    """The stand-in, recording."""
    del openai, fake
    with install(real=False, record=recorded.append) as made:
        yield made


def call_each_way(openai: Any) -> None:
    """Four chat calls, blocking and async, whole and streamed; and one that is none, each way."""

    async def in_async() -> None:
        await openai.ChatCompletion.acreate(**ASKED)
        async for _ in await openai.ChatCompletion.acreate(**ASKED, stream=True):
            pass
        await openai.Embedding.acreate(model="text-embedding-ada-002", input=["a"])

    openai.ChatCompletion.create(**ASKED)
    list(openai.ChatCompletion.create(**ASKED, stream=True))
    openai.Embedding.create(model="text-embedding-ada-002", input=["a"])
    asyncio.run(in_async())


@pytest.mark.parametrize("kind", ["legacy", "native"])
def test_every_call_is_recorded_and_matches(openai: Any, fake: FakeOpenAI, tmp_path: Path, kind: str) -> None:
    """Chat and other calls, streamed or not, blocking or async, are in the file without their key; chat matches on both rungs."""
    path = tmp_path / "recorded.jsonl"
    choice.use(kind)
    with install(real=False, record=path) as installed:
        call_each_way(openai)
        installed.recording.flush()
        assert installed.recording.counts == {"recorded": 6, "dropped": 0, "failed": 0}
    assert fake.request_count == 6
    assert KEY not in path.read_text(encoding="utf-8")
    exchanges = list(read_exchanges(path))
    assert {(each.ended, each.client, each.role) for each in exchanges} == {
        ("complete", "shim.compat.openai_v0", "control")
    }
    chats = [each for each in exchanges if each.request.url.endswith("/chat/completions")]
    with create_comparer() as comparer:
        verdicts = [verdict for each in chats for verdict in comparer.compare(each)]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.MATCH] * 8, verdicts


def test_the_arm_that_served_is_told(openai: Any, fake: FakeOpenAI, recorded: list[Exchange]) -> None:
    """Under a rollout an exchange of the candidate's says so."""
    with Rollout(Policy(stage=Stage.COMPLETE)) as rollout, install(real=False, record=recorded.append, rollout=rollout):
        openai.ChatCompletion.create(**ASKED, headers={"X-Conversation-Id": "c1"})
        openai.Model.list()
    assert [each.role for each in recorded] == ["candidate", "control"]
    assert fake.request_count == 2


def test_a_break_is_recorded_as_one(openai: Any, fake: FakeOpenAI, recorded: list[Exchange]) -> None:
    """A stream that is cut ends in its exchange as it did for the program."""
    fake.plan(Cut(after_events=2))
    with install(real=False, record=recorded.append), pytest.raises(requests.exceptions.RequestException):
        list(openai.ChatCompletion.create(**ASKED, stream=True))
    assert [each.ended for each in recorded] == ["failed"]


def test_a_session_of_the_programs_own_is_recorded_inside_calls_alone(
    openai: Any, fake: FakeOpenAI, recorded: list[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the program sends through the session for itself is not recorded, and the session is its own again at the end."""
    with requests.Session() as session:
        adapters = session.adapters
        monkeypatch.setattr(openai, "requestssession", session)
        with install(real=False, record=recorded.append):
            openai.ChatCompletion.create(**ASKED)
            session.get(f"{fake.base_url}/models", headers={"Authorization": f"Bearer {KEY}"}, timeout=5)
        assert session.adapters is adapters
    assert [each.request.method for each in recorded] == ["POST"]
    assert fake.request_count == 2


@pytest.mark.usefixtures("installed")
def test_a_thread_that_has_called_before_is_recorded(openai: Any, recorded: list[Exchange]) -> None:
    """What was made before the recording, a session or a provider, does not hide a call from it."""
    before = len(recorded)
    openai.ChatCompletion.create(**ASKED)
    openai.Model.list()
    assert len(recorded) == before + 2


@pytest.mark.parametrize("kind", ["legacy", "native"])
def test_after_the_end_nothing_is_recorded(openai: Any, fake: FakeOpenAI, recorded: list[Exchange], kind: str) -> None:
    """Calls before and behind the installation leave nothing, and those before it hide none in it."""
    choice.use(kind)
    openai.ChatCompletion.create(**ASKED)
    with install(real=False, record=recorded.append):
        openai.ChatCompletion.create(**ASKED)
    openai.ChatCompletion.create(**ASKED)
    assert len(recorded) == 1
    assert fake.request_count == 3


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["legacy", "native"])
def test_a_program_is_recorded_from_the_command_line(fake: FakeOpenAI, tmp_path: Path, provider: str) -> None:
    """`shim run --record` works where the real library is not, and the file is whole when the program has ended."""
    program = tmp_path / "program.py"
    program.write_text(
        "import openai\n"
        "answer = openai.ChatCompletion.create(model='gpt-4', messages=[{'role': 'user', 'content': 'Count to 3'}])\n"
        "print(answer.choices[0].message.content)\n"
    )
    recording = tmp_path / "today.jsonl"
    command = [
        sys.executable,
        "-m",
        "shim.cli",
        "run",
        "--provider",
        provider,
        "--record",
        str(recording),
        str(program),
    ]
    environ = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "OPENAI_API_KEY": KEY,
        "OPENAI_API_BASE": fake.base_url,
    }
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=100)  # noqa: S603 - our own
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1, 2, 3.\n", "")
    (exchange,) = read_exchanges(recording)
    assert (exchange.ended, exchange.client) == ("complete", "shim.compat.openai_v0")
