"""Tests of `credentials`: OpenAI's keys; Azure's are tested with Azure."""

import pytest

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.credentials import masked
from tests.testing.fake_openai.asking import ask, chat


def test_a_wrong_key_is_refused_and_masked(server: FakeOpenAI) -> None:
    """A wrong key gets 401 `invalid_api_key`, and the message shows no more than its ends."""
    got = ask(server, chat(), key="sk-wrong-and-secret-9876")
    assert got.status == 401
    assert got.error["code"] == "invalid_api_key"
    assert got.error["type"] == "invalid_request_error"
    assert "Incorrect API key provided: sk-w****************9876." in got.error["message"]


def test_a_missing_key_is_refused(server: FakeOpenAI) -> None:
    """No Authorization header gets 401 that says so."""
    got = ask(server, chat(), key=None)
    assert got.status == 401
    assert "didn't provide an API key" in got.error["message"]


@pytest.mark.parametrize("key", ["", "short", "elevenchars"])
def test_a_short_key_is_masked_whole(key: str) -> None:
    """Nothing of a short key is shown."""
    assert masked(key) == "*" * len(key)


def test_without_a_key_of_its_own_any_key_or_none_is_accepted() -> None:
    """A server made without `api_key` asks nobody for one."""
    with FakeOpenAI() as server:
        assert ask(server, chat(), key=None).status == 200
        assert ask(server, chat(), key="sk-whatever").status == 200
