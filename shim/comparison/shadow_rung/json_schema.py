"""Whether a value that a model wrote keeps a JSON schema: the part of the language that tools and structured outputs use.

Not a validator for anybody's schemas: what is not in `_KEYWORDS` (a pattern, a format, a reference to elsewhere, ...) is not
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
        place = _Place(self, schema, depth=depth + 1)
        return all(judge(value, place) for keyword, judge in _KEYWORDS.items() if keyword in schema)

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


class _Place:
    """One schema within the whole, and how deep it stands."""

    __slots__ = ("_depth", "check", "schema")

    def __init__(self, check: _Check, schema: Mapping[str, Any], *, depth: int) -> None:
        self.check = check
        self.schema = schema
        self._depth = depth

    def holds(self, value: Any, schema: Any) -> bool:
        """Whether a value keeps a schema within this one."""
        return self.check.holds(value, schema, depth=self._depth)


def is_number(value: Any) -> bool:
    """Whether a value is a number as JSON has them: true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": is_number,
    "integer": lambda value: is_number(value) and (isinstance(value, int) or value.is_integer()),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}


def _names(given: Any) -> list[str]:
    """The strings of a list; of anything else none."""
    return [name for name in given if isinstance(name, str)] if isinstance(given, (list, tuple)) else []


def _type(value: Any, place: _Place) -> bool:
    names = place.schema["type"]
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


def _enum(value: Any, place: _Place) -> bool:
    choices = place.schema["enum"]
    return not isinstance(choices, (list, tuple)) or any(_same(value, each) for each in choices)


def _const(value: Any, place: _Place) -> bool:
    return _same(value, place.schema["const"])


def _properties(value: Any, place: _Place) -> bool:
    known = place.schema["properties"]
    if not isinstance(value, dict) or not isinstance(known, Mapping):
        return True
    return all(place.holds(value[name], each) for name, each in known.items() if name in value)


def _required(value: Any, place: _Place) -> bool:
    return not isinstance(value, dict) or all(name in value for name in _names(place.schema["required"]))


def _additional_properties(value: Any, place: _Place) -> bool:
    if not isinstance(value, dict) or "patternProperties" in place.schema:
        return True
    listed = place.schema.get("properties")
    known = listed if isinstance(listed, Mapping) else {}
    further = place.schema["additionalProperties"]
    return all(place.holds(each, further) for name, each in value.items() if name not in known)


def _items(value: Any, place: _Place) -> bool:
    before = place.schema.get("prefixItems", ())
    skipped = len(before) if isinstance(before, (list, tuple)) else 0
    return not isinstance(value, list) or all(place.holds(each, place.schema["items"]) for each in value[skipped:])


def _prefix_items(value: Any, place: _Place) -> bool:
    schemas = place.schema["prefixItems"]
    if not isinstance(value, list) or not isinstance(schemas, (list, tuple)):
        return True
    return all(place.holds(one, other) for one, other in zip(value, schemas, strict=False))


def _passing(value: Any, keyword: str, *, place: _Place) -> tuple[int, int]:
    """How many of a keyword's list of schemas a value keeps, and how many there are."""
    schemas = place.schema[keyword]
    listed = schemas if isinstance(schemas, (list, tuple)) else ()
    return sum(place.holds(value, each) for each in listed), len(listed)


def _any_of(value: Any, place: _Place) -> bool:
    passing, listed = _passing(value, "anyOf", place=place)
    return passing > 0 or not listed


def _one_of(value: Any, place: _Place) -> bool:
    passing, listed = _passing(value, "oneOf", place=place)
    return passing == 1 or not listed


def _all_of(value: Any, place: _Place) -> bool:
    passing, listed = _passing(value, "allOf", place=place)
    return passing == listed


def _not(value: Any, place: _Place) -> bool:
    return not place.holds(value, place.schema["not"])


def _ref(value: Any, place: _Place) -> bool:
    return place.holds(value, place.check.referred(place.schema["$ref"]))


_Judge: TypeAlias = Callable[[Any, _Place], bool]


def _bound(keyword: str, measured: Callable[[Any], float | None], *, fits: Callable[[float, float], bool]) -> _Judge:
    """A keyword that bounds a number or a size; `measured` is None for values it says nothing of."""

    def judge(value: Any, place: _Place) -> bool:
        size, limit = measured(value), place.schema[keyword]
        return size is None or not is_number(limit) or fits(size, limit)

    return judge


def _number(value: Any) -> float | None:
    return value if is_number(value) else None


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
    "minimum": _bound("minimum", _number, fits=_at_least),
    "maximum": _bound("maximum", _number, fits=_at_most),
    "exclusiveMinimum": _bound("exclusiveMinimum", _number, fits=lambda size, limit: size > limit),
    "exclusiveMaximum": _bound("exclusiveMaximum", _number, fits=lambda size, limit: size < limit),
    "multipleOf": _bound("multipleOf", _number, fits=_is_multiple),
    "minLength": _bound("minLength", _characters, fits=_at_least),
    "maxLength": _bound("maxLength", _characters, fits=_at_most),
    "minItems": _bound("minItems", _length, fits=_at_least),
    "maxItems": _bound("maxItems", _length, fits=_at_most),
    "minProperties": _bound("minProperties", _members, fits=_at_least),
    "maxProperties": _bound("maxProperties", _members, fits=_at_most),
}
