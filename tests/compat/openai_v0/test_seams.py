"""Tests of seams: those that cannot be honoured are refused when they are set, all others may be set."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any
from unittest import mock

import pytest
import requests

from shim.compat.openai_v0.namespace import PACKAGE
from shim.model import UnsupportedFeatureError
from tests.helpers.loopback import Loopback


def test_a_session_of_aiohttp_is_refused_when_it_is_set(openai: Any) -> None:
    """`aiosession.set` takes None and refuses anything else, with the way out."""
    token = openai.aiosession.set(None)
    openai.aiosession.reset(token)
    assert openai.aiosession.get() is None
    assert openai.aiosession.get("none was set") == "none was set"
    with pytest.raises(UnsupportedFeatureError, match=r"aiosession.*openai\.proxy"):
        openai.aiosession.set(object())


def test_another_aiosession_is_refused(openai: Any) -> None:
    """The variable itself cannot be replaced by one that would be ignored."""
    before = openai.aiosession
    with pytest.raises(UnsupportedFeatureError, match="aiosession"):
        openai.aiosession = object()
    assert openai.aiosession is before


@pytest.mark.parametrize("name", ["aiohttp", "AioHTTPSession", "parse_stream_async"])
def test_seams_of_aiohttp_are_refused(openai: Any, name: str) -> None:
    """What only aiohttp's road would call cannot be put into `api_requestor`."""
    with pytest.raises(UnsupportedFeatureError, match=name):
        setattr(openai.api_requestor, name, object())


@pytest.mark.parametrize("kind", ["whole", "refused stream"])
def test_a_stand_in_for_an_answer_of_requests_is_read(openai: Any, kind: str) -> None:
    """Tests of old code let `requests.Session.request` give a mock that has status, headers and `content`, and no more."""
    told = mock.Mock(spec=["status_code", "headers", "content", "reason", "url", "close"])
    told.configure_mock(status_code=200, headers={"Content-Type": "application/json"}, content=b'{"id": "told"}')
    given = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    with mock.patch("requests.Session.request", return_value=told):
        if kind == "refused stream":
            told.configure_mock(status_code=429, content=b'{"error": {"message": "slow down"}}')
            with pytest.raises(openai.error.RateLimitError, match="slow down"):
                openai.ChatCompletion.create(**given, stream=True)
        else:
            assert openai.ChatCompletion.create(**given).id == "told"


def test_the_class_that_stands_in_the_module_is_raised(openai: Any, loopback: Loopback) -> None:
    """A class that a test puts into `openai.error` is the one that a status raises."""

    class Own(openai.error.RateLimitError):  # type: ignore[misc]  # whichever library it is
        pass

    openai.api_base = openai.api_base.replace("/s/chat", "/s/status_429")
    with mock.patch.object(openai.error, "RateLimitError", Own), pytest.raises(Own):
        openai.ChatCompletion.create(model="m", messages=[{"role": "user", "content": "x"}])


def test_a_session_is_refused_on_native(openai: Any) -> None:
    """`requestssession` is an error when it is set where chat goes through native, and so is native where one is set."""
    openai.use("native")
    with pytest.raises(UnsupportedFeatureError, match="requestssession"):
        openai.requestssession = requests.Session()
    openai.use("legacy")
    openai.requestssession = requests.Session()
    with pytest.raises(UnsupportedFeatureError, match="requestssession"):
        openai.use("native")


def test_foreign_attributes_are_kept(openai: Any) -> None:
    """Old code keeps attributes of its own on the module."""
    with mock.patch.object(openai, "api_deployment_id", "d", create=True):
        assert openai.api_deployment_id == "d"
    assert not hasattr(openai, "api_deployment_id")


def test_working_seams_may_be_set(openai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Constants and functions that are looked up at each call are set like any attribute."""
    monkeypatch.setattr(openai.api_requestor, "TIMEOUT_SECS", 30)
    monkeypatch.setattr(openai.api_requestor, "_make_session", requests.Session)
    assert openai.api_requestor.TIMEOUT_SECS == 30


def _functions_of(module: ModuleType) -> Iterator[FunctionType]:
    """The functions that a module defines, and the methods of its classes."""
    for thing in vars(module).values():
        members = vars(thing).values() if isinstance(thing, type) else (thing,)
        for member in members:
            plain = inspect.unwrap(getattr(member, "__func__", member))
            if isinstance(plain, FunctionType) and plain.__code__.co_filename == module.__file__:
                yield plain


def test_no_function_of_the_surface_holds_its_variadic_arguments_in_a_closure() -> None:
    """Tracers that put code of their own into a function (ddtrace does) find `args` and `kwargs` where they were passed."""
    modules = [each for name, each in sys.modules.items() if name.startswith(f"{PACKAGE}.api_resources")]
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    held = [
        function.__qualname__
        for module in modules
        for function in _functions_of(module)
        for each in inspect.signature(function).parameters.values()
        if each.kind in variadic and each.name in function.__code__.co_cellvars
    ]
    assert len(modules) > 20
    assert held == []
