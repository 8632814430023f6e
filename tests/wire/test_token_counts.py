"""Tests of `shim.wire.token_counts`, by what both APIs read of a usage object: the same counts under every server's names."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import Usage
from shim.wire.chat.vocabulary import read_usage as read_chat
from shim.wire.responses.vocabulary import read_usage as read_responses

CHAT = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
RESPONSES = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
CACHED: list[dict[str, Any]] = [
    {"prompt_tokens_details": {"cached_tokens": 7}},
    {"input_tokens_details": {"cached_tokens": 7}},
    {"prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 7},
    {"prompt_tokens_details": None, "prompt_cache_hit_tokens": 7, "prompt_cache_miss_tokens": 3},
    {"cache_read_input_tokens": 7},
]


@pytest.mark.parametrize("read", [read_chat, read_responses], ids=["chat", "responses"])
@pytest.mark.parametrize(
    "counts", [CHAT, RESPONSES, CHAT | RESPONSES, CHAT | {"input_tokens": 0, "output_tokens": 0}], ids=repr
)
@pytest.mark.parametrize("cached", CACHED, ids=repr)
def test_counts_are_read_under_every_name(read: Any, counts: dict[str, Any], cached: dict[str, Any]) -> None:
    """What a request has cost is told, cached input and reasoning too, whichever names its server has for it."""
    usage = counts | cached | {"reasoning_tokens": 4}
    assert read(usage) == Usage(10, 5, 4, 7, 15, usage)


@pytest.mark.parametrize("read", [read_chat, read_responses], ids=["chat", "responses"])
@pytest.mark.parametrize(
    "usage", [{}, {"prompt_tokens": "many"}, {"cached_tokens": None}, {"prompt_tokens_details": [7]}], ids=repr
)
def test_what_is_no_count_counts_nothing(read: Any, usage: dict[str, Any]) -> None:
    """A usage object that says nothing is no crash."""
    assert read(usage) == Usage(details=usage)
