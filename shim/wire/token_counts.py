"""Token counts: the numbers of a usage object, under the names of either API and of the servers that have their own.

Not the object that has them for the caller (`chat.vocabulary`, `responses.vocabulary`). Source: API reference, `usage`; DeepSeek,
Moonshot and Anthropic count cached input beside the rest, Perplexity and Together reasoning.
"""

from __future__ import annotations

from typing import Any

from shim.wire.lenient import count_of

_INPUTS = ("prompt_tokens", "input_tokens")
_OUTPUTS = ("completion_tokens", "output_tokens")
_OF_INPUTS = ("prompt_tokens_details", "input_tokens_details")
_OF_OUTPUTS = ("completion_tokens_details", "output_tokens_details")
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")


def input_count(usage: dict[str, Any]) -> int:
    """The tokens of the input."""
    return _first(usage, _INPUTS)


def output_count(usage: dict[str, Any]) -> int:
    """The tokens of the output."""
    return _first(usage, _OUTPUTS)


def cached_count(usage: dict[str, Any]) -> int:
    """The tokens of the input that came from a cache."""
    return _detail(usage, _OF_INPUTS, name="cached_tokens") or _first(usage, _CACHED)


def reasoning_count(usage: dict[str, Any]) -> int:
    """The tokens of the output that were reasoning."""
    return _detail(usage, _OF_OUTPUTS, name="reasoning_tokens") or count_of(usage, "reasoning_tokens")


def _detail(usage: dict[str, Any], holders: tuple[str, ...], *, name: str) -> int:
    for holder in holders:
        details = usage.get(holder)
        if details:
            count = count_of(details, name)
            if count:
                return count
    return 0


def _first(usage: dict[str, Any], names: tuple[str, ...]) -> int:
    """The first of these counts that is any."""
    for name in names:
        if name in usage:
            count = count_of(usage, name)
            if count:
                return count
    return 0
