"""What a conversation of Chat Completions says in forms of its own, in the words of the Responses API.

Not the writing of items (`input_items`) nor of tools and formats (`request.flat`). Source: OpenAI API references, `messages` and
`input`: calls, images, files and annotations are nested there, and flat here; a result's name, a call's index and an empty
reasoning say nothing that is not said here already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET

from shim.model import InvalidRequestError, Message, Part, ReasoningPart, ToolCallPart, ToolCallResponsePart
from shim.model.checks import kind_of

# Field of a Chat Completions message, which may stand in its `extra` -> where to go instead.
CHAT_ONLY_IN_MESSAGE: dict[str, str] = {
    "tool_calls": "give each call its id, and its arguments as JSON text, or use Chat Completions",
    "function_call": "give the call an id, and its arguments as JSON text, or use Chat Completions",
    "audio": "leave it out, or use Chat Completions, which has what was spoken",
}
"""Fields of a message that only Chat Completions has; nothing else there says the same."""
# Block of Chat Completions -> its type here, and the field that its `url`, or a plain string there, is.
NESTED_BLOCKS: dict[str, tuple[str, str]] = {
    "image_url": ("input_image", "image_url"),
    "file": ("input_file", "file_data"),
}
"""The blocks of Chat Completions that have another form here."""


def named_results(messages: Sequence[Message], telling: Iterable[tuple[int, Message]]) -> frozenset[int]:
    """The positions of results whose `name` is that of the call they answer, which the call tells already.

    Args:
        messages: the conversation.
        telling: its messages that are not plain, each with its position; a plain one has no name.
    """
    named = [(position, each) for position, each in telling if each.role == "tool" and each.name is not UNSET]
    if not named:
        return frozenset()
    calls = {(part.id, part.name) for each in messages for part in each.parts if isinstance(part, ToolCallPart)}
    return frozenset(
        position
        for position, each in named
        if all((part.id, each.name) in calls for part in each.parts if isinstance(part, ToolCallResponsePart))
    )


def is_empty_reasoning(part: Part) -> bool:
    """Whether a part is the empty reasoning of a Chat Completions message, which says nothing."""
    return isinstance(part, ReasoningPart) and part.wire_field is not None and not part.text and not part.extra


def lifted_block(name: str, block: dict[str, Any], *, place: str) -> dict[str, Any]:
    """Lift what Chat Completions nests in an image or a file, and may say there as a plain string; null says nothing."""
    kind, own = NESTED_BLOCKS[name]
    nested = block.get(name)
    if isinstance(nested, str):
        nested = {own: nested}
    elif isinstance(nested, dict):
        nested = {own if field == "url" else field: value for field, value in nested.items()}
    else:
        raise InvalidRequestError(f"{place}.{name} is {kind_of(nested)}; give an object with its {own}", field=place)
    beside = {field: value for field, value in block.items() if field not in ("type", name)}
    return {"type": kind} | {field: value for field, value in (nested | beside).items() if value is not None}


def flat_annotations(annotations: Any) -> list[dict[str, Any]]:
    """The annotations of a Chat Completions message as those of a text here; none where they are of another kind."""
    if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
        return []
    flat = []
    for each in annotations:
        kind = each.get("type")
        nested = each.get(kind) if isinstance(kind, str) else None
        beside = {name: value for name, value in each.items() if name != kind}
        flat.append(beside | nested if isinstance(nested, dict) else each)
    return flat


def flat_call(extra: dict[str, Any], kind: str) -> dict[str, Any]:
    """Lift what Chat Completions nests in a call beside its name; an `index` is told by the order here, a type by the item."""
    further = extra.get(kind)
    lifted = extra | further if isinstance(further, dict) else extra
    dropped = {"index", "type" if extra.get("type") is UNSET else "", kind if lifted is not extra else ""}
    return {name: value for name, value in lifted.items() if name not in dropped}
