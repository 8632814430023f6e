"""Writes replies as Chat Completions objects: one JSON body, or the chunks of a stream.

Not what the replies say (`persona.replies`). Shapes per the API reference: opener with role, one delta per token, a tool call
opened and then its arguments in pieces, the finish chunk, and the usage chunk only where it was asked for.
"""

import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import msgspec

from shim.testing.fake_openai.persona.calling import PersonaCall
from shim.testing.fake_openai.persona.replies import Reply
from shim.testing.fake_openai.persona.tokens import count, tokens_of
from shim.testing.fake_openai.persona.words import text_of
from shim.testing.fake_openai.question import Stamp

FINGERPRINT = "fp_fa4e0a1b2c"
_PADDING = "kQ7wXr2LmZ9bTn4V"


def completion(body: dict[str, Any], replies: list[Reply], *, stamp: Stamp) -> dict[str, Any]:
    """The `chat.completion` object."""
    top = _top(body, stamp, kind="chat.completion")
    choices = [
        {
            "index": index,
            "message": _message(reply),
            "logprobs": _logprobs(body, reply, tokens=_written(reply)),
            "finish_reason": reply.finish,
        }
        for index, reply in enumerate(replies)
    ]
    usage = usage_of(body, replies)
    return {**top, "choices": choices, "usage": usage, "service_tier": "default", "system_fingerprint": FINGERPRINT}


def completion_chunks(body: dict[str, Any], replies: list[Reply], *, stamp: Stamp) -> list[dict[str, Any]]:
    """The `chat.completion.chunk` objects in order; the deltas of several choices alternate."""
    options = body.get("stream_options") or {}
    top = _top(body, stamp, kind="chat.completion.chunk")
    top |= {"service_tier": "default", "system_fingerprint": FINGERPRINT}
    each = [list(_choice_chunks(body, reply, index=index)) for index, reply in enumerate(replies)]
    choices = [choice for abreast in zip_longest(*each) for choice in abreast if choice is not None]
    chunks: list[dict[str, Any]] = [{**top, "choices": [choice]} for choice in choices]
    if options.get("include_usage"):
        chunks = [{**chunk, "usage": None} for chunk in chunks]
        chunks.append({**top, "choices": [], "usage": usage_of(body, replies)})
    if options.get("include_obfuscation", True):
        chunks = [{**chunk, "obfuscation": padding(chunk["choices"])} for chunk in chunks]
    return chunks


def usage_of(body: dict[str, Any], replies: list[Reply]) -> dict[str, Any]:
    """Token counts that add up."""
    asked = sum(4 + count(text_of(message)) for message in body["messages"])
    if body.get("tools"):
        asked += count(msgspec.json.encode(body["tools"]).decode())
    reasoned = sum(reply.reasoned for reply in replies)
    written = reasoned + sum(reply.tokens for reply in replies)
    return {
        "prompt_tokens": asked,
        "completion_tokens": written,
        "total_tokens": asked + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoned,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _top(body: dict[str, Any], stamp: Stamp, *, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{stamp.number:029d}", "object": kind, "created": stamp.created, "model": body["model"]}


def _message(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
    if reply.legacy:
        call = reply.calls[0]
        return {**message, "function_call": {"name": call.name, "arguments": call.arguments}}
    if reply.calls:
        message["tool_calls"] = [_tool_call(call) for call in reply.calls]
    return {**message, "annotations": []}


def _tool_call(call: PersonaCall) -> dict[str, Any]:
    return {"id": call.id, "type": call.kind, call.kind: {"name": call.name, _input_field(call): call.arguments}}


def _input_field(call: PersonaCall) -> str:
    return "arguments" if call.kind == "function" else "input"


def _written(reply: Reply) -> list[str]:
    return tokens_of(reply.text or reply.refusal or "")


def _choice_chunks(body: dict[str, Any], reply: Reply, *, index: int) -> Iterator[dict[str, Any]]:
    opener = {"role": "assistant", "content": None if reply.calls else "", "refusal": None}
    yield {"index": index, "delta": opener, "logprobs": None, "finish_reason": None}
    field = "content" if reply.refusal is None else "refusal"
    for token in _written(reply):
        logprobs = _logprobs(body, reply, tokens=[token])
        yield {"index": index, "delta": {field: token}, "logprobs": logprobs, "finish_reason": None}
    for delta in _call_deltas(reply):
        yield {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
    yield {"index": index, "delta": {}, "logprobs": None, "finish_reason": reply.finish}


def _call_deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    for place, call in enumerate(reply.calls):
        if reply.legacy:
            yield {"function_call": {"name": call.name, "arguments": ""}}
            for piece in tokens_of(call.arguments):
                yield {"function_call": {"arguments": piece}}
            continue
        yield {"tool_calls": [{"index": place, **_tool_call(PersonaCall(call.id, call.name, "", call.kind))}]}
        for piece in tokens_of(call.arguments):
            yield {"tool_calls": [{"index": place, call.kind: {_input_field(call): piece}}]}


def _logprobs(body: dict[str, Any], reply: Reply, *, tokens: list[str]) -> dict[str, Any] | None:
    if not body.get("logprobs"):
        return None
    listed = logprobs_of(tokens, alternatives=body.get("top_logprobs") or 0)
    if reply.refusal is not None:
        return {"content": None, "refusal": listed}
    return {"content": listed, "refusal": None}


def logprobs_of(tokens: list[str], *, alternatives: int) -> list[dict[str, Any]]:
    """The log probability of each token, with so many alternatives."""
    return [_logprob(token, alternatives=alternatives) for token in tokens]


def _logprob(token: str, *, alternatives: int) -> dict[str, Any]:
    """A token's plausible probability: about 0.9, and each alternative half as likely as the one before."""
    own = {"token": token, "logprob": round(math.log(0.9 - len(token) / 100), 6), "bytes": list(token.encode())}
    others = [_alternative(token, place) for place in range(1, alternatives)]
    return {**own, "top_logprobs": [own, *others] if alternatives else []}


def _alternative(token: str, place: int) -> dict[str, Any]:
    other = f"{token}{place}"
    return {"token": other, "logprob": round(math.log(0.05 / 2**place), 6), "bytes": list(other.encode())}


def padding(delta: object) -> str:
    """Padding of a length that hides the length of a delta, as the API's random one does."""
    written = len(msgspec.json.encode(delta))
    return _PADDING[: len(_PADDING) - written % len(_PADDING)]
