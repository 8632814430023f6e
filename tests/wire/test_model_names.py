"""Tests of `shim.wire.model_names`: what a model's name tells of the API it wants, its reasoning and its temperature."""

from __future__ import annotations

import pytest
from msgspec import UNSET, UnsetType

from shim.wire.model_names import (
    base_name,
    is_o_series,
    is_only_on_responses,
    reasons,
    refuses_temperature,
    refuses_tools_with_reasoning,
)


@pytest.mark.parametrize(
    "model", ["o1", "o3", "o4", "o1-mini", "o3_x", "o4-mini", "o3-2025-04-16", "openai/o3", "ft:o4-mini:t"]
)
def test_the_o_series(model: str) -> None:
    """A name that is o1, o3 or o4, or goes on with a dash or an underscore, is of the o-series."""
    assert is_o_series(model)


@pytest.mark.parametrize(
    "model", ["o30", "o2", "o1x", "o3.5", "gpt-4o", "gpt-5", "gpt-4o-mini", "foo-o1", "O1", "", "o3/gpt-4o"]
)
def test_not_the_o_series(model: str) -> None:
    """A name that only begins like one of them, or holds one, is not of the o-series."""
    assert not is_o_series(model)


@pytest.mark.parametrize(
    ("model", "alone"),
    [
        ("o1-pro", True),
        ("o3-pro-2025-06-10", True),
        ("gpt-5-pro", True),
        ("gpt-5.2-pro", True),
        ("gpt-5-codex", True),
        ("gpt-5.1-codex-max", True),
        ("codex-mini-latest", True),
        ("o3-deep-research", True),
        ("o4-mini-deep-research", True),
        ("computer-use-preview", True),
        ("openai/gpt-5-pro", True),
        ("gpt-5", False),
        ("gpt-5-professor", False),
        ("o3-mini", False),
        ("gemini-2.5-pro", False),
    ],
)
def test_models_on_responses_alone(model: str, alone: bool) -> None:  # noqa: FBT001 - parametrized
    """Pro, codex, deep research and computer use models are known to be on the Responses API alone."""
    assert is_only_on_responses(model) is alone


@pytest.mark.parametrize(
    ("model", "refuses"),
    [
        ("gpt-5.4", True),
        ("gpt-5.4-mini", True),
        ("gpt-5.10", True),
        ("gpt-6", True),
        ("gpt-6.1-mini", True),
        ("openai/gpt-5.5", True),
        ("gpt-5", False),
        ("gpt-5.3", False),
        ("gpt-5-mini", False),
        ("gpt-4.5", False),
        ("gpt-4o", False),
        ("gpt-35-turbo", False),
        ("gpt-5.4x", False),
        ("gpt-5.4-chat-latest", False),
        ("o3", False),
    ],
)
def test_models_that_refuse_tools_with_reasoning(model: str, refuses: bool) -> None:  # noqa: FBT001 - parametrized
    """GPT-5.4 and later refuse tools with reasoning, earlier models and the chat variants do not."""
    assert refuses_tools_with_reasoning(model) is refuses


def test_the_base_name() -> None:
    """A vendor's prefix and a tuned model's suffix are no part of the name."""
    assert [base_name(name) for name in ("o3", "openai/o3", "a/b/o3", "ft:o3:team::x")] == ["o3"] * 4


NO_TEMPERATURE = [
    *("o1", "o1-mini", "o1-preview", "o1-2024-12-17", "o1-pro", "o3", "o3-mini", "o3_custom", "o3-pro", "o4-mini"),
    *("o4-mini-2025-04-16", "o3.5"),
    *("gpt-5", "gpt-5-mini", "gpt-5-nano-2025-08-07", "gpt-5.1", "gpt-5.4-pro", "gpt-5-codex", "gpt-5_x"),
    *("gpt-4o-search-preview", "gpt-4o-mini-search-preview", "codex-mini-latest", "computer-use-preview"),
    *("openai/o3-mini", "azure/openai/gpt-5", "openrouter/openai/o1", "ft:o4-mini-2025-04-16:team::id"),
]
TEMPERATURE = [
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


@pytest.mark.parametrize("model", NO_TEMPERATURE)
def test_reasoning_and_search_models_refuse_a_temperature(model: str) -> None:
    """O-series, gpt-5 and search models, dated, suffixed and behind a vendor's prefix too, take no temperature."""
    assert refuses_temperature(model)


@pytest.mark.parametrize("model", TEMPERATURE)
def test_other_models_take_a_temperature(model: str) -> None:
    """A name that only begins or ends like one of those, and every other, takes a temperature."""
    assert not refuses_temperature(model)


@pytest.mark.parametrize(
    "model", ["o1", "o3-mini", "openai/o4-mini", "gpt-5", "gpt-5.1", "gpt-5-mini", "codex-mini-latest"]
)
def test_models_that_reason(model: str) -> None:
    """The o-series and GPT-5 and later think before they answer."""
    assert reasons(model)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "gpt-35-turbo", "llama-3", "", UNSET])
def test_models_that_do_not_reason(model: str | UnsetType) -> None:
    """Other models, the chat variants and a name that is not known are not taken for ones that think."""
    assert not reasons(model)
