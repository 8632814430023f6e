"""Tests of caps on both providers: a stream that goes on and on is ended, its connection given up, and others go on."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import ErrorCategory, InvalidRequestError, StreamError
from shim.model.caps import Caps
from shim.testing.fake_openai import Burst, FakeOpenAI
from tests.helpers.driving import ask
from tests.helpers.providers import Make


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        (
            Caps(text=1000),
            "more than 1000 characters of text, its cap; to allow more, make the provider with caps=Caps(text=…)",
        ),
        (Caps(events=100), "more than 100 events, its cap; to allow more, make the provider with caps=Caps(events=…)"),
    ],
    ids=["text", "events"],
)
def test_a_stream_over_a_cap_is_an_error_completion(make: Make, server: FakeOpenAI, caps: Caps, words: str) -> None:
    """The completion names the cap, its value and the remedy, has what arrived, and comes after the one `StreamError`."""
    server.plan(Burst(events=20_000))
    with make(server.base_url, caps=caps) as provider:
        heard = ask(provider, stream=True)
        error = heard.error
        assert error.category is ErrorCategory.PROTOCOL
        assert not error.retryable
        assert words in error.message
        assert error.http_status == 200
        assert isinstance(heard.events[-1], StreamError)
        assert error.partial is not None
        assert error.partial.text == heard.text
        assert 0 < len(heard.text) < 2_000
        assert ask(provider, stream=True).response.text


def test_the_default_lets_a_long_stream_pass(make: Make, server: FakeOpenAI) -> None:
    """Without caps of one's own, more events than any model says end well."""
    server.plan(Burst(events=20_000))
    with make(server.base_url) as provider:
        assert len(ask(provider, stream=True).events) > 20_000


@pytest.mark.parametrize("caps", [7, {"text": 5}, "none"])
def test_what_are_no_caps_is_refused_when_it_is_made(make: Make, caps: Any) -> None:
    """A setting that is no `Caps` is refused with its name."""
    with pytest.raises(InvalidRequestError, match="caps is"):
        make("http://127.0.0.1:9/v1", caps=caps)
