"""Content: a message's content as parts, whether a string or blocks of whatever kind.

Not the message around it (`response`, `accumulation`) nor the way back (`messages`). Source: API reference, Chat Completions,
`content`; compatible servers' blocks as noted. Words a person reads as the answer are text and words of thinking are reasoning,
whatever the block that holds them is called: its other fields go with them, so that it is sent back as it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shim.model import OpaquePart, Part, ReasoningPart, RefusalPart, TextPart
from shim.wire.lenient import text_of, words_in

_REASONING = ("thinking", "reasoning")


def content_parts(content: Any) -> Iterator[Part]:
    """Read a message's content: a string, blocks, or one block alone; anything else is kept beside the parts, as it came."""
    for block in content_blocks(content):
        if isinstance(block, dict):
            yield read_block(block)
        elif block:
            yield TextPart(block)


def content_blocks(content: Any) -> list[str | dict[str, Any]]:
    """The blocks of a content: strings and objects."""
    if isinstance(content, list):
        return [block for block in content if isinstance(block, (str, dict))]
    return [content] if isinstance(content, str) or _is_block(content) else []


def _is_block(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("text"), str)


def read_block(block: dict[str, Any]) -> Part:
    """Read one block.

    Mistral has `thinking` blocks with a list of texts, and `reference` blocks whose words are part of the answer; Anthropic,
    behind gateways, `thinking` with a string and a signature; Databricks `reasoning` with summaries.
    """
    kind = text_of(block.get("type"))
    if kind.startswith(_REASONING):
        return _thinking(block) if kind == "thinking" else _reasoning(block)
    text = block.get("text")
    if isinstance(text, dict) and isinstance(text.get("value"), str):  # the form of Assistants
        return TextPart(text["value"], _further(block, "text") | {"text": text})
    if isinstance(text, str):
        return TextPart(text, _further(block, "text"))
    if kind == "refusal" and isinstance(block.get("refusal"), str):
        return RefusalPart(block["refusal"])
    return OpaquePart(kind or str(block.get("type")), block)


def _further(block: dict[str, Any], own: str) -> dict[str, Any]:
    """What a text block holds besides its words; a type of its own is told too."""
    extra = {name: value for name, value in block.items() if name not in ("type", own)}
    if block.get("type") not in ("text", None):
        extra["type"] = block["type"]
    return extra


def _thinking(block: dict[str, Any]) -> ReasoningPart:
    """Read a thinking block; what is not plain text in it stands in `extra`, to go back with it."""
    inner = block.get("thinking")
    pieces = inner if isinstance(inner, list) else []
    plain = isinstance(inner, list) and all(
        isinstance(piece, dict) and piece.keys() == {"type", "text"} for piece in pieces
    )
    extra = {key: value for key, value in block.items() if key != "type" and not (key == "thinking" and plain)}
    return ReasoningPart(words_in(inner), wire_field="thinking", extra=extra)


def _reasoning(block: dict[str, Any]) -> ReasoningPart:
    words = words_in({name: value for name, value in block.items() if name != "type"})
    return ReasoningPart(words, wire_field="content", extra=block)
