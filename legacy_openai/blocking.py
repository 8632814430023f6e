"""`chat_create`: one request, waited for.

Not for many requests at once or for an event loop: that is `MultiClient`, which does the work here too.
"""

from __future__ import annotations

import json
import selectors
from typing import TYPE_CHECKING, Any

from legacy_openai.completion import CompletionType, HttpCompletion
from legacy_openai.conversation import Message
from legacy_openai.errors import LegacyOpenAIError
from legacy_openai.multi_client import MultiClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from legacy_openai.config import Config
    from legacy_openai.conversation import Conversation

_DONE = b"[DONE]"


def chat_create(cfg: Config, conv: Conversation, stream_cb: Callable[[bytes], object] | None = None) -> Message:
    """Send the conversation, wait, and return the assistant's message: text, refusal and tool calls.

    With `stream_cb` the answer is streamed: the callback gets each payload, the message is put together from them.

    Raises:
        LegacyOpenAIError: anything but a complete answer; `completion` on it says what happened.
        ValueError: bad input, as `MultiClient.add_request` names it.
    """
    payloads: list[bytes] = []

    def collect(payload: bytes) -> None:
        payloads.append(payload)
        if stream_cb is not None:
            stream_cb(payload)

    completion = _wait_for(cfg, conv, stream_cb=collect if stream_cb is not None else None)
    if completion.type is not CompletionType.SUCCESS:
        raise LegacyOpenAIError(completion.error_message, completion) from completion.exception
    try:
        if stream_cb is None or completion.body:
            return _message_of(_choice_of(json.loads(completion.body)).get("message"))
        return _joined(payloads)
    except (ValueError, TypeError, RecursionError) as error:
        raise LegacyOpenAIError(f"the answer is not a chat completion: {error}", completion) from error


def _wait_for(cfg: Config, conv: Conversation, *, stream_cb: Callable[[bytes], object] | None) -> HttpCompletion:
    completions: list[HttpCompletion] = []
    with MultiClient(max_concurrency=1) as client, selectors.DefaultSelector() as selector:
        client.add_request(cfg, conv, stream_cb, completions.append)
        selector.register(client, selectors.EVENT_READ)
        while not completions:
            selector.select()
            client.perform()
            client.info_read()
    return completions[0]


def _choice_of(answer: Any) -> dict[str, Any]:
    """The first choice of an answer or chunk; {} when there is none.

    Raises:
        ValueError: the value is an error object, or not an object at all.
    """
    if not isinstance(answer, dict):
        raise TypeError(f"a JSON object was expected, not {type(answer).__name__}")
    error = answer.get("error")
    if error:
        text = error.get("message") if isinstance(error, dict) else error
        raise ValueError(f"the server reports: {text}")
    for choice in answer.get("choices") or ():
        if isinstance(choice, dict) and choice.get("index", 0) == 0:
            return choice
    return {}


def _message_of(value: Any) -> Message:
    if not isinstance(value, dict):
        raise TypeError("it has no choice with a message")
    refusal = value.get("refusal")
    extra = {"refusal": refusal} if refusal else {}
    return Message("assistant", value.get("content"), tool_calls=value.get("tool_calls") or None, extra=extra)


def _joined(payloads: list[bytes]) -> Message:
    """The message that a stream's payloads add up to."""
    texts: dict[str, list[str]] = {"content": [], "refusal": []}
    calls: dict[Any, dict[str, Any]] = {}
    ended = False
    for payload in payloads:
        if payload == _DONE:
            ended = True
            continue
        choice = _choice_of(json.loads(payload))
        ended = ended or bool(choice.get("finish_reason"))
        delta = choice.get("delta") or {}
        for name, parts in texts.items():
            if isinstance(delta.get(name), str):
                parts.append(delta[name])
        for fragment in delta.get("tool_calls") or ():
            _add_fragment(calls, fragment)
    if not ended:
        raise ValueError("the stream ended without a finish reason and without [DONE]")
    content, refusal = "".join(texts["content"]) or None, "".join(texts["refusal"]) or None
    return _message_of({"content": content, "refusal": refusal, "tool_calls": list(calls.values())})


def _add_fragment(calls: dict[Any, dict[str, Any]], fragment: dict[str, Any]) -> None:
    """Add a piece of a tool call to the call with its index; without an index, to its id, else to the last call."""
    key = fragment.get("index")
    if key is None:
        key = fragment.get("id") or next(reversed(calls), 0)
    call = calls.setdefault(key, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call["id"] = call["id"] or fragment.get("id") or ""
    function = fragment.get("function") or {}
    call["function"]["name"] = call["function"]["name"] or function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""
