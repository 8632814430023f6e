"""Tests that what old code does to the real library works while something stands beside it, and that it goes again."""

from __future__ import annotations

import importlib
import inspect
import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from shim.compat import openai_v0
from shim.compat.openai_v0.installation import Installation, real_version
from shim.migration import Rollout
from shim.model import InvalidRequestError, UnsupportedFeatureError
from shim.testing.fake_openai import FakeOpenAI
from tests.compat.openai_v0.beside.conftest import ASKED, KEY

Install = Callable[..., Installation]


def _state(openai: Any) -> list[Any]:
    """Everything that an installation may replace, by identity."""
    requestor = openai.api_requestor
    chat, completion = openai.ChatCompletion, openai.Completion
    classes = (requestor.APIRequestor, chat, completion, chat.__mro__[1])
    return [dict(vars(each)) for each in (*classes, requestor, openai.util, openai.error)]


@pytest.mark.skipif(real_version() is not None, reason="here it is")
def test_without_the_real_library_it_says_so() -> None:
    """Where the real one is wanted and not there, the error names the package and the way without it."""
    with pytest.raises(UnsupportedFeatureError, match=r"openai==0\.28\.1"):
        openai_v0.install(real=True)


@pytest.mark.skipif(real_version() is not None, reason="here it is")
@pytest.mark.parametrize("given", [{"target": str}, {"upgrades": ["stop"]}, {"candidate": "legacy"}])
def test_in_its_place_what_has_no_meaning_is_refused(given: dict[str, Any]) -> None:
    """An argument for standing beside is refused by name where nothing is there to stand beside."""
    with pytest.raises(UnsupportedFeatureError, match=next(iter(given))):
        openai_v0.install(**given)


def test_nothing_is_touched_without_rollout_and_recording(real: Any, install: Install) -> None:
    """With nothing asked for, no name of the library is replaced."""
    before = _state(real)
    assert install().mode == "beside"
    assert _state(real) == before


def test_uninstall_puts_everything_back(real: Any, install: Install, rollout: Rollout) -> None:
    """Afterwards every name of the library is the very object it was."""
    before = _state(real)
    installed = install(rollout=rollout, record=lambda _: None)
    assert _state(real) != before
    installed.uninstall()
    installed.uninstall()
    assert _state(real) == before


def test_a_second_one_is_refused(real: Any, install: Install, rollout: Rollout) -> None:
    """Neither beside nor in its place can anything be installed twice; after an uninstall it can."""
    del real
    first = install(rollout=rollout)
    for again in (True, False):
        with pytest.raises(RuntimeError, match="installed already"):
            openai_v0.install(real=again, rollout=rollout)
    first.uninstall()
    assert install(rollout=rollout).mode == "beside"


def test_of_many_threads_one_installs(real: Any, install: Install) -> None:
    """Threads that install at once get one installation and errors."""
    del real
    ready = threading.Barrier(8)
    refused: list[BaseException] = []

    def run() -> None:
        ready.wait()
        try:
            install()
        except RuntimeError as error:
            refused.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7


def test_the_methods_are_the_real_ones(real: Any, install: Install, rollout: Rollout) -> None:
    """`create` and `acreate` look as before: signature, module, function, coroutine function."""
    create, acreate = real.ChatCompletion.create, real.ChatCompletion.acreate
    install(rollout=rollout, record=lambda _: None)
    assert real.ChatCompletion.create.__func__ is create.__func__
    assert real.ChatCompletion.create.__module__ == "openai.api_resources.chat_completion"
    assert str(inspect.signature(real.ChatCompletion.create)) == "(*args, **kwargs)"
    assert inspect.iscoroutinefunction(real.ChatCompletion.acreate)
    assert real.ChatCompletion.acreate.__func__ is acreate.__func__
    assert inspect.iscoroutinefunction(real.api_requestor.APIRequestor.arequest_raw)


def test_every_name_it_was_imported_by_is_routed(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI
) -> None:
    """A class imported before, a stored method, a submodule and a subclass all ask the rollout."""
    before, create = real.ChatCompletion, real.ChatCompletion.create
    installed = install(rollout=rollout)
    module = importlib.import_module("openai.api_resources.chat_completion")

    class Own(real.ChatCompletion):  # type: ignore[misc]  # a class of a library without types
        @classmethod
        def create(cls, *args: Any, **kwargs: Any) -> Any:
            return {"own": super().create(*args, **kwargs)}

    assert before.create(**ASKED).choices[0].message.content == "1, 2, 3, 4, 5."
    assert create(**ASKED).object == "chat.completion"
    assert module.ChatCompletion.create(**ASKED).object == "chat.completion"
    assert Own.create(**ASKED)["own"].object == "chat.completion"
    assert installed.counts.candidate == 4
    assert fake.request_count == 4


def test_patches_over_it_work_and_leave_it(real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI) -> None:
    """`patch("openai.ChatCompletion.create")`, one that began before included, takes effect, and routing outlives it."""
    patch = mock.patch("openai.ChatCompletion.create", return_value="patched")
    patch.start()
    installed = install(rollout=rollout)
    assert real.ChatCompletion.create() == "patched"
    patch.stop()
    assert real.ChatCompletion.create(**ASKED).object == "chat.completion"
    assert installed.counts.candidate == fake.request_count == 1


def test_a_wrapper_that_keeps_the_original_works(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What replaces `create` by a wrapper around the stored one calls the routed one."""
    installed = install(rollout=rollout)
    original = real.ChatCompletion.create

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    vars(wrapper)["_original"] = original
    monkeypatch.setattr(real.ChatCompletion, "create", wrapper)
    assert real.ChatCompletion.create(**ASKED).object == "chat.completion"
    assert installed.counts.candidate == fake.request_count == 1


def test_what_was_wrapped_around_it_lets_through_afterwards(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrapper put around `request_raw` meanwhile stays, and finds control alone behind it after an uninstall."""
    installed = install(rollout=rollout, record=lambda _: None)
    below = real.api_requestor.APIRequestor.request_raw
    calls: list[str] = []

    def around(requestor: Any, *args: Any, **named: Any) -> Any:
        calls.append(requestor.api_key)
        return below(requestor, *args, **named)

    monkeypatch.setattr(real.api_requestor.APIRequestor, "request_raw", around)
    installed.uninstall()
    assert real.ChatCompletion.create(**ASKED).object == "chat.completion"
    assert (calls, installed.counts) == ([KEY], None)
    assert fake.requests[0].headers["user-agent"].startswith("OpenAI/v1")
    session = real.api_requestor._thread_context.session
    assert type(session.get_adapter("https://")).__name__ == "HTTPAdapter"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"upgrades": ["no-such"]}, InvalidRequestError),
        ({"candidate": "no-such"}, ValueError),
        ({"candidate": 3}, TypeError),
        ({"record": 3}, TypeError),
    ],
)
def test_a_mistake_installs_nothing(
    real: Any, install: Install, rollout: Rollout, given: dict[str, Any], error: type[Exception]
) -> None:
    """An argument that cannot be used is told, and leaves the library as it was, ready for the next try."""
    before = _state(real)
    with pytest.raises(error):
        install(rollout=rollout, **given)
    assert _state(real) == before
    assert install(rollout=rollout).mode == "beside"


@pytest.mark.parametrize("given", [{"unit": str}, {"upgrades": ["model-successor"]}, {"target": object()}])
def test_what_only_a_rollout_uses_is_refused_without_one(real: Any, given: dict[str, Any]) -> None:
    """An argument that says something of the calls that move is refused by name where none does."""
    before = _state(real)
    with pytest.raises(TypeError, match=f"{next(iter(given))} says something .* give rollout="):
        openai_v0.install(real=True, **given)
    assert _state(real) == before
