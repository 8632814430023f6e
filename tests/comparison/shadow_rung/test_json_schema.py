"""Tests of the schema check: what tools and structured outputs ask for is judged, and nothing a model writes takes long."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.comparison.shadow_rung.json_schema import keeps_schema

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 1}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"city": "Oslo"}, True),
        ({"city": "Oslo", "days": 2.0}, True),
        ({"city": ""}, False),
        ({"city": None}, False),
        ({"city": "Oslo", "days": 0}, False),
        ({"city": "Oslo", "days": True}, False),
        ({"city": "Oslo", "days": 1.5}, False),
        ({"days": 1}, False),
        ({"city": "Oslo", "mood": "fine"}, False),
        (["Oslo"], False),
    ],
)
def test_arguments_of_a_tool(value: Any, *, kept: bool) -> None:
    """Types, required names, bounds and further names of an object are judged."""
    assert keeps_schema(value, WEATHER) is kept


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"enum": ["a", 1]}, [1.0, "a"], [True, "b", None]),
        ({"const": {"a": [1]}}, [{"a": [1.0]}], [{"a": [True]}, {"a": []}, {}]),
        ({"const": [1]}, [[1], [1.0]], [[True], [1, 1], ["1"], "1", {"0": 1}, 1, None]),
        ({"const": {"a": 1}}, [{"a": 1.0}], [[1], "a", 1, None, {"b": 1}]),
        ({"type": ["string", "null"]}, ["x", None], [1, []]),
        ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, ["x", 3], [2]),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, [1.5], [1, "x"]),
        ({"allOf": [{"type": "number"}, {"maximum": 3}]}, [3], [4, "x"]),
        ({"not": {"type": "string"}}, [1], ["x"]),
        ({"items": {"type": "integer"}, "minItems": 1}, [[1], [1, 2]], [[], ["x"]]),
        ({"prefixItems": [{"type": "string"}], "items": False}, [[], ["x"]], [[1], ["x", 2]]),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 1}, [0.5], [0, 1]),
        ({"multipleOf": 0.1}, [0.3, 2], [0.35]),
        ({"maxLength": 2, "maxItems": 1, "maxProperties": 1}, ["ab", [1], {"a": 1}], ["abc", [1, 2], {"a": 1, "b": 2}]),
        ({"additionalProperties": {"type": "string"}}, [{"a": "x"}], [{"a": 1}]),
        ({"minProperties": 1}, [{"a": 1}], [{}]),
        (True, [1], []),
        (False, [], [1, None]),
    ],
)
def test_keywords(schema: Any, good: list[Any], bad: list[Any]) -> None:
    """Each keyword lets through what keeps it and nothing else."""
    assert [keeps_schema(value, schema) for value in good] == [True] * len(good)
    assert [keeps_schema(value, schema) for value in bad] == [False] * len(bad)


def test_references_within_the_schema() -> None:
    """A schema that refers to its own definitions, or to itself, is followed."""
    tree = {
        "$defs": {
            "no/de": {"type": "object", "properties": {"next": {"$ref": "#/$defs/no~1de"}, "n": {"type": "integer"}}}
        },
        "$ref": "#/$defs/no~1de",
    }
    assert keeps_schema({"n": 1, "next": {"n": 2, "next": {}}}, tree) is True
    assert keeps_schema({"n": 1, "next": {"n": "2"}}, tree) is False
    assert keeps_schema({"next": {"next": 3}}, {"type": "object", "properties": {"next": {"$ref": "#"}}}) is False


@pytest.mark.parametrize(
    "schema", [{"$ref": "https://example.com/x"}, {"$ref": "#/nowhere"}, {"pattern": "(a+)+$"}, 7, None]
)
def test_what_is_not_judged_finds_nothing(schema: Any) -> None:
    """A reference to elsewhere, a keyword that is not known, and what is no schema at all let everything through."""
    assert keeps_schema("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", schema) is True


def test_it_gives_up_in_time() -> None:
    """A schema that refers to itself without end, and one that multiplies, end without a judgement."""
    began = time.process_time()
    assert keeps_schema(1, {"$ref": "#"}) is None
    branching = {"allOf": [{"$ref": "#"}] * 9}
    assert keeps_schema(1, branching) is None
    assert time.process_time() - began < 2


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "type",
    "enum",
    "const",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "anyOf",
    "not",
    "$ref",
    "minimum",
]


@given(PLAIN, st.dictionaries(st.sampled_from(NAMES), PLAIN, max_size=4))
def test_any_schema_is_taken(value: Any, schema: dict[str, Any]) -> None:
    """Whatever stands in a schema, a judgement comes and no exception."""
    assert keeps_schema(value, schema) in {True, False, None}
