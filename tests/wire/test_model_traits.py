"""Tests of `shim.wire.model_traits`: which models take a temperature, told by their names."""

from __future__ import annotations

import pytest

from shim.wire.model_traits import refuses_temperature

REFUSE = [
    *("o1", "o1-mini", "o1-preview", "o1-2024-12-17", "o1-pro", "o3", "o3-mini", "o3_custom", "o3-pro", "o4-mini"),
    *("o4-mini-2025-04-16", "o3.5"),
    *("gpt-5", "gpt-5-mini", "gpt-5-nano-2025-08-07", "gpt-5.1", "gpt-5.4-pro", "gpt-5-codex", "gpt-5_x"),
    *("gpt-4o-search-preview", "gpt-4o-mini-search-preview", "codex-mini-latest", "computer-use-preview"),
    *("openai/o3-mini", "azure/openai/gpt-5", "openrouter/openai/o1", "ft:o4-mini-2025-04-16:team::id"),
]
TAKE = [
    *("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-3.5-turbo", "gpt-4", "gpt-45", "chatgpt-4o-latest", "gpt-50"),
    *("gpt-5-chat-latest", "gpt-5.1-chat-latest", "gpt-5.2-chat", "openai/gpt-5-chat-latest"),
    *(
        "o30",
        "o10",
        "o3x",
        "o",
        "o2",
        "oo1",
        "my-o3",
        "foo1",
        "gpt-oss-120b",
        "llama-3",
        "deepseek-r1",
        "",
        "ft:gpt-4o:o3::x",
    ),
    *("o3/llama", "gpt-5/other"),
]


@pytest.mark.parametrize("model", REFUSE)
def test_reasoning_and_search_models_refuse_a_temperature(model: str) -> None:
    """O-series, gpt-5 and search models, dated, suffixed and behind a vendor's prefix too, take no temperature."""
    assert refuses_temperature(model)


@pytest.mark.parametrize("model", TAKE)
def test_other_models_take_a_temperature(model: str) -> None:
    """A name that only begins or ends like one of those, and every other, takes a temperature."""
    assert not refuses_temperature(model)
