"""Tests of `shim.testing.fake_openai.persona.schema_values`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.testing.fake_openai.persona.schema_values import fill
from shim.testing.fake_openai.persona.words import Wording

SAID = Wording("Book two nights in Lisbon, in celsius please.")


def properties(**schemas: Any) -> dict[str, Any]:
    return {"type": "object", "properties": schemas, "required": list(schemas)}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "Lisbon"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "number"}, 1),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"]}, 1),
        ({"const": "x"}, "x"),
        ({"default": 5, "type": "integer"}, 5),
        ({"enum": ["kelvin", "celsius"]}, "celsius"),
        ({"enum": [1, 2]}, 1),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "a"),
        (properties(city={"type": "string"}, query={"type": "string"}), {"city": "Lisbon", "query": SAID.text}),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, 1),
        ({"allOf": [{"$ref": "#/$defs/n"}, {"minimum": 4}], "$defs": {"n": {"type": "integer"}}}, 4),
        ({}, "Lisbon"),
        (True, "Lisbon"),
    ],
)
def test_a_value_fits_its_schema(schema: Any, value: Any) -> None:
    """Each keyword is read: required properties only, the first choice, and strings from what was said."""
    assert fill(schema, SAID) == value


def test_a_recursive_schema_ends() -> None:
    """A schema that requires itself gets null at some depth."""
    node = properties(child={"$ref": "#"})
    value, depth = fill(node, SAID), 0
    while value is not None:
        value, depth = value["child"], depth + 1
    assert depth < 20


def test_a_schema_that_multiplies_ends() -> None:
    """A schema whose items are the schema again does not grow without bound."""
    value = fill({"type": "array", "minItems": 8, "items": {"$ref": "#"}}, SAID)
    assert len(str(value)) < 50_000


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["type", "items", "properties", "required", "$ref", "allOf", "anyOf", "enum", "minItems", "minimum"]),
        inner | st.sampled_from(["object", "array", "string", "#", "#/properties"]),
        max_size=4,
    ),
    max_leaves=10,
)  # fmt: skip


@given(_JSON)
def test_no_schema_whatever_breaks_it(schema: Any) -> None:
    """Any JSON value given as a schema yields some value."""
    fill(schema, SAID)
