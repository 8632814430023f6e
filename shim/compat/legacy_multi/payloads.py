"""The payloads of a stream, written anew from its events: what a `stream_cb` gets, as Chat Completions would have sent it.

Not a codec: it writes answers, which only a server does otherwise, because an event no longer knows the bytes it came from.
Source: OpenAI API reference, Chat Completions, the chunk object and the completion object. Where the bytes differ from the
server's own is a table in docs/migration_guide.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from shim.model import (
    Choice,
    FinishReason,
    ModelResponse,
    OpaquePart,
    ReasoningDelta,
    RefusalDelta,
    StreamDone,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
    Usage,
)

DONE: Final = b"[DONE]"

_encode = msgspec.json.encode
_TOOL_CALLS: Final = "tool_calls"


class PayloadWriter:
    """Writes one stream.

    Args:
        names: tool name -> "custom" or "function_call", where calls of it are not written as functions.
        wants_usage: tell the usage in a chunk of its own, without choices, as `stream_options.include_usage` asks; else it
            stands in the last chunk, since a caller who did not ask may count on a choice in each.
    """

    __slots__ = ("_after_text", "_before_text", "_head", "_kinds", "_names", "_told", "_wants_usage", "started")

    def __init__(self, *, names: Mapping[str, str], wants_usage: bool) -> None:
        self.started = False
        self._names = names
        self._wants_usage = wants_usage
        self._kinds: dict[tuple[int, int], str] = {}
        self._told: dict[tuple[int, int], int] = {}
        self._head: dict[str, Any] = {}
        self._begin("", "")

    def text(self, event: TextDelta) -> bytes:
        """Write a piece of text: the hot path. Of the first choice it is all but written already."""
        if event.choice:
            return self._delta(event.choice, {"content": event.text})
        try:
            return self._before_text + _encode(event.text) + self._after_text
        except UnicodeEncodeError:
            return self._before_text + _json(event.text) + self._after_text

    def write(self, event: StreamEvent) -> list[bytes]:
        """Write an event; none for one that says nothing a chunk has a place for."""
        writer = _WRITERS.get(type(event))
        return [] if writer is None else writer(self, event)

    def _begin(self, response_id: str, model: str) -> None:
        created = int(time.time())
        self._head = {"id": response_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._before_text = _json(self._head)[:-1] + b',"choices":[{"index":0,"delta":{"content":'
        self._after_text = b'},"finish_reason":null}]}'

    def _delta(self, choice: int, delta: dict[str, Any]) -> bytes:
        return _json({**self._head, "choices": [{"index": choice, "delta": delta, "finish_reason": None}]})

    def _start(self, event: StreamStart) -> list[bytes]:
        self.started = True
        self._begin(event.response_id, event.model)
        return [self._delta(0, {"role": "assistant", "content": ""})]

    def _text(self, event: TextDelta) -> list[bytes]:
        return [self.text(event)]

    def _reasoning(self, event: ReasoningDelta) -> list[bytes]:
        return [self._delta(event.choice, {"reasoning_content": event.text})]

    def _refusal(self, event: RefusalDelta) -> list[bytes]:
        return [self._delta(event.choice, {"refusal": event.text})]

    def _call_start(self, event: ToolCallStart) -> list[bytes]:
        place, kind = (event.choice, event.index), self._names.get(event.name, "function")
        self._kinds[place] = kind
        self._told[place] = 0
        return [self._delta(event.choice, _named(kind, event))]

    def _call_delta(self, event: ToolCallDelta) -> list[bytes]:
        place = (event.choice, event.index)
        self._told[place] = self._told.get(place, 0) + len(event.arguments)
        return [
            self._delta(event.choice, _argued(self._kinds.get(place, "function"), event.arguments, index=event.index))
        ]

    def _call_done(self, event: ToolCallDone) -> list[bytes]:
        """Write what of the arguments no delta has told: some servers send them whole at the end."""
        place = (event.choice, event.index)
        rest = event.arguments[self._told.pop(place, 0) :]
        return (
            [self._delta(event.choice, _argued(self._kinds.get(place, "function"), rest, index=event.index))]
            if rest
            else []
        )

    def _done(self, event: StreamDone) -> list[bytes]:
        response = event.response
        head = self._head | _head_fields(response)
        ends = [end for choice in response.choices for end in _ends(choice, response)]
        usage = None if response.usage is None else _usage(response.usage)
        if usage is not None and not self._wants_usage and ends and response.api == "chat_completions":
            chunks: list[dict[str, Any]] = [{**head, "choices": [end]} for end in ends]
            chunks[-1]["usage"] = usage
        else:
            chunks = [{**head, "choices": [end]} for end in ends]
            chunks += [{**head, "choices": [], "usage": usage}] if usage is not None and self._wants_usage else []
        return [*map(_json, chunks), DONE]


_WRITERS: dict[type, Callable[[PayloadWriter, Any], list[bytes]]] = {
    StreamStart: PayloadWriter._start,  # noqa: SLF001 - the table of this class's own writers
    TextDelta: PayloadWriter._text,  # noqa: SLF001 - as above
    ReasoningDelta: PayloadWriter._reasoning,  # noqa: SLF001 - as above
    RefusalDelta: PayloadWriter._refusal,  # noqa: SLF001 - as above
    ToolCallStart: PayloadWriter._call_start,  # noqa: SLF001 - as above
    ToolCallDelta: PayloadWriter._call_delta,  # noqa: SLF001 - as above
    ToolCallDone: PayloadWriter._call_done,  # noqa: SLF001 - as above
    StreamDone: PayloadWriter._done,  # noqa: SLF001 - as above
}


def body_of(response: ModelResponse) -> bytes:
    """The body of a whole answer: the server's own where it was Chat Completions, else written as one."""
    if response.api == "chat_completions" and response.raw is not None:
        return response.raw
    body: dict[str, Any] = {
        "id": response.id,
        "object": "chat.completion",
        "created": response.extra.get("created_at", int(time.time())),
        "model": response.model,
        "choices": [
            {"index": each.index, "message": _message(each), "logprobs": each.logprobs, "finish_reason": _word(each)}
            for each in response.choices
        ],
    }
    if response.usage is not None:
        body["usage"] = _usage(response.usage)
    if response.service_tier is not None:
        body["service_tier"] = response.service_tier
    return _json(body)


def _named(kind: str, event: ToolCallStart) -> dict[str, Any]:
    if kind == "function_call":
        return {"function_call": {"name": event.name, "arguments": ""}}
    words = {"name": event.name, "input" if kind == "custom" else "arguments": ""}
    return {_TOOL_CALLS: [{"index": event.index, "id": event.id, "type": kind, kind: words}]}


def _argued(kind: str, arguments: str, *, index: int) -> dict[str, Any]:
    if kind == "function_call":
        return {"function_call": {"arguments": arguments}}
    words = {"input" if kind == "custom" else "arguments": arguments}
    return {_TOOL_CALLS: [{"index": index, kind: words}]}


def _head_fields(response: ModelResponse) -> dict[str, Any]:
    """What the last chunks say of the whole: it is known with certainty only at the end."""
    fields: dict[str, Any] = {}
    if response.api == "chat_completions":
        fields |= {name: value for name, value in response.extra.items() if name not in ("object", "created")}
    if response.service_tier is not None:
        fields["service_tier"] = response.service_tier
    return fields


def _ends(choice: Choice, response: ModelResponse) -> list[dict[str, Any]]:
    """The last pieces of a choice: blocks no event has told, then why it ended, with all that came beside the text."""
    blocks = [part.data for part in choice.parts if isinstance(part, OpaquePart)]
    is_chat = response.api == "chat_completions"
    ends: list[dict[str, Any]] = []
    if blocks and is_chat:
        ends.append({"index": choice.index, "delta": {"content": blocks}, "finish_reason": None})
    word = choice.raw_finish_reason if is_chat and choice.raw_finish_reason else _word(choice)
    delta = dict(choice.message_extra) if is_chat else {}
    extra = dict(choice.extra) if is_chat else {}
    if word is not None or delta or extra or choice.logprobs:
        end: dict[str, Any] = {"index": choice.index, "delta": delta, "finish_reason": word, **extra}
        if choice.logprobs is not None:
            end["logprobs"] = choice.logprobs
        ends.append(end)
    return ends


_WORDS: dict[FinishReason, str | None] = {FinishReason.TOOL_CALL: _TOOL_CALLS, FinishReason.UNKNOWN: None}


def _word(choice: Choice) -> str | None:
    """Chat Completions' word for why a choice ended; none where nobody said."""
    reason = choice.finish_reason
    return None if reason is None else _WORDS.get(reason, str(reason))


def _message(choice: Choice) -> dict[str, Any]:
    message = choice.message
    told: dict[str, Any] = {"role": "assistant", "content": message.text or None, "refusal": None}
    answer = ModelResponse(choices=(choice,))
    if answer.refusal:
        told["refusal"] = answer.refusal
    if answer.reasoning_text:
        told["reasoning_content"] = answer.reasoning_text
    if answer.tool_calls:
        told[_TOOL_CALLS] = [_whole_call(call) for call in answer.tool_calls]
    return told


def _whole_call(call: ToolCallPart) -> dict[str, Any]:
    if call.kind == "custom":
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _usage(usage: Usage) -> dict[str, Any]:
    """The usage object: the server's own where it counts as Chat Completions does."""
    if "prompt_tokens" in usage.details:
        return usage.details
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _json(value: object) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:  # a lone surrogate, which a server may have sent escaped, goes on escaped
        return json.dumps(value, separators=(",", ":")).encode()
