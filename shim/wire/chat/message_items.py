"""Message items of the Responses API that no `Message` models exactly, in Chat Completions form.

Not the messages a `Message` models (`messages`). Such an item came in an existing body, with an `id` beside a plain string or a
block of a server's own, and stands whole in an `OpaquePart`. Source: OpenAI API references, `input` and `messages`. The item's
own `id`, `status` and `phase` have no place here, as those of any other message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shim.model import OpaquePart
from shim.wire.chat.refused import unsupported

_OTHER_ROLES = frozenset({"system", "developer", "user"})


def is_message_item(part: OpaquePart, role: str) -> bool:
    """Whether a part is a message item; answers of Chat Completions have blocks of that name, but with a type and no id."""
    data = part.data
    if part.kind != "message" or data.get("role") != role or "content" not in data:
        return False
    return role in _OTHER_ROLES or "type" not in data or "id" in data


def message_of_item(item: dict[str, Any], place: str) -> dict[str, Any]:
    """Write the message.

    Raises:
        UnsupportedFeatureError: a block has no place here; `place` names the item.
    """
    content = item["content"]
    if isinstance(content, list):
        content = [_block(block, f"{place}.content[{position}]") for position, block in enumerate(content)]
    return {"role": item["role"], "content": content}


def _block(block: Any, place: str) -> Any:
    if not isinstance(block, dict):
        return block
    kind = block.get("type", "text")
    write = _BLOCKS.get(kind) if isinstance(kind, str) else None
    return block if write is None else write({name: each for name, each in block.items() if name != "type"}, place)


def _text(block: dict[str, Any], _place: str) -> dict[str, Any]:
    return {"type": "text"} | {name: each for name, each in block.items() if each not in (None, [])}


def _image(block: dict[str, Any], place: str) -> dict[str, Any]:
    url = block.get("image_url")
    if not isinstance(url, str) or block.get("file_id") is not None:
        raise unsupported(f"{place}.file_id", "give the image's url (https or data), or use the Responses API")
    image = {"url": url} if block.get("detail") is None else {"url": url, "detail": block["detail"]}
    return {"type": "image_url", "image_url": image} | _beside(block, "image_url", "file_id", "detail")


def _file(block: dict[str, Any], place: str) -> dict[str, Any]:
    if block.get("file_url") is not None:
        raise unsupported(f"{place}.file_url", "give file_data or an uploaded file_id, or use the Responses API")
    own = ("file_id", "filename", "file_data")
    file = {name: block[name] for name in own if block.get(name) is not None}
    return {"type": "file", "file": file} | _beside(block, "file_url", *own)


def _beside(block: dict[str, Any], *own: str) -> dict[str, Any]:
    return {name: each for name, each in block.items() if name not in own and each is not None}


# Type of a block -> how it is written; any other is written as it came.
_BLOCKS: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "input_image": _image,
    "input_file": _file,
}
