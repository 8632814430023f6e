"""Lenient readings both APIs share: values of whatever kind a server sends, read as what a person would take them for.

Not the words of one API (`chat.vocabulary`, `responses.vocabulary`). The rule behind them: a field of a kind its API does not
give it is not dropped; what of it can be read is read, and it is kept as it came, under its own name (`unmodelled`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from msgspec import UNSET

MAX_CALLS: Final = 10_000
"""How many tool calls a whole answer may have, as `Caps` says of a stream; OpenAI lets a request name 128 tools."""

NO_ARGUMENTS: Final = "{}"
"""The arguments of a call that needs none, and what some gateways say before they know them."""

Kinds: TypeAlias = tuple[type, ...]

# Names under which servers put the words of a reasoning, in the order a person would look for them.
_WORDS = ("text", "thinking", "summary", "content", "reasoning", "reasoning_content")
_PLACED_BEFORE = NO_ARGUMENTS + "{"
_DEPTH = 8  # levels in which words are looked for


class TooManyCallsError(Exception):
    """More tool calls in one answer than it may have; a codec makes a protocol error of it."""

    def __init__(self, words: str = f"more than {MAX_CALLS} tool calls, which is no answer") -> None:
        super().__init__(words)


def text_of(value: Any) -> str:
    """Read a string; anything else is ""."""
    return value if isinstance(value, str) else ""


def arguments_of(value: Any) -> str:
    """Read a call's arguments as text: null is "", an object (seen from proxies) is its JSON."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def without_placeholder(arguments: str) -> str:
    """Leave out the empty object that some gateways before Anthropic put before the arguments."""
    return arguments[len(NO_ARGUMENTS) :] if arguments.startswith(_PLACED_BEFORE) else arguments


def index_of(value: Any) -> int | None:
    """Read an index from 0; anything else is None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def count_of(holder: Any, name: str) -> int:
    """Read a count of a usage object; one that is missing or no finite number is 0."""
    value = holder.get(name) if type(holder) is dict or isinstance(holder, Mapping) else None
    if type(value) is int:
        return value
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0


def dicts_in(value: Any) -> list[dict[str, Any]]:
    """Read a list's objects; anything else holds none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def words_in(value: Any) -> str:
    """Read the words of a reasoning that is no plain string: an object, however nested, or a list of pieces."""
    return "".join(_words(value, _DEPTH))


def _words(value: Any, depth: int) -> Iterator[str]:
    if depth < 0:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for piece in value:
            yield from _words(piece, depth - 1)
    elif isinstance(value, dict):
        found = next((value[name] for name in _WORDS if value.get(name)), None)
        inner = (each for each in value.values() if isinstance(each, (dict, list)))
        for each in (found,) if found is not None else inner:
            yield from _words(each, depth - 1)


def unmodelled(fields: Mapping[str, Any], modelled: Mapping[str, Kinds]) -> dict[str, Any]:
    """Keep what the model has no place for: other fields, and modelled ones of a kind their API does not give them.

    Args:
        fields: of a body, a choice, a message.
        modelled: name -> the kinds in which it is read; without any, it is never kept. Null says nothing and is left out.
    """
    kept = {}
    for name, value in fields.items():
        if value is not None:
            kinds = modelled.get(name)
            if kinds is None or (kinds and type(value) not in kinds):  # exactly: a flag is no number
                kept[name] = value
    return kept


def differing(fields: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    """The fields to lay over `written` to make it `fields`: UNSET for one that is not there."""
    laid = {name: value for name, value in fields.items() if written.get(name, UNSET) != value}
    return laid | {name: UNSET for name in written if name not in fields}
