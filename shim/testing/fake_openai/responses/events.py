"""Writes a finished Responses object as the stream of events that leads to it.

Not SSE framing (`answers`). Per the API: created, in progress, each item opened, filled and closed, then one terminal
event; `sequence_number` counts from 0, and deltas are padded by `obfuscation` unless the request says not to.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from shim.testing.fake_openai.chat.rendering import padding
from shim.testing.fake_openai.persona.tokens import tokens_of
from shim.testing.fake_openai.responses.history import Item
from shim.testing.fake_openai.responses.objects import queued

Event = dict[str, Any]


def events_of(body: dict[str, Any], *, begun: dict[str, Any], finished: dict[str, Any]) -> Iterator[Event]:
    """The events in order, numbered: from the object as it began to the object as it ended."""
    obfuscated = (body.get("stream_options") or {}).get("include_obfuscation", True)
    for number, event in enumerate(_events(_streamed(begun), _streamed(finished))):
        if obfuscated and event["type"].endswith(".delta"):
            event["obfuscation"] = padding(event["delta"])
        event["sequence_number"] = number
        yield event


def _streamed(response: dict[str, Any]) -> dict[str, Any]:
    """The object inside an event: who pays stands only in JSON answers."""
    return {name: value for name, value in response.items() if name != "billing"}


def _events(begun: dict[str, Any], finished: dict[str, Any]) -> Iterator[Event]:
    yield {"type": "response.created", "response": begun}
    if begun["background"]:
        yield {"type": "response.queued", "response": queued(begun)}
    yield {"type": "response.in_progress", "response": begun}
    for place, item in enumerate(finished["output"]):
        yield {"type": "response.output_item.added", "item": _opened(item), "output_index": place}
        yield from _FILLING[item["type"]](item, place)
        yield {"type": "response.output_item.done", "item": item, "output_index": place}
    yield {"type": f"response.{finished['status']}", "response": finished}


def _opened(item: Item) -> Item:
    """An item before anything was written into it."""
    empty = {"content": [], "summary": [], "arguments": "", "input": "", "status": "in_progress"}
    return {name: empty.get(name, value) for name, value in item.items()}


def _reasoning(item: Item, place: int) -> Iterator[Event]:
    for number, part in enumerate(item["summary"]):
        where = {"item_id": item["id"], "output_index": place, "summary_index": number}
        yield {"type": "response.reasoning_summary_part.added", **where, "part": {**part, "text": ""}}
        for piece in tokens_of(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", **where, "delta": piece}
        yield {"type": "response.reasoning_summary_text.done", **where, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **where, "part": part}


def _message(item: Item, place: int) -> Iterator[Event]:
    for number, part in enumerate(item["content"]):
        where = {"item_id": item["id"], "output_index": place, "content_index": number}
        yield {"type": "response.content_part.added", **where, "part": _opened_part(part)}
        yield from _refusal(part, where) if part["type"] == "refusal" else _text(part, where)
        yield {"type": "response.content_part.done", **where, "part": part}


def _opened_part(part: Item) -> Item:
    empty: Item = {"annotations": [], "logprobs": [], "text": "", "refusal": ""}
    return {name: empty.get(name, value) for name, value in part.items()}


def _text(part: Item, where: Item) -> Iterator[Event]:
    for number, piece in enumerate(tokens_of(part["text"])):
        logprobs = part["logprobs"][number : number + 1]
        yield {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": logprobs}
    yield {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": part["logprobs"]}


def _refusal(part: Item, where: Item) -> Iterator[Event]:
    for piece in tokens_of(part["refusal"]):
        yield {"type": "response.refusal.delta", **where, "delta": piece}
    yield {"type": "response.refusal.done", **where, "refusal": part["refusal"]}


def _function_call(item: Item, place: int) -> Iterator[Event]:
    return _written(item, "response.function_call_arguments", place=place, field="arguments")


def _custom_call(item: Item, place: int) -> Iterator[Event]:
    return _written(item, "response.custom_tool_call_input", place=place, field="input")


def _written(item: Item, kind: str, *, place: int, field: str) -> Iterator[Event]:
    where = {"item_id": item["id"], "output_index": place}
    for piece in tokens_of(item[field]):
        yield {"type": f"{kind}.delta", **where, "delta": piece}
    yield {"type": f"{kind}.done", **where, field: item[field]}


_FILLING = {
    "custom_tool_call": _custom_call,
    "function_call": _function_call,
    "message": _message,
    "reasoning": _reasoning,
}


def numbered(events: Iterable[Event], *, start: int) -> list[Event]:
    """Events that go on from a place in a stream."""
    return [{**event, "sequence_number": number} for number, event in enumerate(events, start)]
