"""Makes a value that fits a JSON Schema, deterministically, its strings from what the user said where that makes sense.

Not a validator and not complete: it reads the keywords that function parameters and structured outputs use
(JSON Schema 2020-12: type, enum, const, default, properties, required, items, minItems, minimum, anyOf, oneOf, allOf, $ref).
"""

import math
import re
from typing import Any

from shim.testing.fake_openai.persona.words import Wording

# A schema may refer to itself: deeper than this, or beyond so many values, all is null.
MAX_DEPTH = 12
MAX_VALUES = 1000
_FREE_TEXT = re.compile(
    r"query|question|text|message|prompt|input|content|body|note|reason|description|expression", re.IGNORECASE
)


def fill(schema: object, said: Wording, *, name: str = "") -> Any:
    """A value for a schema; `name` is the property it is for. Required properties only."""
    root = schema if isinstance(schema, dict) else {}
    return _Filler(root, said).value(root, name, depth=0)


class _Filler:
    """One walk through one schema."""

    def __init__(self, root: dict[str, Any], said: Wording) -> None:
        self._root = root
        self._said = said
        self._left = MAX_VALUES

    def value(self, schema: object, name: str, *, depth: int) -> Any:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            return None
        if not isinstance(schema, dict):
            return self._string(name)
        schema = self._resolved(schema)
        for keyword in ("const", "default"):
            if keyword in schema:
                return schema[keyword]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._chosen(schema["enum"])
        for keyword in ("anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list) and schema[keyword]:
                return self.value(schema[keyword][0], name, depth=depth + 1)
        return self._of_type(schema, name, depth=depth)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        merged = dict(schema)
        for _ in range(MAX_DEPTH):
            reference = merged.pop("$ref", None)
            parts = merged.pop("allOf", None)
            if reference is None and not isinstance(parts, list):
                break
            for part in (self._target(reference), *(parts if isinstance(parts, list) else ())):
                merged |= part if isinstance(part, dict) else {}
        return merged

    def _target(self, reference: object) -> object:
        target: object = self._root
        for step in str(reference or "").split("/")[1:]:
            target = target.get(step) if isinstance(target, dict) else None
        return target if reference is not None else None

    def _chosen(self, options: list[Any]) -> Any:
        spoken = (one for one in options if isinstance(one, str) and one.lower() in self._said.words)
        return next(spoken, options[0])

    def _of_type(self, schema: dict[str, Any], name: str, *, depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if kind is not None and not isinstance(kind, str):
            return None
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema, depth)
        if kind == "array":
            items = max(1, _whole(schema.get("minItems"), 1))
            return [
                self.value(schema.get("items", {"type": "string"}), name, depth=depth + 1) for _ in range(min(items, 8))
            ]
        simple = {"boolean": True, "null": None, "integer": _whole(schema.get("minimum"), 1)}
        simple["number"] = simple["integer"]
        return simple[kind] if kind in simple else self._string(name)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        required = schema.get("required")
        known = properties if isinstance(properties, dict) else {}
        names = [one for one in required if isinstance(one, str)] if isinstance(required, list) else []
        return {one: self.value(known.get(one, {}), one, depth=depth + 1) for one in names}

    def _string(self, name: str) -> str:
        if _FREE_TEXT.search(name):
            return self._said.text
        return self._said.subject


def _whole(value: object, otherwise: int) -> int:
    """The smallest whole number that is no less than a bound."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return math.ceil(value) if usable and isinstance(value, (int, float)) else otherwise
