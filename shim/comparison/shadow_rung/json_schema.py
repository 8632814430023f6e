"""Whether a value that a model wrote keeps a JSON schema: the part of the language that tools and structured outputs use.

Not a validator for anybody's schemas: what is not in `_KEYWORDS` (`pattern`, `format`, `if`, a `$ref` to elsewhere, ...) is not
judged, and so finds nothing. It is bounded in steps and in depth, as a model chooses the value. Source: JSON Schema 2020-12, core
and validation; OpenAI's guide to structured outputs, supported schemas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

MOST_STEPS: Final = 20_000
"""Schemas applied to one value: some milliseconds of work."""
MOST_DEPTH: Final = 64
"""Schemas within schemas, `$ref`s included: a schema may refer to itself."""


class _GaveUpError(Exception):
    """The bound on steps or depth was reached."""


def keeps_schema(value: Any, schema: Any) -> bool | None:
    """Whether a JSON value keeps a schema; None where that takes more than is spent on it.

    Args:
        value: plain JSON: dict, list, str, int, float, bool, None.
        schema: a mapping, or true or false. Anything else judges nothing.
    """
    try:
        return _Check(schema).holds(value, schema, depth=0)
    except _GaveUpError:
        return None


class _Check:
    """One value against one schema: the root, which references start at, and the steps left."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = MOST_STEPS

    def holds(self, value: Any, schema: Any, *, depth: int) -> bool:
        self._left -= 1
        if self._left < 0 or depth > MOST_DEPTH:
            raise _GaveUpError
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping):
            return True
        return all(judge(self, value, schema, depth + 1) for keyword, judge in _KEYWORDS.items() if keyword in schema)

    def referred(self, reference: Any) -> Any:
        """What a `$ref` within the schema leads to (RFC 6901); true, which judges nothing, where it leads elsewhere."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return True
        found: Any = self._root
        for step in unquote(reference[1:]).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                return True
            found = found[name]
        return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}


def _names(given: Any) -> list[str]:
    """The strings of a list; of anything else none."""
    return [name for name in given if isinstance(name, str)] if isinstance(given, (list, tuple)) else []


def _type(_check: _Check, value: Any, schema: Mapping[str, Any], _depth: int) -> bool:
    names = schema["type"]
    known = [_TYPES[name] for name in _names(names if isinstance(names, (list, tuple)) else [names]) if name in _TYPES]
    return not known or any(fits(value) for fits in known)


def _same(one: Any, other: Any) -> bool:
    """JSON equality: 1 is 1.0, and true is neither."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(each, other[name]) for name, each in one.items())
    return bool(one == other)


def _enum(_check: _Check, value: Any, schema: Mapping[str, Any], _depth: int) -> bool:
    choices = schema["enum"]
    return not isinstance(choices, (list, tuple)) or any(_same(value, each) for each in choices)


def _const(_check: _Check, value: Any, schema: Mapping[str, Any], _depth: int) -> bool:
    return _same(value, schema["const"])


def _properties(check: _Check, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    known = schema["properties"]
    if not isinstance(value, dict) or not isinstance(known, Mapping):
        return True
    return all(check.holds(value[name], each, depth=depth) for name, each in known.items() if name in value)


def _required(_check: _Check, value: Any, schema: Mapping[str, Any], _depth: int) -> bool:
    return not isinstance(value, dict) or all(name in value for name in _names(schema["required"]))


def _additional_properties(check: _Check, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    if not isinstance(value, dict) or "patternProperties" in schema:
        return True
    listed = schema.get("properties")
    known = listed if isinstance(listed, Mapping) else {}
    further = schema["additionalProperties"]
    return all(check.holds(each, further, depth=depth) for name, each in value.items() if name not in known)


def _items(check: _Check, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    before = schema.get("prefixItems", ())
    skipped = len(before) if isinstance(before, (list, tuple)) else 0
    return not isinstance(value, list) or all(
        check.holds(each, schema["items"], depth=depth) for each in value[skipped:]
    )


def _prefix_items(check: _Check, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    schemas = schema["prefixItems"]
    if not isinstance(value, list) or not isinstance(schemas, (list, tuple)):
        return True
    return all(check.holds(one, other, depth=depth) for one, other in zip(value, schemas, strict=False))


def _passing(check: _Check, value: Any, schemas: Any, *, depth: int) -> tuple[int, int]:
    """How many of a list of schemas a value keeps, and how many there are."""
    listed = schemas if isinstance(schemas, (list, tuple)) else ()
    return sum(check.holds(value, each, depth=depth) for each in listed), len(listed)


def _any_of(check: _Check, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    passing, listed = _passing(check, value, schema["anyOf"], depth=depth)
    return passing > 0 or not listed


def _one_of(check: _Check, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    passing, listed = _passing(check, value, schema["oneOf"], depth=depth)
    return passing == 1 or not listed


def _all_of(check: _Check, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    passing, listed = _passing(check, value, schema["allOf"], depth=depth)
    return passing == listed


def _not(check: _Check, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    return not check.holds(value, schema["not"], depth=depth)


def _ref(check: _Check, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
    return check.holds(value, check.referred(schema["$ref"]), depth=depth)


_Judge: TypeAlias = Callable[[_Check, Any, Mapping[str, Any], int], bool]


def _bound(keyword: str, measured: Callable[[Any], float | None], fits: Callable[[float, float], bool]) -> _Judge:
    """A keyword that bounds a number or a size; `measured` is None for values it says nothing of."""

    def judge(_check: _Check, value: Any, schema: Mapping[str, Any], _depth: int) -> bool:
        size, limit = measured(value), schema[keyword]
        return size is None or not _is_number(limit) or fits(size, limit)

    return judge


def _number(value: Any) -> float | None:
    return value if _is_number(value) else None


def _characters(value: Any) -> float | None:
    return len(value) if isinstance(value, str) else None


def _length(value: Any) -> float | None:
    return len(value) if isinstance(value, list) else None


def _members(value: Any) -> float | None:
    return len(value) if isinstance(value, dict) else None


def _at_least(size: float, limit: float) -> bool:
    return size >= limit


def _at_most(size: float, limit: float) -> bool:
    return size <= limit


def _is_multiple(size: float, limit: float) -> bool:
    if limit == 0 or not math.isfinite(size):
        return True
    quotient = size / limit
    return math.isclose(quotient, round(quotient), rel_tol=1e-9, abs_tol=1e-9)  # 0.3 is a multiple of 0.1


_KEYWORDS: dict[str, _Judge] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional_properties,
    "prefixItems": _prefix_items,
    "items": _items,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _all_of,
    "not": _not,
    "$ref": _ref,
    "minimum": _bound("minimum", _number, _at_least),
    "maximum": _bound("maximum", _number, _at_most),
    "exclusiveMinimum": _bound("exclusiveMinimum", _number, lambda size, limit: size > limit),
    "exclusiveMaximum": _bound("exclusiveMaximum", _number, lambda size, limit: size < limit),
    "multipleOf": _bound("multipleOf", _number, _is_multiple),
    "minLength": _bound("minLength", _characters, _at_least),
    "maxLength": _bound("maxLength", _characters, _at_most),
    "minItems": _bound("minItems", _length, _at_least),
    "maxItems": _bound("maxItems", _length, _at_most),
    "minProperties": _bound("minProperties", _members, _at_least),
    "maxProperties": _bound("maxProperties", _members, _at_most),
}
