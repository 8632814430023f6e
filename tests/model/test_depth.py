"""Tests of `shim.model.depth`: data nested without end harms nobody who shows it, pickles it or asks for it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from shim.model import InvalidRequestError, ModelRequest, ModelResponse, OpaquePart, ProviderError, check_request, user
from shim.model.depth import MAX_DEPTH, is_too_deep, pruned


def nested(levels: int) -> dict[str, Any]:
    """An object of so many levels, lists between."""
    made: Any = {}
    for level in range(levels - 1):
        made = [made] if level % 2 else {"in": made}
    return made if isinstance(made, dict) else {"in": made}


@pytest.mark.parametrize("levels", [1, 2, MAX_DEPTH - 2])
def test_what_people_nest_is_not_too_deep(levels: int) -> None:
    """Data of any depth that a schema or an answer has is left alone."""
    assert not is_too_deep(nested(levels))
    assert pruned(nested(levels)) == nested(levels)


def test_what_nests_without_end_is_too_deep() -> None:
    """Data deeper than the stack is measured without going down it, circles included."""
    circle: dict[str, Any] = {}
    circle["in"] = circle
    assert is_too_deep(nested(100_000))
    assert is_too_deep(circle)
    assert not is_too_deep(pruned(nested(100_000)))


def test_an_error_with_a_deep_partial_is_pickled() -> None:
    """An error goes to another process even if what had arrived is nested without end; the depths of it are left out."""
    partial = ModelResponse(id="r", extra={"deep": nested(5_000), "flat": 1})
    found = pickle.loads(pickle.dumps(ProviderError("truncated", "cut", partial=partial)))  # noqa: S301 - pickled here
    assert (found.category, found.message, found.partial.id, found.partial.extra["flat"]) == (
        "truncated",
        "cut",
        "r",
        1,
    )
    assert "left out" in repr(found.partial)


def test_deep_data_is_shown_by_a_word() -> None:
    """The repr of what holds data nested without end says so, and raises nothing."""
    assert repr(ModelResponse(extra=nested(100_000))) == "ModelResponse(nested too deeply to be shown)"
    assert repr(OpaquePart("x", nested(100_000))).rstrip("]})").endswith("'...'")
    assert repr(OpaquePart("x", {"a": 1})) == "OpaquePart(kind='x', data={'a': 1})"


def test_a_deep_request_is_refused_by_name() -> None:
    """A request field nested without end is refused before anything is sent, by its name."""
    with pytest.raises(InvalidRequestError, match="nested deeper") as caught:
        check_request(ModelRequest("m", [user("hi")], extra_body={"ok": 1, "deep": nested(5_000)}))
    assert caught.value.field == "deep"
    with pytest.raises(InvalidRequestError, match="nested deeper") as caught:
        check_request(ModelRequest("m", [user(OpaquePart("x", nested(5_000)))]))
    assert caught.value.field == "messages[0].parts[0].data"
