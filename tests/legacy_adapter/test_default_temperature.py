"""Tests of the default temperature: the legacy client's 0.7, where a request says nothing and its model takes one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from shim.legacy_adapter import LegacyProvider
from shim.model import ModelRequest
from shim.testing.fake_openai import FakeOpenAI, Respond
from tests.helpers.driving import HELLO, ask
from tests.helpers.providers import KEY
from tests.legacy_adapter.test_request_transform import answer_anything

ABSENT = "absent"


def sent(provider: LegacyProvider, server: FakeOpenAI, request: ModelRequest) -> Any:
    """The temperature the server received."""
    server.plan(Respond(answer_anything))
    assert ask(provider, request).done
    return server.requests[-1].json.get("temperature", ABSENT)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1", "o30", "gpt-5-chat-latest", "my-deployment"])
def test_a_request_that_says_nothing_gets_the_legacy_default(
    provider: LegacyProvider, server: FakeOpenAI, model: str
) -> None:
    """A temperature of 0.7 is sent where neither the request nor the provider says another."""
    assert sent(provider, server, replace(HELLO, model=model)) == 0.7


@pytest.mark.parametrize("model", ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5.1-mini", "openai/o3"])
def test_a_model_that_refuses_a_temperature_gets_none(provider: LegacyProvider, server: FakeOpenAI, model: str) -> None:
    """No temperature is added for a model that takes none of its own."""
    assert sent(provider, server, replace(HELLO, model=model)) == ABSENT


def test_the_model_that_is_sent_decides(provider: LegacyProvider, server: FakeOpenAI) -> None:
    """A model given through `extra_body` decides whether a temperature is added."""
    assert sent(provider, server, replace(HELLO, extra_body={"model": "o3"})) == ABSENT


@pytest.mark.parametrize("value", [0, 0.0, 1, 1.5, None])
@pytest.mark.parametrize("model", ["gpt-4o-mini", "o3"])
def test_what_the_request_says_is_sent(
    provider: LegacyProvider, server: FakeOpenAI, model: str, value: float | None
) -> None:
    """A temperature the request sets, null included, is sent whatever the model."""
    assert sent(provider, server, replace(HELLO, model=model, temperature=value)) == value


@pytest.mark.parametrize(("extra", "wanted"), [({"temperature": 0.2}, 0.2), ({"temperature": UNSET}, ABSENT)])
def test_what_extra_body_says_is_sent(
    provider: LegacyProvider, server: FakeOpenAI, extra: dict[str, Any], wanted: object
) -> None:
    """A temperature in `extra_body`, or its removal there, is left as it is."""
    assert sent(provider, server, replace(HELLO, extra_body=extra)) == wanted


@pytest.mark.parametrize(("default", "wanted"), [(None, ABSENT), (0.0, 0.0), (1.1, 1.1)])
def test_the_provider_may_have_another_default(server: FakeOpenAI, default: float | None, wanted: object) -> None:
    """`default_temperature` replaces 0.7, and None sends nothing."""
    with LegacyProvider(api_key=KEY, base_url=server.base_url, default_temperature=default) as provider:
        assert sent(provider, server, HELLO) == wanted
