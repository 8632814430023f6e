"""Tests that what the real library sends and gets is recorded, blocking and async, and that nothing of it changes."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from shim.comparison import Exchange, Outcome, read_exchanges
from shim.compat.openai_v0 import V0Reader
from shim.compat.openai_v0.installation import Installation
from shim.factory import create_comparer
from shim.migration import Rollout
from shim.testing.fake_openai import Cut, FakeOpenAI, stream_failed
from tests.compat.openai_v0.beside.conftest import ASKED, KEY

Install = Callable[..., Installation]


@pytest.fixture
def recorded() -> list[Exchange]:
    """What was recorded."""
    return []


def test_blocking_and_async_calls_are_recorded_and_match(
    real: Any, install: Install, fake: FakeOpenAI, tmp_path: Path
) -> None:
    """Every call, streamed or not, blocking or async, is in the file without its key, and matches on both rungs."""
    path = tmp_path / "recorded.jsonl"
    installed = install(record=path)

    async def async_calls() -> None:
        await real.ChatCompletion.acreate(**ASKED)
        async for _ in await real.ChatCompletion.acreate(**ASKED, stream=True):
            pass

    real.ChatCompletion.create(**ASKED)
    list(real.ChatCompletion.create(**ASKED, stream=True))
    asyncio.run(async_calls())
    assert installed.recording.counts == {"recorded": 4, "dropped": 0, "failed": 0, "unseen": 0}
    installed.uninstall()
    assert KEY not in path.read_text(encoding="utf-8")
    exchanges = list(read_exchanges(path))
    assert [(each.ended, each.client) for each in exchanges] == [("complete", "openai 0.28")] * 4
    with create_comparer() as comparer:
        verdicts = [verdict for each in exchanges for verdict in comparer.compare(each)]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.MATCH] * 8
    assert fake.request_count == 4


def test_an_async_stream_is_recorded_as_far_as_it_came(
    real: Any, install: Install, fake: FakeOpenAI, recorded: list[Exchange]
) -> None:
    """What had come of an async stream when the library left it, at an error inside or as told to, is recorded and matches."""
    recording = install(record=recorded.append).recording

    async def read(most: int) -> None:
        stream = await real.ChatCompletion.acreate(**ASKED, stream=True)
        for _ in range(most):
            await anext(stream)
        await stream.aclose()

    fake.plan(stream_failed(after_events=2))
    with pytest.raises(real.error.APIError, match="Error occurred while streaming"):
        asyncio.run(read(9))
    asyncio.run(read(1))
    gc.collect()
    recording.flush()
    bodies = [exchange.response.body or b"" for exchange in recorded if exchange.response]
    assert [body.endswith(b"\n\n") for body in bodies] == [True, True]
    with create_comparer(control=V0Reader) as comparer:
        verdicts = [verdict for each in recorded for verdict in comparer.compare(each)]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.MATCH}


def test_a_session_that_was_there_before_is_seen(
    real: Any, install: Install, fake: FakeOpenAI, recorded: list[Exchange]
) -> None:
    """A thread that has called before is recorded from the next call on, and so is one whose session is made anew."""
    real.ChatCompletion.create(**ASKED)
    session = real.api_requestor._thread_context.session
    installed = install(record=recorded.append)
    real.ChatCompletion.create(**ASKED)
    assert real.api_requestor._thread_context.session is session
    real.api_requestor._thread_context.session_create_time = 0
    real.ChatCompletion.create(**ASKED)
    assert real.api_requestor._thread_context.session is not session
    thread = threading.Thread(target=lambda: real.ChatCompletion.create(**ASKED))
    thread.start()
    thread.join()
    installed.uninstall()
    assert len(recorded) == 3
    assert fake.request_count == 4


def test_proxy_and_connect_retries_stay(real: Any, install: Install, recorded: list[Exchange]) -> None:
    """`openai.proxy` still carries the calls, and https:// still tries twice more to connect."""
    install(record=recorded.append)
    real.proxy = "http://127.0.0.1:9"
    real.api_base = "http://example.invalid/v1"
    with pytest.raises(real.error.APIConnectionError, match=r"127\.0\.0\.1|[Pp]roxy"):
        real.ChatCompletion.create(**ASKED)
    session = real.api_requestor._thread_context.session
    assert session.proxies == {"http": "http://127.0.0.1:9", "https": "http://127.0.0.1:9"}
    assert session.get_adapter("https://x").max_retries.total == 2
    assert (recorded[0].ended, recorded[0].response) == ("failed", None)


def test_a_session_of_the_programs_own_is_recorded_inside_calls_alone(
    real: Any, install: Install, fake: FakeOpenAI, recorded: list[Exchange]
) -> None:
    """`requestssession` is recorded where the library sends through it; what else it serves is nobody's business."""
    real.requestssession = requests.Session()
    with real.requestssession as session:
        installed = install(record=recorded.append)
        real.ChatCompletion.create(**ASKED)
        session.get(f"{fake.base_url}/models", headers={"Authorization": f"Bearer {KEY}"})
        session.mount("http://", requests.adapters.HTTPAdapter())
        real.ChatCompletion.create(**ASKED)
        installed.uninstall()
        assert {type(each) for each in session.adapters.values()} == {requests.adapters.HTTPAdapter}
    assert [each.request.url.rpartition("/v1/")[2] for each in recorded] == ["chat/completions"] * 2


def test_a_session_of_aiohttp_is_recorded(
    real: Any, install: Install, fake: FakeOpenAI, recorded: list[Exchange]
) -> None:
    """Calls through `aiosession` are recorded, those that break off too."""
    install(record=recorded.append)

    async def main() -> None:
        async with real.api_requestor.aiohttp.ClientSession() as session:
            real.aiosession.set(session)
            fake.plan((), Cut(after_events=3))
            await real.ChatCompletion.acreate(**ASKED)
            with pytest.raises(real.api_requestor.aiohttp.ClientPayloadError):
                async for _ in await real.ChatCompletion.acreate(**ASKED, stream=True):
                    pass

    asyncio.run(main())
    assert [each.ended for each in recorded] == ["complete", "failed"]
    assert recorded[1].fault is not None
    assert recorded[1].fault.stage == "body"


def test_what_the_candidate_sends_is_recorded_as_its_own(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI, recorded: list[Exchange]
) -> None:
    """Exchanges of the candidate say that they are."""
    installed = install(rollout=rollout, record=recorded.append)
    real.ChatCompletion.create(**ASKED)
    real.Model.list()
    installed.uninstall()
    assert [(each.role, each.client) for each in recorded] == [("candidate", "candidate"), ("control", "openai 0.28")]
    assert fake.request_count == 2
