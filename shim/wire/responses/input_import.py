"""An existing `input` as messages, losslessly: `input_items` gives the same items back.

Not the other fields of a body (`request_import`). Source: OpenAI API reference, Responses, `input`. What the model writes
otherwise than the body had it stands in an `extra` under `ITEM`; an item the model has no place for is an `OpaquePart`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from shim.model import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from shim.model.checks import kind_of
from shim.model.request import ContentForm
from shim.wire.lenient import differing
from shim.wire.responses.awaited import awaited_call, is_awaited
from shim.wire.responses.input_items import message_items
from shim.wire.responses.output_items import read_item
from shim.wire.responses.vocabulary import ITEM, is_block

_ROLES = ("system", "developer", "user", "assistant")
_RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})


def import_input(given: Any) -> tuple[Message, ...]:
    """Read an input: a string, or a list of items, neither empty.

    Raises:
        InvalidRequestError: it is neither, or an item is not one; names the place.
    """
    if isinstance(given, str):
        return (Message("user", (TextPart(given),)),)
    if not isinstance(given, list):
        raise InvalidRequestError(f"input is {kind_of(given)}; give a string or a list of items", field="input")
    messages: list[Message] = []
    for position, item in enumerate(given):
        _add(messages, _message_of(item, f"input[{position}]"))
    if len(messages) == 1 and messages[0] == Message("user", messages[0].text):
        return (structs.replace(messages[0], extra={ITEM: {}}),)  # marked as an item: without, it would be the string
    return tuple(messages)


def _add(messages: list[Message], message: Message) -> None:
    """Add a message; what the assistant did in one go, reasoning, one text and calls, is one message of its."""
    before = messages[-1] if messages else None
    if before is None or not before.role == message.role == "assistant":
        messages.append(message)
    elif not _has_content(message):
        messages[-1] = structs.replace(before, parts=(*before.parts, *message.parts))
    elif not _has_content(before):
        messages[-1] = structs.replace(message, parts=(*before.parts, *message.parts))
    else:
        messages.append(message)


def _has_content(message: Message) -> bool:
    """Whether a message has a message item's content; any other part is an item of its own."""
    return any(
        not isinstance(part, (ReasoningPart, ToolCallPart))
        and not (isinstance(part, OpaquePart) and not is_block(part.kind))
        for part in message.parts
    )


def _message_of(item: Any, place: str) -> Message:
    if not isinstance(item, dict):
        raise InvalidRequestError(f"{place} is {kind_of(item)}; give an item object", field=place)
    kind = item.get("type") or ("message" if "role" in item else "item_reference" if "id" in item else None)
    if not isinstance(kind, str) or is_block(kind):
        found = "a content part" if isinstance(kind, str) else "without a type"
        raise InvalidRequestError(f"{place} is {found}; give an item, such as a message", field=place)
    if kind == "message":
        return _message(item, place)
    if kind in _RESULTS:
        return _result(item, place)
    if kind == "item_reference":
        return Message("assistant", (OpaquePart(kind, item),))
    if is_awaited(item):
        return Message("assistant", (awaited_call(item),))
    return Message("assistant", (read_item(item, exact=True),))


def _message(item: dict[str, Any], place: str) -> Message:
    role = item.get("role")
    if role not in _ROLES:
        shown = repr(role) if isinstance(role, str) else kind_of(role)
        raise InvalidRequestError(f"{place}.role is {shown}; give one of {', '.join(_ROLES)}", field=f"{place}.role")
    fields = {name: value for name, value in item.items() if name not in ("role", "content")}
    parts, form = _content(item.get("content"), f"{place}.content", role=role, made="id" in item)
    message = Message(role, parts, extra={ITEM: fields} if fields else {}, content_form=form)
    if (parts or role != "assistant") and _items_of(message, place) == [item]:
        return message
    return Message(role, (OpaquePart("message", item),))


def _items_of(message: Message, place: str) -> list[dict[str, Any]]:
    """Write a message as it would be sent; none where it would be refused, having a form that only its server takes."""
    try:
        return message_items(message, place)
    except InvalidRequestError:
        return []


def _result(item: dict[str, Any], place: str) -> Message:
    call_id, output = item.get("call_id"), item.get("output")
    readable = isinstance(output, (str, list))
    parts, form = _content(output, f"{place}.output", role="tool", made=False) if readable else ((), "auto")
    result = ToolCallResponsePart(call_id if isinstance(call_id, str) else "", parts)  # type: ignore[arg-type]  # blocks are all a result can hold
    message = Message("tool", (result,), content_form=form)
    written = _items_of(message, place)
    if not written:
        message = Message("tool", (structs.replace(result, parts=()),))
        written = message_items(message, place)
    fields = differing(item, written[0])
    return structs.replace(message, extra={ITEM: fields}) if fields else message


def _content(content: Any, place: str, *, role: str, made: bool) -> tuple[tuple[Part, ...], ContentForm]:
    if isinstance(content, str):
        return (TextPart(content),), "auto"
    if not isinstance(content, list):
        raise InvalidRequestError(f"{place} is {kind_of(content)}; give a string or a list of parts", field=place)
    parts = tuple(_block(block, f"{place}[{position}]", role=role, made=made) for position, block in enumerate(content))
    alone = len(parts) == 1 and isinstance(parts[0], TextPart) and not parts[0].extra
    return parts, "list" if not made and (alone or not parts) else "auto"


def _block(block: Any, place: str, *, role: str, made: bool) -> Part:
    if not isinstance(block, dict):
        raise InvalidRequestError(f"{place} is {kind_of(block)}; give a content part with a type", field=place)
    kind = block.get("type", "")
    if not isinstance(kind, str):
        kind = ""
    if "type" not in block and isinstance(block.get("text"), str):  # servers take it for a text
        return _text(block, role=role, made=made)
    if kind in ("input_text", "output_text") and isinstance(block.get("text"), str):
        return _text(block, role=role, made=made)
    read = _BLOCKS.get((kind, role))
    return (read and read(block)) or OpaquePart(kind, block)


def _text(block: dict[str, Any], *, role: str, made: bool) -> TextPart:
    written = {"type": "output_text" if role == "assistant" else "input_text", "text": block["text"]}
    defaults: dict[str, Any] = {"annotations": []} if made and block.get("type") == "output_text" else {}
    return TextPart(block["text"], differing(block, written | defaults))


def _refusal(block: dict[str, Any]) -> Part | None:
    exact = block.keys() == {"type", "refusal"} and isinstance(block["refusal"], str)
    return RefusalPart(block["refusal"]) if exact else None


def _image(block: dict[str, Any]) -> Part | None:
    fields = _strings(block, {"image_url", "file_id", "detail"})
    return (
        None
        if fields is None or fields.keys() <= {"detail"}
        else ImagePart(fields.get("image_url"), fields.get("detail"), fields.get("file_id"))
    )


def _file(block: dict[str, Any]) -> Part | None:
    fields = _strings(block, {"file_id", "filename", "file_data", "file_url"})
    return None if fields is None or fields.keys() <= {"filename"} else FilePart(**fields)


def _strings(block: dict[str, Any], names: set[str]) -> dict[str, str] | None:
    """Read a block's fields, None unless they are strings of these names alone."""
    fields = {name: value for name, value in block.items() if name != "type"}
    exact = fields.keys() <= names and all(isinstance(value, str) for value in fields.values())
    return fields if exact else None


# Type of a block and role of its message -> how it is read; the model has these parts for these roles alone.
_BLOCKS: dict[tuple[str, str], Callable[[dict[str, Any]], Part | None]] = {
    ("refusal", "assistant"): _refusal,
    **{("input_image", role): _image for role in ("user", "assistant", "tool")},
    **{("input_file", role): _file for role in ("user", "assistant", "tool")},
}
