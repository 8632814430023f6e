"""Messages as input items: what one `Message` becomes on the Responses API.

Not the way back (`request_import`, `output_items`). Source: OpenAI API reference, Responses, `input`. A conversation there is a
flat list: messages, reasoning, tool calls and their results are items beside each other, in the order of the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import compress
from operator import not_
from typing import Any

from msgspec import UNSET, Struct
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
from shim.model.checks import kind_of
from shim.model.plain import holds_strings, is_plain
from shim.wire.json_text import merged
from shim.wire.responses.chat_forms import (
    CHAT_ONLY_IN_MESSAGE,
    NESTED_BLOCKS,
    flat_annotations,
    flat_call,
    is_empty_reasoning,
    lifted_block,
    named_results,
)
from shim.wire.responses.vocabulary import ITEM, is_block, is_item, unsupported

_NOWHERE = "a plain message"  # which no error names
PARTED = "\n\n"
"""What stands between the parts of a reasoning where they are one text; the API tells them apart by their place."""


def input_items(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Write a conversation.

    Raises:
        UnsupportedFeatureError: a part has no place in the Responses API.
        InvalidRequestError: a part is not what its place takes. Both name the message.
    """
    return items_with_odd(messages)[0]


def items_with_odd(messages: Sequence[Message]) -> tuple[list[dict[str, Any]], list[int]]:
    """Write a conversation; with it, the positions of the items that may hold more than strings. Raises as `input_items`."""
    plain = [is_plain(message) for message in messages]
    custom = {
        part.id
        for message, nothing_else in zip(messages, plain, strict=True)
        if not nothing_else
        for part in message.parts
        if isinstance(part, ToolCallPart) and part.kind == "custom"
    }
    items: list[dict[str, Any]] = []
    odd: list[int] = []
    named = () if all(plain) else named_results(messages, compress(enumerate(messages), map(not_, plain)))
    for position, (message, nothing_else) in enumerate(zip(messages, plain, strict=True)):
        if nothing_else:
            items += _plain_items(message, custom)
        else:
            begun = len(items)
            told = replace(message, name=UNSET) if position in named else message
            items += message_items(told, f"messages[{position}]", custom=custom)
            if not holds_strings(message):
                odd += range(begun, len(items))
    return items, odd


def _plain_items(message: Message, custom: Collection[str]) -> list[dict[str, Any]]:
    """Write a message that `is_plain`, as `message_items` does; nothing of it can be refused."""
    parts = message.parts
    part = parts[0] if len(parts) == 1 else None
    if message.content_form == "list" or part is None:
        return message_items(message, _NOWHERE, custom=custom)
    if type(part) is TextPart:
        return [{"role": message.role, "content": part.text}]
    if type(part) is ToolCallPart:
        return [{"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments}]
    if type(part) is ToolCallResponsePart and len(part.parts) == 1 and type(part.parts[0]) is TextPart:
        kind = "custom_tool_call_output" if part.id in custom else "function_call_output"
        return [{"type": kind, "call_id": part.id, "output": part.parts[0].text}]
    return message_items(message, _NOWHERE, custom=custom)


def message_items(message: Message, place: str, *, custom: Collection[str] = ()) -> list[dict[str, Any]]:
    """Write one message; `custom`: the ids of custom tools' calls, whose results are items of another type.

    Raises as `input_items` does; `place` names the message.
    """
    if message.name is not UNSET:
        raise unsupported(f"{place}.name", "say in the text who speaks, or use Chat Completions")
    if message.role == "tool":
        return [
            _tool_result(message, part, place=place, custom=part.id in custom)
            for part in message.parts
            if isinstance(part, ToolCallResponsePart)
        ]
    return _Writer(message, place).items()


def is_content(part: OpaquePart, *, role: str) -> bool:
    """Whether an `OpaquePart` is a block of its message; in one of the assistant's, whatever is no known block is an item."""
    return is_block(part.kind) or (role != "assistant" and not is_item(part.kind))


class _MessageItem(Struct):
    """A message item being written: the fields laid over it, and its blocks so far."""

    fields: dict[str, Any]
    blocks: list[dict[str, Any]] = []


class _Writer:
    """Writes the items of one message: parts that are content share a message item, any other part is an item of its own."""

    def __init__(self, message: Message, place: str) -> None:
        self._message = message
        self._place = place
        self._items: list[dict[str, Any] | _MessageItem] = []
        self._begun = 0  # message items
        self._further = _said(_beside_item(message.extra))
        self._annotations: list[dict[str, Any]] = []  # of the first text, which Chat Completions has beside the content
        if "annotations" in self._further and any(isinstance(part, TextPart) for part in message.parts):
            self._annotations = flat_annotations(self._further.get("annotations"))
        if self._annotations:
            del self._further["annotations"]
        for name, remedy in CHAT_ONLY_IN_MESSAGE.items() if self._further else ():
            if name in self._further:
                raise unsupported(f"{place}.extra.{name}", remedy)

    def items(self) -> list[dict[str, Any]]:
        for position, part in enumerate(self._message.parts):
            self._add(part, f"{self._place}.parts[{position}]")
        if not self._items:
            self._begin({}, self._place)
        if not self._begun and self._further:
            raise unsupported(f"{self._place}.extra", "leave it out: without content there is no message to hold it")
        return [self._written(item) if isinstance(item, _MessageItem) else item for item in self._items]

    def _add(self, part: Part, place: str) -> None:
        write = _ITEMS.get(type(part))
        if write is not None and not (isinstance(part, OpaquePart) and is_content(part, role=self._message.role)):
            if not is_empty_reasoning(part):
                self._items.append(write(part, place))
            return
        last = self._items[-1] if self._items else None
        extra = part.extra if isinstance(part, (TextPart, RefusalPart)) else {}
        if ITEM in extra or not isinstance(last, _MessageItem):
            last = self._begin(extra, place)
        block = _block(part, place, role=self._message.role)
        if self._annotations and isinstance(part, TextPart):
            block = {"annotations": self._annotations} | block
            self._annotations = []
        last.blocks.append(block)

    def _begin(self, extra: dict[str, Any], place: str) -> _MessageItem:
        """Begin a message item: its first part's `extra` has its fields, or the message's where it is the first item."""
        whose = extra if ITEM in extra or self._begun else self._message.extra
        item = _MessageItem(_item_fields(whose, place) | self._further)
        self._items.append(item)
        self._begun += 1
        return item

    def _written(self, item: _MessageItem) -> dict[str, Any]:
        """Write a message item; one the server made, known by its id, takes blocks only, with their annotations."""
        made = "id" in item.fields
        blocks = [_settled(block, made=made) for block in item.blocks]
        content = blocks if made else _collapsed(blocks, self._message.content_form)
        return merged({"role": self._message.role, "content": content}, item.fields)


def _settled(block: dict[str, Any], *, made: bool) -> dict[str, Any]:
    return merged({"annotations": []} if made and block.get("type") == "output_text" else {}, block)


def _collapsed(blocks: list[dict[str, Any]], form: str) -> Any:
    """Write one plain text as a string, nothing as an empty one, anything else as blocks."""
    if form == "list":
        return blocks
    if not blocks:
        return ""
    first = blocks[0]
    alone = len(blocks) == 1 and first.keys() == {"type", "text"} and isinstance(first["text"], str)
    return first["text"] if alone else blocks


def _block(part: Part, place: str, *, role: str) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return _text(part, kind="output_text" if role == "assistant" else "input_text")
    if isinstance(part, OpaquePart) and role == "assistant":  # what a server answered goes back as it came
        return part.data
    writer = _BLOCKS.get(type(part))
    if writer is None:
        raise InvalidRequestError(f"{place} is a {type(part).__name__}, which is not message content", field=place)
    return writer(part, place)


def _text(part: TextPart, *, kind: str) -> dict[str, Any]:
    return {"type": kind, "text": part.text} | _beside_item(part.extra)


def _image(part: ImagePart, _place: str) -> dict[str, Any]:
    fields = {"image_url": part.url, "file_id": part.file_id, "detail": part.detail}
    return {"type": "input_image"} | _given(fields)


def _audio(_part: AudioPart, place: str) -> dict[str, Any]:
    raise unsupported(place, "give the audio as text, or use Chat Completions")


def _file(part: FilePart, _place: str) -> dict[str, Any]:
    fields = {
        "file_id": part.file_id,
        "filename": part.filename,
        "file_data": part.file_data,
        "file_url": part.file_url,
    }
    return {"type": "input_file"} | _given(fields)


def _refusal(part: RefusalPart, _place: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": part.text} | _beside_item(part.extra)


def _opaque_block(part: OpaquePart, place: str) -> dict[str, Any]:
    """Write a block as it came, unless it is one of Chat Completions that has another form here."""
    return part.data if part.kind not in NESTED_BLOCKS else lifted_block(part.kind, part.data, place=place)


_BLOCKS: dict[type, Callable[[Any, str], dict[str, Any]]] = {
    ImagePart: _image,
    AudioPart: _audio,
    FilePart: _file,
    RefusalPart: _refusal,
    OpaquePart: _opaque_block,
}


def _tool_call(part: ToolCallPart, place: str) -> dict[str, Any]:
    if part.data is not None:
        return _finished(part.data, part.extra, place=place)
    if part.kind == "function":
        item = {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments}
    elif part.kind == "custom":
        item = {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
    elif part.kind == "function_call":
        raise unsupported(place, "give the call an id and the kind 'function', and its result as a tool result")
    else:
        raise unsupported(place, f"give the data of the {part.kind}, its whole item")
    return _finished(item, flat_call(part.extra, part.kind) if part.extra else {}, place=place)


def _reasoning(part: ReasoningPart, place: str) -> dict[str, Any]:
    if part.wire_field is not None:
        raise unsupported(place, "leave the reasoning part out: this API takes back only reasoning it gave itself")
    item: dict[str, Any] = {"type": "reasoning"}
    if part.id is not None:
        item["id"] = part.id
    item["summary"] = [{"type": "summary_text", "text": text} for text in part.summary]
    if part.text not in ("".join(part.summary), PARTED.join(filter(None, part.summary))):
        item["content"] = [{"type": "reasoning_text", "text": part.text}]
    if part.encrypted_content is not None:
        item["encrypted_content"] = part.encrypted_content
    return _finished(item, part.extra, place=place)


def _opaque_item(part: OpaquePart, _place: str) -> dict[str, Any]:
    return part.data


# The parts that are items of their own; an OpaquePart only where its kind is no block's.
_ITEMS: dict[type, Callable[[Any, str], dict[str, Any]]] = {
    ToolCallPart: _tool_call,
    ReasoningPart: _reasoning,
    OpaquePart: _opaque_item,
}


def item_of(part: ToolCallPart | ReasoningPart) -> dict[str, Any]:
    """Write the item of one part, as a conversation would hold it."""
    return _ITEMS[type(part)](part, "the part")


def _tool_result(message: Message, part: ToolCallResponsePart, *, place: str, custom: bool) -> dict[str, Any]:
    if part.is_error:
        raise unsupported(f"{place}.is_error", "say in the result's text that the tool failed")
    if message.extra.get("role") == "function":
        raise unsupported(
            f"{place}.extra.role", "give the result the id of its call, as a tool result, and the call one"
        )
    item = {
        "type": "custom_tool_call_output" if custom else "function_call_output",
        "call_id": part.id,
        "output": _output(part, message.content_form, place=place),
    }
    return _finished(item, message.extra, place=place)


def _output(part: ToolCallResponsePart, form: str, *, place: str) -> Any:
    blocks = [_block(piece, f"{place}.parts[{position}]", role="tool") for position, piece in enumerate(part.parts)]
    return _collapsed([_settled(block, made=False) for block in blocks], form)


def _finished(item: dict[str, Any], extra: dict[str, Any], *, place: str) -> dict[str, Any]:
    if not extra:
        return item
    return merged(item, _item_fields(extra, place) | _said(_beside_item(extra)))


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that say something; an empty one, as the `annotations` of every answer of Chat Completions, is refused here."""
    return {name: value for name, value in fields.items() if value not in ([], {}, None, "")}


def _item_fields(extra: dict[str, Any], place: str) -> dict[str, Any]:
    fields = extra.get(ITEM, {})
    if not isinstance(fields, dict):
        raise InvalidRequestError(
            f"{place}.extra[{ITEM!r}] is {kind_of(fields)}; give the item's own fields as a dict",
            field=f"{place}.extra",
        )
    return fields


def _beside_item(extra: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in extra.items() if name != ITEM}


def _given(fields: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}
