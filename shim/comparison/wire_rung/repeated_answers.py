"""What a request repeats of earlier answers, of two recordings: ids the server gave, and what the model said.

Not whether it repeats them truly (`shim.comparison.two_recordings.answer_hashes`) nor the comparing (`request_differences`).
Each recording has answers of its own: a call's id is another one each time, and of any two that agree in themselves a server
cannot tell the difference. OpenAI API reference, Chat Completions (`messages`) and Responses (`input`), create.
"""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import Struct

from shim.comparison.canonical import Difference
from shim.comparison.verdict import ABSENT

OWN_ANSWER: Final = "[the answer to the request before]"
TWO_ANSWERS: Final = (
    "each client repeats what its own model said, and two live answers differ (owner: repeated answers)"
)
"""Why what a difference shows is ignored."""
_CONVERSATION: Final = ("messages", "input")
_CALL_NAMES: Final = ("call_id", "tool_call_id", "approval_request_id")
_AFTER: Final = ("previous_response_id", "conversation")
# What an item without a role is, by how its type ends: what the application gives. Everything else came from a model.
_OF_THE_APPLICATION: Final = ("_output", "_response", "_reference")
_PLACE: Final = re.compile(r"(?:body|request)\.(messages|input)\[(\d+)\]\.(\w+)")
_SAID: Final = ("content", "tool_calls", "function_call", "parts", "arguments", "name", "summary", "input")


class Repeats(Struct, frozen=True, kw_only=True):
    """What is known of how two requests repeat answers, each of its own recording.

    Attributes:
        words: whether everything of a model's in either was said by a model in the recording it stands in, or is in both.
        answer: whether both go on from stored answers (`previous_response_id`) to requests that are partners.
    """

    words: bool = False
    answer: bool = False

    def explains(self, difference: Difference, *, bodies: tuple[Any, Any]) -> bool:
        """Whether the bodies part at a place only since two models said two things."""
        match = _PLACE.match(difference.path) if self.words else None
        if match is None:
            return False
        if not all(_is_a_models(body, match[1], index=int(match[2])) for body in bodies):
            return False
        kinds = {type(each) for each in (difference.control, difference.candidate) if each not in (None, ABSENT)}
        is_said = match[3] in _SAID or ABSENT not in (difference.control, difference.candidate)
        return is_said and len(kinds) <= 1


def _is_a_models(fields: Any, name: str, *, index: int) -> bool:
    items = fields.get(name) if isinstance(fields, dict) else None
    item = items[index] if isinstance(items, list) and index < len(items) else None
    if not isinstance(item, dict):
        return False
    role, kind = item.get("role"), item.get("type")
    if role is not None:
        return bool(role == "assistant")
    return isinstance(kind, str) and not kind.endswith(_OF_THE_APPLICATION)


def with_own_ids(fields: Any, *, repeats: Repeats | None = None) -> Any:
    """A request's fields with the ids of calls and items by their order, so that it says which belongs to which, and no more.

    Args:
        fields: a body, or what `two_apis.comparable` makes of it; it is not changed.
        repeats: says whether the stored answer it goes on from is put alike too.
    """
    if not isinstance(fields, dict):
        return fields
    renamed: dict[str, Any] = {}
    names = _Names()
    for name, value in fields.items():
        if name in _CONVERSATION and isinstance(value, list):
            renamed[name] = [names.renamed(each) for each in value]
        else:
            renamed[name] = dict(value) if name == "extra_body" else value
    if repeats is not None and repeats.answer:
        for holder in (renamed, renamed.get("extra_body")):
            if isinstance(holder, dict):
                holder.update({name: OWN_ANSWER for name in _AFTER if holder.get(name) is not None})
    return renamed


class _Names:
    """Names ids by the order in which they come; those of calls and those of items apart, as one API has the first alone."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}
        self._items: dict[str, str] = {}

    def renamed(self, value: Any) -> Any:
        """A value with other ids; the same where it has none."""
        if isinstance(value, list):
            return [self.renamed(each) for each in value]
        if not isinstance(value, dict):
            return value
        told = {name: self._named(name, value[name], within=value) for name in sorted(value)}
        return {name: told[name] for name in value}  # the same ids whatever the order of names, which stays

    def _named(self, name: str, value: Any, *, within: dict[str, Any]) -> Any:
        if not isinstance(value, str):
            return self.renamed(value)
        if name in _CALL_NAMES or (name == "id" and _is_call(within)):
            return self._calls.setdefault(value, f"[call {len(self._calls) + 1}]")
        return self._items.setdefault(value, f"[item {len(self._items) + 1}]") if name == "id" else value


def _is_call(holder: dict[str, Any]) -> bool:
    """Whether the `id` of an object is that of a call: of Chat Completions, or of a request's part."""
    return "function" in holder or "custom" in holder or str(holder.get("is", "")).startswith("tool_call")


__all__ = ["OWN_ANSWER", "TWO_ANSWERS", "Repeats", "with_own_ids"]
