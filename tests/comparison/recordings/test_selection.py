"""Tests of the choice of exchanges: each filter by itself, all of them together, and places."""

from __future__ import annotations

from typing import Any

import pytest

from shim.comparison.recordings.selection import ExchangeSelection, model_of, status_words
from tests.helpers.exchanges import exchange

ONE = exchange({"model": "gpt-4o"}, pair_id="a", status=429, started_at=100.0, ended="complete", role="control")
NONE = exchange({"input": "x"}, pair_id="b", response=None, ended="failed", started_at=200.0, role="candidate")


@pytest.mark.parametrize(
    ("asked", "first", "second"),
    [
        ({}, True, True),
        ({"models": ("gpt-4o",)}, True, False),
        ({"models": ("gpt-4", "o1")}, False, False),
        ({"models": ("gpt-4*",)}, True, False),
        ({"models": ("",)}, False, True),
        ({"statuses": frozenset({"429"})}, True, False),
        ({"statuses": frozenset({"4xx", "none"})}, True, True),
        ({"statuses": frozenset({"200"})}, False, False),
        ({"endings": frozenset({"failed", "aborted"})}, False, True),
        ({"roles": frozenset({"control"})}, True, False),
        ({"pairs": frozenset({"b"})}, False, True),
        ({"since": 100.0}, True, True),
        ({"since": 100.1}, False, True),
        ({"until": 200.0}, True, False),
        ({"models": ("gpt-4o",), "endings": frozenset({"failed"})}, False, False),
    ],
)
def test_filters(asked: dict[str, Any], *, first: bool, second: bool) -> None:
    """An exchange is chosen where every filter holds; of a filter with several values, where one does."""
    selection = ExchangeSelection(**asked)
    assert (selection.takes(ONE), selection.takes(NONE)) == (first, second)


def test_places() -> None:
    """A range takes its first place and not its last, and says where nothing more comes."""
    selection = ExchangeSelection(first=2, last=4)
    assert [selection.takes_place(place) for place in range(6)] == [False, False, True, True, False, False]
    assert [selection.is_past(place) for place in (3, 4)] == [False, True]
    assert ExchangeSelection(first=2).takes_place(10**9)


@pytest.mark.parametrize(
    ("url", "asked", "model"),
    [
        ("https://h/v1/chat/completions", {"model": "m"}, "m"),
        ("https://h/openai/deployments/mine/chat/completions?api-version=1", {}, "mine"),
        ("https://h/v1/engines/davinci/completions", {}, "davinci"),
        ("https://h/v1/models", {}, ""),
    ],
)
def test_the_model_is_asked_for_or_in_the_address(url: str, asked: dict[str, Any], model: str) -> None:
    """The model is that of the request's body, else the deployment or engine of its address."""
    assert model_of(exchange(asked, url=url)) == model


def test_a_status_has_two_names() -> None:
    """A status is named by itself and by its hundred, a missing one by a word."""
    assert (status_words(ONE), status_words(NONE)) == (("429", "4xx"), ("none",))
