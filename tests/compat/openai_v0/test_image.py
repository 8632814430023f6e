"""Tests of pictures on Azure: a job that is asked for until it is done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.loopback import Loopback, Received, Reply

JSON = ("Content-Type", "application/json")


@pytest.fixture
def azure(openai: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A server that takes a job, is not done at first, and then is; a prompt "bad" fails."""
    asked: list[str] = []

    def answer(request: Received) -> Reply:
        if request.method == "POST":
            asked[:] = [json.loads(request.body)["prompt"]]
            place = ("operation-location", f"{server.url}/jobs/1?api-version=v")
            return Reply(status=202, headers=(JSON, place), body=b'{"status": "notRunning"}')
        return Reply(headers=(JSON, ("retry-after", "0")), body=json.dumps(_state(asked)).encode())

    monkeypatch.setattr(openai, "api_type", "azure")
    monkeypatch.setattr(openai, "api_version", "v")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with Loopback(answer) as server:
        monkeypatch.setattr(openai, "api_base", server.url)
        yield server


def _state(asked: list[str]) -> dict[str, Any]:
    asked.append("looked")
    if asked[0] == "bad":
        return {"status": "failed", "error": {"message": "refused", "code": "c"}}
    return (
        {"status": "succeeded", "result": {"created": 1, "data": [{"url": "u"}]}}
        if len(asked) > 2
        else {"status": "running"}
    )


def test_a_picture_is_asked_for_until_it_is_there(openai: Any, azure: Loopback) -> None:
    """The job is submitted, its place is asked until it has succeeded, and its result is the answer."""
    told = openai.Image.create(prompt="a cat")
    assert told.data[0].url == "u"
    assert [each.target for each in azure.received] == [
        "/openai/images/generations:submit?api-version=v",
        "/jobs/1?api-version=v",
        "/jobs/1?api-version=v",
    ]
    assert all(each.header("api-key") for each in azure.received)


def test_a_failed_picture_is_an_error(openai: Any, azure: Loopback) -> None:
    """A job that fails raises its message and code, async too."""
    for ask in (openai.Image.create, lambda **params: asyncio.run(openai.Image.acreate(**params))):
        with pytest.raises(openai.error.OpenAIError, match="refused") as failed:
            ask(prompt="bad")
        assert failed.value.code == "c"
