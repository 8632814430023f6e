"""Tests of `shim.wire.model_families`: what a model's name tells of the API it wants."""

from __future__ import annotations

import pytest

from shim.wire.model_families import base_name, is_o_series, is_only_on_responses, refuses_tools_with_reasoning


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
