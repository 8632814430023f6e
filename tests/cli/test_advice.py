"""Tests of the advice: every failure has its sentence and something to do next."""

from __future__ import annotations

import pytest

from shim.cli.advice import ADVICE, OPENAI, advice, sentence
from shim.model import ErrorCategory, ProviderError
from shim.testing.fake_openai import Behaviour, FakeOpenAI, Garbage, Status, quota_exceeded, rate_limited, server_error
from tests.cli.conftest import RunShim


def test_every_category_has_words() -> None:
    """No category of error is without its sentence and its advice."""
    assert set(ADVICE) == set(ErrorCategory)
    for category in ErrorCategory:
        error = ProviderError(category, "it said so.")
        assert sentence(error).endswith(f"({category}): it said so.")
        assert "{" not in advice(error, model="m", base_url=None)


@pytest.mark.parametrize(
    ("behaviour", "category", "words"),
    [
        (Status(401), "auth", "Set OPENAI_API_KEY to a key that http://127.0.0.1:"),
        (Status(403, body={"error": {"message": "no"}}), "permission", "Ask for access to gpt-4o-mini"),
        (rate_limited(retry_after=1), "rate_limit", "Wait 1 second, then"),
        (rate_limited(retry_after=None), "rate_limit", "then ask again."),
        (quota_exceeded(), "quota", "add credit to the account"),
        (Status(400), "invalid_request", "Change what it names"),
        (Status(404), "not_found", "Check the model's name (gpt-4o-mini; choose with --model)"),
        (server_error(), "server", "the fault is not in your request"),
        (Garbage(framed=True, after_events=1, data=b"data: {\n\n"), "protocol", "Is http://127.0.0.1:"),
    ],
)
def test_what_to_do_next(
    run_shim: RunShim, server: FakeOpenAI, *, behaviour: Behaviour, category: str, words: str
) -> None:
    """Each failure of a server is told by its category, with the advice that helps."""
    server.plan(behaviour)
    ran = run_shim("chat", "Hello")
    assert ran.status == 1
    assert f"({category}, HTTP " in ran.err
    assert words in ran.err


def test_nobody_listens(run_shim: RunShim) -> None:
    """An address where nothing listens is named in the advice."""
    ran = run_shim("chat", "Hello", "--base-url", "http://127.0.0.1:1/v1")
    assert ran.status == 1
    assert "The connection failed (network): " in ran.err
    assert "Is a server running at http://127.0.0.1:1/v1? Check --base-url" in ran.err


def test_a_wrong_key_is_not_repeated(run_shim: RunShim, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is refused never appears in what is printed."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-key-1")
    ran = run_shim("chat", "Hello")
    assert ran.status == 1
    assert "wrong-key" not in ran.out + ran.err


def test_a_sentence_is_one_line() -> None:
    """A server's message of several lines and with controls becomes one line that moves no cursor."""
    error = ProviderError("server", "first\n  second\x1b[2J.", http_status=500)
    assert sentence(error) == "The server failed (server, HTTP 500): first second\\x1b[2J."


def test_the_default_address_is_named() -> None:
    """Without an address of one's own the advice names OpenAI's."""
    assert OPENAI in advice(ProviderError("network", "refused"), model="m", base_url=None)
