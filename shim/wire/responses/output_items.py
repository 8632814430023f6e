"""Output items as message parts, and how an item's own fields are kept with them.

Not the way back (`input_items`) nor the body around them (`response`). Source: OpenAI API reference, Responses, `output`;
compatible servers' differences as noted. What no part models is an `OpaquePart` with the whole item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import UNSET, Struct, structs

from shim.model import OpaquePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from shim.wire.lenient import MAX_CALLS, TooManyCallsError, arguments_of, dicts_in, differing, text_of
from shim.wire.responses.awaited import answered_in, awaited_call, is_awaited, runs_on_server
from shim.wire.responses.input_items import PARTED, item_of
from shim.wire.responses.vocabulary import ITEM


class Output(Struct):
    """What the items of a response say: its parts, and what is kept of its first message item beside them."""

    parts: list[Part] = []
    message_extra: dict[str, Any] = {}


def read_output(items: Iterable[dict[str, Any]]) -> Output:
    """Read output items in order.

    A call that waits for the application is a `ToolCallPart`, of whatever type its item is; one whose result stands among the
    items has been answered on the server, and is kept as it is.

    The own fields of the first message item (`id`, `status`, `phase`) go with the message, those of a further one into
    the `extra` of its first text or refusal, so that each is sent back as it came.

    Raises:
        TooManyCallsError: there are more calls than an answer has.
    """
    output = Output()
    first, items = True, list(items)
    answered = answered_in(items)
    for item in items:
        if item.get("type") != "message":
            call = awaited_call(item) if is_awaited(item) else None
            output.parts.append(read_item(item) if call is None or call.id in answered else call)
            continue
        parts = _message_parts(item)
        fields = {
            name: value for name, value in item.items() if name not in _MESSAGE and not _says_nothing(name, value)
        }
        if first and fields:
            output.message_extra = {ITEM: fields}
        elif not first and isinstance(parts[0], (TextPart, RefusalPart)):
            parts[0] = structs.replace(parts[0], extra=parts[0].extra | {ITEM: fields})
        first = first and isinstance(parts[0], OpaquePart)
        output.parts.extend(parts)
    if len(output.parts) > MAX_CALLS and sum(isinstance(part, ToolCallPart) for part in output.parts) > MAX_CALLS:
        raise TooManyCallsError
    return output


def read_item(item: dict[str, Any], *, exact: bool = False) -> Part:
    """Read an item that is no message.

    Args:
        item: as the server or the request has it; any JSON object.
        exact: keep all that is needed to write the very same item again; else what says nothing is left out (null), and
            arguments that are an object become their JSON text.
    """
    read = _READERS.get(text_of(item.get("type")))
    if read is None or runs_on_server(item):
        return OpaquePart(text_of(item.get("type")), item)
    part = read(item)
    fields = differing(item, item_of(part))
    if not exact:
        fields = {
            name: value
            for name, value in fields.items()
            if name not in _CALL and value is not UNSET and not _says_nothing(name, value)
        }
    return structs.replace(part, extra={ITEM: fields}) if fields else part


def _says_nothing(name: str, value: Any) -> bool:
    """Whether a field of an item is as good as not there: an id that is empty is refused where it is sent back."""
    return value is None or (name == "id" and value == "")


_MESSAGE = frozenset({"role", "content"})
_CALL = frozenset({"call_id", "name", "arguments", "input"})


# Type of an item, and its list of blocks -> the type of a block that a plain string there is.
_AS_STRING = {
    ("message", "content"): "output_text",
    ("reasoning", "content"): "reasoning_text",
    ("reasoning", "summary"): "summary_text",
}


def with_blocks(item: dict[str, Any]) -> dict[str, Any]:
    """Make lists of blocks of what is a plain string, one block, or strings: a message's content, or a reasoning's."""
    for (kind, field), block in _AS_STRING.items():
        value = item.get(field)
        if not value or item.get("type") != kind:
            continue
        if isinstance(value, (str, dict)):
            value = [value]
        if isinstance(value, list) and any(isinstance(each, str) for each in value):
            value = [{"type": block, "text": each} if isinstance(each, str) else each for each in value]
        if value is not item[field]:
            item = item | {field: value}
    return item


def _message_parts(item: dict[str, Any]) -> list[Part]:
    """Read a message's blocks; a message without any is kept whole."""
    return [_block(block) for block in dicts_in(with_blocks(item).get("content"))] or [OpaquePart("message", item)]


def _block(block: dict[str, Any]) -> Part:
    kind = text_of(block.get("type"))
    if isinstance(block.get("text"), str):  # a `text` of a gateway's, which kept the name it has on Chat Completions
        return TextPart(
            block["text"], _further(block, "text") | ({} if kind in ("output_text", "text") else {"type": kind})
        )
    if kind == "refusal" and isinstance(block.get("refusal"), str):
        return RefusalPart(block["refusal"], _further(block, "refusal"))
    return OpaquePart(kind, block)


def _further(block: dict[str, Any], own: str) -> dict[str, Any]:
    """What a block holds besides its words; an empty list, as of annotations, says nothing."""
    return {name: value for name, value in block.items() if name not in ("type", own) and value not in (None, [])}


def _function_call(item: dict[str, Any]) -> ToolCallPart:
    return ToolCallPart(call_id_of(item), text_of(item.get("name")), arguments_of(item.get("arguments")))


def _custom_call(item: dict[str, Any]) -> ToolCallPart:
    return ToolCallPart(call_id_of(item), text_of(item.get("name")), arguments_of(item.get("input")), kind="custom")


def call_id_of(item: dict[str, Any]) -> str:
    """Find what a result must name; a server that gives no `call_id` has only the item's id to go by."""
    return text_of(item.get("call_id")) or text_of(item.get("id"))


def _reasoning(item: dict[str, Any]) -> ReasoningPart:
    """Read reasoning: its own text where the server tells it, else the summary's parts; a blank line between two."""
    summary = _texts(item.get("summary"))
    told = PARTED.join(filter(None, _texts(item.get("content"))))
    return ReasoningPart(
        told or PARTED.join(filter(None, summary)),
        id=text_of(item.get("id")) or None,
        summary=summary,
        encrypted_content=text_of(item.get("encrypted_content")) or None,
    )


def _texts(blocks: Any) -> tuple[str, ...]:
    """The texts of blocks of whatever type, or of a plain string."""
    if isinstance(blocks, str):
        return (blocks,)
    return tuple(text_of(block.get("text")) for block in dicts_in(blocks) if isinstance(block.get("text"), str))


_READERS: dict[str, Callable[[dict[str, Any]], ToolCallPart | ReasoningPart]] = {
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    "reasoning": _reasoning,
}
