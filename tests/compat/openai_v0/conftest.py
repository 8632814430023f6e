"""What the tests of openai 0.28 in its place have: the library in a clean state, and servers for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shim.compat import openai_v0
from shim.compat.openai_v0.transport import blocking, choice
from shim.testing.fake_openai import FakeOpenAI
from tests.compat.openai_v0.replies import reply_to
from tests.helpers.loopback import Loopback

KEY = "sk-test-key-0001"
SETTINGS = ("api_key_path", "organization", "api_version", "proxy", "app_info", "log", "requestssession")


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The library, its settings as after an import without any environment."""
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    before = choice.kept()
    choice.restore(None)
    for name in SETTINGS:
        monkeypatch.setattr(openai_v0, name, None)
    monkeypatch.setattr(openai_v0, "api_key", KEY)
    monkeypatch.setattr(openai_v0, "api_type", "open_ai")
    _forget_session(openai_v0)
    yield openai_v0
    monkeypatch.undo()
    choice.restore(before)
    blocking.close_all()
    _forget_session(openai_v0)


@pytest.fixture
def fake(openai: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """The fake API, where the library sends to."""
    with FakeOpenAI() as server:
        monkeypatch.setattr(openai, "api_base", server.base_url)
        yield server


@pytest.fixture
def loopback(openai: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """The server that answers from a table, by the name in the address; see `replies`."""
    with Loopback(reply_to) as server:
        monkeypatch.setattr(openai, "api_base", f"{server.url}/s/chat/v1")
        yield server


def _forget_session(openai: Any) -> None:
    context = openai.api_requestor._thread_context
    session = getattr(context, "session", None)
    if session is not None:
        session.close()
        del context.session
