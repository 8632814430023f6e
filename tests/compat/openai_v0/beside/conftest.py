"""What the tests beside the real openai 0.28 have: the library itself, in a clean state, and a fake API.

They run in an environment of its own, which `make test-beside` builds and uses; elsewhere they are skipped.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shim.compat import openai_v0
from shim.compat.openai_v0.installation import Installation, real_version
from shim.migration import Policy, Rollout, Stage
from shim.testing.fake_openai import FakeOpenAI

KEY = "sk-test-key-0001"
ASKED = {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "Count to 5"}]}
_ELSEWHERE = "the real openai 0.28 is not in this environment; `make test-beside` runs these in one of its own"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs the real library where that is not."""
    if real_version() is None:
        for item in items:
            if "real" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=_ELSEWHERE))


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The real library, its settings as after an import without any environment, this thread without a session."""
    openai = importlib.import_module("openai")
    for name in ("organization", "api_version", "proxy", "app_info", "log", "requestssession", "api_key_path"):
        monkeypatch.setattr(openai, name, None)
    monkeypatch.setattr(openai, "api_key", KEY)
    monkeypatch.setattr(openai, "api_type", "open_ai")
    _forget_session(openai)
    yield openai
    _forget_session(openai)


@pytest.fixture
def fake(real: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """The fake API, where the library sends to."""
    with FakeOpenAI() as server:
        monkeypatch.setattr(real, "api_base", server.base_url)
        yield server


@pytest.fixture
def rollout() -> Iterator[Rollout]:
    """A rollout that is complete: the candidate serves every call that has a unit."""
    with Rollout(Policy(stage=Stage.COMPLETE)) as made:
        yield made


@pytest.fixture
def install(real: Any) -> Iterator[Callable[..., Installation]]:
    """`install`, taken back at the end."""
    del real
    made: list[Installation] = []

    def installed(**settings: Any) -> Installation:
        made.append(openai_v0.install(**settings))
        return made[-1]

    yield installed
    for each in made:
        each.uninstall()


def _forget_session(openai: Any) -> None:
    context = openai.api_requestor._thread_context
    session = getattr(context, "session", None)
    if session is not None:
        session.close()
        del context.session
