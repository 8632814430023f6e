"""Tests of the table of models: its rows hang together, and what old code names is in it."""

from __future__ import annotations

from datetime import date

import pytest

from shim.migration.upgrades import AS_OF, MODELS, RETIRED_ENDPOINTS, facts_of

NAMED_BY_OLD_CODE = (
    *("gpt-3.5-turbo", "gpt-4", "gpt-3.5-turbo-16k", "gpt-3.5-turbo-0613", "gpt-3.5-turbo-0301", "gpt-4-0613"),
    *("gpt-3.5-turbo-16k-0613", "gpt-4-1106-preview", "gpt-4-0314", "gpt-4-32k"),
    *(
        "text-davinci-003",
        "text-davinci-002",
        "davinci",
        "code-davinci-002",
        "gpt-3.5-turbo-instruct",
        "text-davinci-001",
    ),
    *("davinci-codex", "davinci-instruct-beta-v3"),
    *("text-embedding-ada-002", "whisper-1", "text-davinci-edit-001", "code-davinci-edit-001"),
)


@pytest.mark.parametrize("name", NAMED_BY_OLD_CODE)
def test_what_old_code_names_is_known(name: str) -> None:
    """Every model that old code names often has a row."""
    assert facts_of(name) is not None


def test_every_row_has_a_source() -> None:
    """Each row says where it is told."""
    assert [row.name for row in MODELS.values() if not row.source] == []


def test_successors_live() -> None:
    """No successor is itself shut down on the day the table holds for, and each that chats is in the table."""
    for row in MODELS.values():
        if row.successor is None or row.successor == "omni-moderation-latest":
            continue
        successor = MODELS[row.successor]
        assert not successor.is_retired(AS_OF), row.name
        assert row.retires is None or successor.retires is None or successor.retires > row.retires


def test_retired_endpoints_have_a_way_out() -> None:
    """Each endpoint that is gone says where to go instead, and since when."""
    assert {"edits", "engines", "fine-tunes"} <= RETIRED_ENDPOINTS.keys()
    assert all(each.instead and each.retires < AS_OF for each in RETIRED_ENDPOINTS.values())


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("openai/gpt-4", "gpt-4"),
        ("ft:gpt-3.5-turbo-0613:us::1", "gpt-3.5-turbo-0613"),
        ("davinci:ft-us-2022", "davinci"),
    ],
)
def test_names_in_other_spellings_are_known(name: str, base: str) -> None:
    """A vendor's prefix and a tuning do not hide the base model."""
    assert facts_of(name) is MODELS[base]


@pytest.mark.parametrize("name", ["gpt-4x", "gpt-35-turbo", "", "llama"])
def test_nothing_is_guessed(name: str) -> None:
    """A name without a row is unknown, however much it looks like one."""
    assert facts_of(name) is None


def test_a_model_is_shut_down_from_its_day_on() -> None:
    """The day itself counts."""
    row = MODELS["gpt-4"]
    assert not row.is_retired(date(2026, 10, 22))
    assert row.is_retired(date(2026, 10, 23))
