"""Tests of `shim.wire.failure`: no key that a server echoes is left in an error, wherever it stood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shim.wire.failure import mask_keys, parse_error
from tests.wire.test_failure import openai

KEY = "sk-proj-Abc123_def-456GHI"
KEYS = {
    "OpenAI": KEY,
    "OpenAI of old": "sk-" + "a1B2" * 12,
    "OpenAI masked by the server": "sk-proj-********************456GHI",
    "Groq": "gsk_" + "a1B2" * 13,
    "xAI": "xai-" + "a1B2" * 20,
    "Perplexity": "pplx-" + "a1B2" * 12,
    "OpenRouter": "sk-or-v1-" + "a1b2" * 16,
    "a header": "Bearer " + "a1B2" * 10,
    "a header in lower case": "bearer " + "a1B2" * 10,
}
PLACES: dict[str, Any] = {
    "message": lambda key: json.dumps(openai(f"Incorrect API key provided: {key}. Try again.")),
    "detail": lambda key: json.dumps({"detail": f"Bad key {key}"}),
    "code": lambda key: json.dumps(openai(code=f"bad_key {key}")),
    "type": lambda key: json.dumps(openai(type=f"bad_key {key}")),
    "param": lambda key: json.dumps(openai(param=f"headers {key}")),
    "text": lambda key: f"401 Unauthorized: {key}",
    "unread field": lambda key: json.dumps({"request": {"headers": {"Authorization": key}}}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KEYS)
def test_no_key_is_kept(kind: str, place: str) -> None:
    """A key the server echoes is in no attribute, text or repr of the error, wherever it stood."""
    key = KEYS[kind]
    error = parse_error(401, {}, PLACES[place](key).encode())
    secret = key.split()[-1][-8:]
    assert secret not in f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize(
    "text", ["a task-oriented answer", "risk-free", "sk-", "the bearer of news", "xai", "disk-usage-report"]
)
def test_words_are_not_keys(text: str) -> None:
    """Ordinary words that resemble a key's beginning are left alone."""
    assert mask_keys(text) == text
