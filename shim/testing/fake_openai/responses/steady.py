"""Precomputed Responses streams for benchmarks: many equal text deltas between the events that open and close a stream.

Not the persona, nor the same for Chat Completions (`fake_openai.chat.steady`, which also reads the names of the models).
Each delta has a number of its own, so bytes are made once per (model, length, padding) and kept for few of those.
"""

import functools
from typing import Any

from shim.testing.fake_openai.answers import Answer, events_answer_of, named_sse
from shim.testing.fake_openai.question import Stamp
from shim.testing.fake_openai.responses.events import Event, events_of, numbered
from shim.testing.fake_openai.responses.objects import begun, finished

_CREATED = 1_780_000_000
# Stands where a delta goes, and where its number goes, in the event that all deltas are printed from.
_MARK = "\N{WHITE SQUARE}"


def steady_events(body: object, *, events: int, text: str, interval: float = 0.0) -> Answer:
    """A stream of `events` deltas of one text, with everything before and after them that the API sends."""
    asked = body if isinstance(body, dict) else {}
    options = asked.get("stream_options")
    padded = not (isinstance(options, dict) and options.get("include_obfuscation") is False)
    return _steady(str(asked.get("model", "fake")), events, text=text, interval=interval, padded=padded)


@functools.lru_cache(maxsize=8)
def _steady(model: str, events: int, *, text: str, interval: float, padded: bool) -> Answer:
    before, delta, after = _around(model, events, text=text, padded=padded)
    printed = named_sse({**delta, "delta": text, "sequence_number": _MARK})
    head, tail = printed.split(f'"{_MARK}"'.encode())
    first = len(before)
    pieces = [named_sse(event) for event in before]
    pieces += [head + str(first + number).encode() + tail for number in range(events)]
    pieces += [named_sse(event) for event in numbered(after, start=first + events)]
    return events_answer_of(pieces, interval=interval, shared=True)


def _around(model: str, events: int, *, text: str, padded: bool) -> tuple[list[Event], Event, list[Event]]:
    """The events before the deltas, one delta, and the events after them."""
    body: dict[str, Any] = {"model": model, "stream_options": {"include_obfuscation": padded}}
    start = begun(body, stamp=Stamp(number=0, created=_CREATED))
    end = finished(start, [_item(_MARK)], usage=_usage(events), cut=False)
    one = list(events_of(body, begun=start, finished=end))
    place = next(number for number, event in enumerate(one) if event["type"].endswith(".delta"))
    after = list(events_of(body, begun=start, finished=end | {"output": [_item(text * events)]}))
    closing = [event for event in after[place:] if not event["type"].endswith(".delta")]
    return one[:place], one[place], closing


def _item(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    return {"id": f"msg_{0:048x}", "type": "message", "status": "completed", "content": [part], "role": "assistant"}


def _usage(events: int) -> dict[str, Any]:
    return {
        "input_tokens": 8,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": events,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 8 + events,
    }
