"""Writes a reply as the output items of a Responses object: reasoning, a message, calls.

Not the object around them (`objects`) nor the events of a stream (`events`), which are made from these items.
"""

import base64
from typing import Any

from shim.testing.fake_openai.chat.rendering import logprobs_of
from shim.testing.fake_openai.persona.calling import PersonaCall
from shim.testing.fake_openai.persona.replies import Reply
from shim.testing.fake_openai.persona.thinking import summary_of
from shim.testing.fake_openai.persona.tokens import tokens_of
from shim.testing.fake_openai.responses.history import Item
from shim.testing.fake_openai.responses.validation import ENCRYPTED, LOGPROBS


def output_items(body: dict[str, Any], reply: Reply, *, number: int, said: str) -> list[Item]:
    """The items of the reply to request `number`, in which the user `said` something."""
    status = "incomplete" if reply.finish == "length" else "completed"
    items: list[Item] = []
    if reply.reasoned:
        items.append(_reasoning(body, number=number, said=said))
    written = reply.text or reply.refusal
    if written or not (reply.calls or reply.reasoned):
        items.append(_message(body, reply, number=number, status=status))
    last = len(reply.calls) - 1
    for place, call in enumerate(reply.calls):
        items.append(_call(call, number=number, place=place, status=status if place == last else "completed"))
    return items


def _reasoning(body: dict[str, Any], *, number: int, said: str) -> Item:
    asked = body.get("reasoning") or {}
    wants_summary = asked.get("summary") or asked.get("generate_summary")
    summary = [{"type": "summary_text", "text": summary_of(said)}] if wants_summary else []
    item: Item = {"id": _id("rs", number), "type": "reasoning", "summary": summary}
    if ENCRYPTED in (body.get("include") or []):
        item["encrypted_content"] = _sealed(number)
    return item


def _sealed(number: int) -> str:
    """Text that looks encrypted, and is the same for the same request."""
    return "gAAAAAB" + base64.urlsafe_b64encode(f"reasoning before answer {number:032d}".encode()).decode()


def _message(body: dict[str, Any], reply: Reply, *, number: int, status: str) -> Item:
    part: Item
    if reply.refusal is not None:
        part = {"type": "refusal", "refusal": reply.refusal}
    else:
        text = reply.text or ""
        part = {"type": "output_text", "annotations": [], "logprobs": _logprobs(body, text), "text": text}
    return {"id": _id("msg", number), "type": "message", "status": status, "content": [part], "role": "assistant"}


def _logprobs(body: dict[str, Any], text: str) -> list[dict[str, Any]]:
    if LOGPROBS not in (body.get("include") or []):
        return []
    return logprobs_of(tokens_of(text), alternatives=body.get("top_logprobs") or 0)


def _call(call: PersonaCall, *, number: int, place: int, status: str) -> Item:
    if call.kind == "custom":
        named = {"call_id": call.id, "name": call.name, "input": call.arguments}
        return {"id": _id("ctc", number, place=place), "type": "custom_tool_call", "status": status, **named}
    named = {"arguments": call.arguments, "call_id": call.id, "name": call.name}
    return {"id": _id("fc", number, place=place), "type": "function_call", "status": status, **named}


def _id(prefix: str, number: int, *, place: int = 0) -> str:
    return f"{prefix}_{number:044x}{place:04x}"
