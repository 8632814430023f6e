"""Tests of shim/compat/legacy_multi/face.py: the bound entry points, and putting them in the legacy client's place."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
import requests

import legacy_openai
from legacy_openai import Config, InvalidConfigError, LegacyOpenAIError
from shim.compat import legacy_multi
from shim.compat.legacy_multi import MultiClient, install, over
from shim.legacy_adapter import LegacyProvider
from shim.native import NativeProvider
from shim.provider import Provider
from shim.testing.fake_openai import FakeOpenAI
from shim.testing.scripted import ScriptedProvider, answer, failure
from tests.compat.legacy_multi.exceptions import EXCEPTIONS
from tests.compat.legacy_multi.ported import MODULES, drive, ported
from tests.helpers.raw_server import HELLO

CFG = Config(openai_api_key="sk-test", openai_model="m", openai_base_url="http://127.0.0.1:9/v1")


def test_a_call_site_goes_on_with_one_import_changed() -> None:
    """What a call site does with the legacy client's two names, positional arguments included, it does with the bound ones."""
    given: list[tuple[object, int]] = []

    def make(session: object, max_concurrency: int) -> Provider:
        given.append((session, max_concurrency))
        return ScriptedProvider([answer("hi")])

    client_class, chat_create = over(make)
    done: list[Any] = []
    with requests.Session() as session, client_class(session, 7) as client:
        client.add_request(CFG, HELLO, None, done.append)
        drive(client, lambda: done)
        assert given == [(session, 7)]
    assert isinstance(client, MultiClient)
    assert chat_create(CFG, HELLO).content == "hi"
    assert given[1:] == [(None, 1)]


def test_a_session_that_nobody_takes_is_refused() -> None:
    """A session cannot be given where the maker has no parameter for it, and what is no session not at all."""
    face = over(NativeProvider)
    with requests.Session() as session, pytest.raises(InvalidConfigError, match="session cannot be honoured"):
        face.MultiClient(session)
    with pytest.raises(InvalidConfigError, match=r"session must be a requests.Session"):
        face.MultiClient("session")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(InvalidConfigError, match="max_concurrency"):
        face.MultiClient(None, 0)
    with pytest.raises(TypeError, match="make must be a function"):
        over("native")  # type: ignore[arg-type]  # the mistake under test


def test_chat_create_fails_as_it_did() -> None:
    """A failure raises the legacy client's own error, with its completion and its cause."""
    plays = [
        failure("timeout", "the server sent nothing for 3 s"),
        failure("server", "no", http_status=503, body=b"{}"),
    ]
    chat_create = over(lambda: ScriptedProvider([plays.pop(0)])).chat_create
    with pytest.raises(LegacyOpenAIError, match="sent nothing") as caught:
        chat_create(CFG, HELLO)
    assert caught.value.__cause__ is caught.value.completion.exception is not None
    with pytest.raises(LegacyOpenAIError, match="HTTP 503") as caught:
        chat_create(CFG, HELLO, lambda _payload: None)
    assert caught.value.completion.http_code == 503


def test_installed_a_program_follows_without_a_change() -> None:
    """While installed, what is imported from `legacy_openai` is the face, and the legacy provider below it the real client."""
    real = (legacy_openai.MultiClient, legacy_openai.chat_create)
    with FakeOpenAI() as server, install(LegacyProvider) as installation:
        program: dict[str, Any] = {"url": server.base_url}
        exec(  # noqa: S102 - a call site, as it is written elsewhere
            "from legacy_openai import Config, Conversation, Message, MultiClient, chat_create\n"
            "cfg = Config(openai_api_key='sk-test', openai_model='gpt-4o-mini', openai_base_url=url)\n"
            "said = chat_create(cfg, Conversation([Message('user', 'Count to 3')])).content\n",
            program,
        )
        assert issubclass(program["MultiClient"], MultiClient)
        assert "in place" in repr(installation)
    assert program["said"] == "1, 2, 3."
    assert (legacy_openai.MultiClient, legacy_openai.chat_create) == real
    installation.uninstall()
    assert "uninstalled" in repr(installation)


def test_who_came_too_early_is_named() -> None:
    """Modules that have taken the legacy client's names before are told, since they go on with what they have."""
    early = types.ModuleType("early_call_site")
    early.MultiClient = legacy_openai.MultiClient  # type: ignore[attr-defined]  # what an import does
    sys.modules["early_call_site"] = early
    try:
        with install(NativeProvider) as installation:
            assert "early_call_site" in installation.missed
            assert not any(name.startswith(("shim.", "legacy_openai")) for name in installation.missed)
    finally:
        del sys.modules["early_call_site"]


def test_uninstalling_does_not_undo_what_others_did() -> None:
    """Where something else stands in the place meanwhile, uninstalling says so and leaves all as it is; then it can be done."""
    real = legacy_openai.chat_create
    installation = install(NativeProvider)
    ours, legacy_openai.chat_create = legacy_openai.chat_create, real
    with pytest.raises(RuntimeError, match="chat_create was replaced"):
        installation.uninstall()
    assert issubclass(legacy_openai.MultiClient, MultiClient)
    legacy_openai.chat_create = ours
    installation.uninstall()
    assert legacy_openai.chat_create is real
    assert not issubclass(legacy_openai.MultiClient, MultiClient)


def test_everything_but_the_client_is_the_legacy_clients_own() -> None:
    """The names of `legacy_openai` stand in the room under their names, the client alone another, `chat_create` by `over`."""
    for name in legacy_openai.__all__:
        if name not in ("MultiClient", "chat_create", "__version__"):
            assert getattr(legacy_multi, name) is getattr(legacy_openai, name), name


def test_every_exception_names_a_test() -> None:
    """Each entry of the table of tests that cannot pass names one that there is, once for each case."""
    found = ported(NativeProvider)
    assert {each.test for each in EXCEPTIONS} <= found.keys()
    assert len({(each.test, each.case) for each in EXCEPTIONS}) == len(EXCEPTIONS)
    assert {name.partition("__")[0] for name in found} == set(MODULES)
