"""The words of the Responses API: finish reasons, usage, kinds of content, and where an item's own fields are kept.

Not the items and bodies they stand in (`input_items`, `output_items`, `response`). Source: API reference, Responses, the
response object; the other words are those of compatible servers, seen in recorded traffic.
"""

from __future__ import annotations

import re
from typing import Any

from shim.model import FinishReason, UnsupportedFeatureError, Usage
from shim.wire.lenient import count_of, text_of
from shim.wire.token_counts import cached_count, input_count, output_count, reasoning_count

API = "responses"

ITEM = "item"
"""The key of an `extra` under which the fields of an item stand that no part models: its `id`, `status`, `phase`.

They belong to this API alone, so they stand apart from the fields any API would be sent.
"""

# Blocks of a message, as against items of their own, wherever an OpaquePart carries one; so is any `input_…` and `output_…`.
_BLOCK_KINDS = frozenset({"refusal", "text", "image_url", "file", "thinking", "summary_text", "reasoning_text"})

# Items of a conversation, by name; others may come.
_ITEM_KIND = re.compile(r"\w+_(?:call|output|reference|request|response|tools)|compaction\w*|message|reasoning")

_STATUS_REASONS: dict[str, FinishReason] = {
    "completed": FinishReason.STOP,
    "failed": FinishReason.ERROR,
    "cancelled": FinishReason.ERROR,
}
_INCOMPLETE_REASONS: dict[str, FinishReason] = {
    "max_output_tokens": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,  # servers that kept the Chat Completions word
    "content_filter": FinishReason.CONTENT_FILTER,
}
# The response is still being made: in the background, or in a stream that was cut.
_OPEN_STATUSES = frozenset({"queued", "in_progress"})


def unsupported(field: str, remedy: str) -> UnsupportedFeatureError:
    """Name a field the Responses API cannot express, and what to do instead."""
    return UnsupportedFeatureError(f"{field} cannot be sent on the Responses API; {remedy}", field=field, api=API)


def is_block(kind: str) -> bool:
    """Whether an `OpaquePart` of this kind is a block of a message; any other is an item of its own."""
    return kind in _BLOCK_KINDS or kind.startswith(("input_", "output_"))


def is_item(kind: str) -> bool:
    """Whether an `OpaquePart` of this kind is an item of this API by its name; servers of Chat Completions may have it, too."""
    return _ITEM_KIND.fullmatch(kind) is not None


def finish_reason(answer: dict[str, Any], *, calls: bool) -> FinishReason | None:
    """Tell why a response ended, None while it is being made; `calls`: whether it asks for tool calls."""
    status = text_of(answer.get("status"))
    if status in _OPEN_STATUSES:
        return None
    if status == "incomplete":
        return _INCOMPLETE_REASONS.get(raw_finish_reason(answer) or "", FinishReason.UNKNOWN)
    if calls and status in ("completed", ""):
        return FinishReason.TOOL_CALL
    return _STATUS_REASONS.get(status, FinishReason.UNKNOWN)


def raw_finish_reason(answer: dict[str, Any]) -> str | None:
    """Find the server's own word for it: the reason a response is incomplete, else its status."""
    details = answer.get("incomplete_details")
    reason = text_of(details.get("reason")) if isinstance(details, dict) else ""
    return reason or text_of(answer.get("status")) or None


def read_usage(usage: dict[str, Any]) -> Usage:
    """Read a usage object; a count that is missing or no finite number is 0, a missing total is the sum."""
    inputs, outputs = input_count(usage), output_count(usage)
    return Usage(
        input_tokens=inputs,
        output_tokens=outputs,
        reasoning_tokens=reasoning_count(usage),
        cached_input_tokens=cached_count(usage),
        total_tokens=count_of(usage, "total_tokens") or inputs + outputs,
        details=usage,
    )
