"""Messages in Chat Completions form: what one `Message` becomes on the wire.

Not the way back (`request_import`, `response`). Source: OpenAI API reference, Chat Completions, `messages`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from shim.model import (
    AudioPart,
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
from shim.wire.chat.message_items import is_message_item, message_of_item
from shim.wire.chat.refused import unsupported
from shim.wire.json_text import merged

_NOWHERE = "a plain message"  # which no error names


def message_to_wire(message: Message, place: str) -> list[dict[str, Any]]:
    """Write one message; a tool message becomes one wire message per result.

    Raises:
        UnsupportedFeatureError: a part has no place in Chat Completions; `place` names the message.
    """
    if message.role == "tool":
        return [
            _tool_result(message, part, place=place) for part in message.parts if isinstance(part, ToolCallResponsePart)
        ]
    for part in message.parts:
        if isinstance(part, OpaquePart) and is_message_item(part, message.role):
            return _with_items(message, place)
    return [_one_message(message, place)]


def _one_message(message: Message, place: str) -> dict[str, Any]:
    if message.role == "assistant":
        return _assistant(message, place)
    content = _content(message.parts, message.content_form, place=place)
    return _finish(message, {"role": message.role, "content": content})


def _with_items(message: Message, place: str) -> list[dict[str, Any]]:
    """Write a message that holds items of Responses which are messages themselves: each is one here, too."""
    wire: list[dict[str, Any]] = []
    kept: list[Part] = []
    for position, part in enumerate((*message.parts, None)):
        is_item = isinstance(part, OpaquePart) and is_message_item(part, message.role)
        if kept and (is_item or part is None):
            wire.append(_one_message(replace(message, parts=tuple(kept)), place))
            kept = []
        if is_item and isinstance(part, OpaquePart):
            wire.append(message_of_item(part.data, f"{place}.parts[{position}]"))
        elif part is not None:
            kept.append(part)
    return wire


def plain_to_wire(message: Message) -> list[dict[str, Any]]:
    """Write a message that `is_plain`, as `message_to_wire` does; nothing of it can be refused."""
    parts = message.parts
    part = parts[0] if len(parts) == 1 else None
    if message.content_form == "list" or part is None:
        return message_to_wire(message, _NOWHERE)
    if type(part) is TextPart:
        return [{"role": message.role, "content": part.text}]
    if type(part) is ToolCallResponsePart and len(part.parts) == 1 and type(part.parts[0]) is TextPart:
        return [{"role": "tool", "tool_call_id": part.id, "content": part.parts[0].text}]
    if type(part) is ToolCallPart and message.content_form != "absent":
        function = {"name": part.name, "arguments": part.arguments}
        calls = [{"id": part.id, "type": "function", "function": function}]
        return [{"role": "assistant", "content": None, "tool_calls": calls}]
    return message_to_wire(message, _NOWHERE)


def _tool_result(message: Message, part: ToolCallResponsePart, *, place: str) -> dict[str, Any]:
    if part.is_error:
        raise unsupported(f"{place}.is_error", "say in the result's text that the tool failed")
    item = message.extra.get("item")
    if isinstance(item, dict) and item.get("output", UNSET) is not UNSET:  # of a kind that no part models
        raise unsupported(f"{place}.extra.item.output", "give the result as a text or a list of parts")
    content = _content(part.parts, message.content_form, place=place)
    return _finish(message, {"role": "tool", "tool_call_id": part.id, "content": content})


def _assistant(message: Message, place: str) -> dict[str, Any]:
    content: list[Part] = []
    body: dict[str, Any] = {"role": "assistant", "content": None}
    calls: list[dict[str, Any]] = []
    for position, part in enumerate(message.parts):
        if isinstance(part, ToolCallPart):
            _add_call(part, body=body, calls=calls, place=f"{place}.parts[{position}]")
        elif isinstance(part, RefusalPart):
            if _without_item(part.extra):
                raise unsupported(f"{place}.parts[{position}].extra", "leave it out: a refusal is a plain text there")
            body["refusal"] = body.get("refusal", "") + part.text
        elif isinstance(part, ReasoningPart):
            _add_reasoning(part, body=body, content=content, place=f"{place}.parts[{position}]")
        else:
            content.append(part)
    body["content"] = _content(content, message.content_form, place=place)
    if calls:
        body["tool_calls"] = calls
    return _finish(message, body)


def _add_call(part: ToolCallPart, *, body: dict[str, Any], calls: list[dict[str, Any]], place: str) -> None:
    if part.kind == "function":
        calls.append(_call(part, {"name": part.name, "arguments": part.arguments}))
    elif part.kind == "custom":
        calls.append(_call(part, {"name": part.name, "input": part.arguments}))
    elif part.kind == "function_call":
        if "function_call" in body:
            raise unsupported(place, "a message holds one function_call; make the calls of kind 'function'")
        named = {"name": part.name, "arguments": part.arguments}
        body["function_call"] = merged(named, _without_item(part.extra))
    else:
        raise unsupported(place, f"leave the {part.kind} out, or use the Responses API, whose item it is")


def _call(part: ToolCallPart, named: dict[str, Any]) -> dict[str, Any]:
    """Write a call; further fields of its function stand in its `extra` under that name."""
    extra = _without_item(part.extra)
    further = extra.get(part.kind)
    if isinstance(further, dict):
        extra = extra | {part.kind: merged(named, further)}
    return merged({"id": part.id, "type": part.kind, part.kind: named}, extra)


def _add_reasoning(part: ReasoningPart, *, body: dict[str, Any], content: list[Part], place: str) -> None:
    if part.wire_field is None:
        raise unsupported(place, "leave the reasoning part out, or use the Responses API, which takes it back")
    extra = _without_item(part.extra)
    if part.wire_field == "content":
        if not extra:
            raise unsupported(f"{place}.extra", "give the content block there that the reasoning is")
        content.append(OpaquePart(str(part.extra.get("type")), part.extra))
    elif part.wire_field == "thinking":
        block = {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
        content.append(OpaquePart("thinking", merged(block, extra)))
    elif extra:
        raise unsupported(f"{place}.extra", f"leave it out: {part.wire_field} is a plain text there")
    else:
        body[part.wire_field] = body.get(part.wire_field, "") + part.text


def _content(parts: Iterable[Part], form: str, *, place: str) -> Any:
    parts = tuple(parts)
    if form != "list" and len(parts) == 1 and isinstance(parts[0], TextPart) and not _without_item(parts[0].extra):
        return parts[0].text
    if not parts and form != "list":
        return UNSET if form == "absent" else None
    return [_block(part, f"{place}.parts[{position}]") for position, part in enumerate(parts)]


def _finish(message: Message, body: dict[str, Any]) -> dict[str, Any]:
    if body["content"] is UNSET:
        del body["content"]
    if message.name is not UNSET:
        body["name"] = message.name
    extra = _without_item(message.extra)
    if not isinstance(extra.get("role", ""), str):  # as a server sent it, which says nothing
        extra = {name: value for name, value in extra.items() if name != "role"}
    return merged(body, extra)


def _without_item(extra: dict[str, Any]) -> dict[str, Any]:
    """Leave out what `shim.wire.responses` keeps of an item under `item`: its id and status mean nothing here."""
    return {key: value for key, value in extra.items() if key != "item"} if "item" in extra else extra


def _block(part: Part, place: str) -> dict[str, Any]:
    writer = _BLOCKS.get(type(part))
    if writer is None:
        raise InvalidRequestError(f"{place} is a {type(part).__name__}, which is not message content", field=place)
    return writer(part, place)


def _text(part: TextPart, _place: str) -> dict[str, Any]:
    return merged({"type": "text", "text": part.text}, _without_item(part.extra))


def _image(part: ImagePart, place: str) -> dict[str, Any]:
    if part.url is None or part.file_id is not None:
        raise unsupported(f"{place}.file_id", "give the image's url (https or data), or use the Responses API")
    image = {"url": part.url} if part.detail is None else {"url": part.url, "detail": part.detail}
    return {"type": "image_url", "image_url": image}


def _audio(part: AudioPart, _place: str) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


def _file(part: FilePart, place: str) -> dict[str, Any]:
    if part.file_url is not None:
        raise unsupported(f"{place}.file_url", "give file_data or an uploaded file_id, or use the Responses API")
    fields = {"file_id": part.file_id, "filename": part.filename, "file_data": part.file_data}
    return {"type": "file", "file": {name: value for name, value in fields.items() if value is not None}}


def _opaque(part: OpaquePart, place: str) -> dict[str, Any]:
    if part.kind == "item_reference":
        raise unsupported(place, "give the message that it names, or use the Responses API, which keeps it")
    return part.data


_BLOCKS: dict[type, Callable[[Any, str], dict[str, Any]]] = {
    TextPart: _text,
    ImagePart: _image,
    AudioPart: _audio,
    FilePart: _file,
    OpaquePart: _opaque,
}
