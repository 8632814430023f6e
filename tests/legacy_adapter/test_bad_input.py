"""Tests of the table of bad input: each row is refused at once, by an error that says what is wrong, and nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shim.model import InvalidRequestError, ShimError
from shim.testing.fake_openai import FakeOpenAI
from tests.legacy_adapter.bad_input import ROWS, Row, markdown, seen

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def unasked() -> Iterator[FakeOpenAI]:
    """A server that must hear nothing."""
    with FakeOpenAI() as server:
        yield server
        assert server.request_count == 0


@pytest.mark.parametrize("row", ROWS, ids=[row.tried for row in ROWS])
def test_bad_input_is_refused_at_once_in_words(unasked: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    """The error is of the promised class and names the field, the kind of value and the remedy; the server hears nothing."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    error = seen(row, unasked.base_url)
    assert isinstance(error, row.error), repr(error)
    missing = [word for word in row.words if word not in str(error)]
    assert not missing, f"{missing} not in {error}"
    assert unasked.request_count == 0


@pytest.mark.parametrize("row", ROWS, ids=[row.tried for row in ROWS])
def test_an_error_speaks_of_what_the_user_knows(unasked: FakeOpenAI, row: Row) -> None:
    """No error tells a name of the legacy client's own settings, and every one that is ours to raise is ours."""
    error = seen(row, unasked.base_url)
    assert isinstance(error, (ShimError, TypeError)), repr(error)
    assert "openai_" not in str(error).replace("OPENAI_", "").lower().replace("fake_openai", "")
    assert "Config" not in str(error)


@pytest.mark.parametrize("row", ROWS, ids=[row.tried for row in ROWS])
def test_an_invalid_request_names_its_field(unasked: FakeOpenAI, row: Row) -> None:
    """Whatever is wrong with a request or a setting, the error's `field` says which."""
    error = seen(row, unasked.base_url)
    if isinstance(error, InvalidRequestError):
        assert error.field
        assert error.field.split(".")[0].split("[")[0] in str(error)


def test_the_table_prints_itself() -> None:
    """As Markdown the table has a line for each row."""
    lines = markdown().splitlines()
    assert len(lines) == len(ROWS) + 2
    assert all(line.count(" | ") >= 1 and line.startswith("| ") for line in lines[2:])
