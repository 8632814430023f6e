"""Precomputed Chat Completions streams for benchmarks: many equal text events, in a burst or on a fixed schedule.

Not the persona, nor the same for the Responses API (`responses.steady`): every event says the same, and bytes are made
once per (model, length, usage), so that the server is cheap beside the client that is measured. `fake-burst-N` sends N
text events at once; `fake-paced-RxN` sends N, R a second.
"""

import functools
import re
from dataclasses import dataclass
from typing import Any

from shim.testing.fake_openai.answers import Answer, stream_answer
from shim.testing.fake_openai.chat.rendering import FINGERPRINT
from shim.testing.fake_openai.models import no_model

MAX_EVENTS = 100_000
_BURST = re.compile(r"fake-burst-(\d{1,7})")
_PACED = re.compile(r"fake-paced-(\d{1,4})x(\d{1,7})")
_PADDING = "h8Tq3ZpL1w"
# What each event of a stream says that a model's name asks for.
STEADY_TEXT = " word"


@dataclass(frozen=True)
class SteadyPace:
    """How many text events a stream has, and the seconds between two of them."""

    events: int
    interval: float = 0.0


def pace_of(model: str) -> SteadyPace | None:
    """The stream that a model's name asks for, None for any other name; LookupError for counts out of bounds."""
    burst, paced = _BURST.fullmatch(model), _PACED.fullmatch(model)
    if burst:
        return SteadyPace(_checked(int(burst[1])))
    if paced:
        return SteadyPace(_checked(int(paced[2])), 1 / _checked(int(paced[1])))
    return None


def pace_for(model: str) -> SteadyPace | None:
    """The same, with the API's error for a model that has no such counts."""
    try:
        return pace_of(model)
    except LookupError as error:
        raise no_model(model, reason=f": {error}") from None


def steady_answer(body: object, *, events: int, text: str, interval: float = 0.0) -> Answer:
    """A stream of `events` text deltas around which stand an opener, a finish chunk, usage if asked for, and `[DONE]`."""
    asked = body if isinstance(body, dict) else {}
    options = asked.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    return _steady(str(asked.get("model", "fake")), events, text=text, interval=interval, usage=usage)


def _checked(value: int) -> int:
    if not 1 <= value <= MAX_EVENTS:
        raise LookupError(f"counts go from 1 to {MAX_EVENTS}")
    return value


@functools.lru_cache(maxsize=64)
def _steady(model: str, events: int, *, text: str, interval: float, usage: bool) -> Answer:
    word = _chunk(model, {"content": text}, usage=usage)
    payloads = [_chunk(model, {"role": "assistant", "content": "", "refusal": None}, usage=usage)]
    payloads += [word] * events
    payloads.append(_chunk(model, {}, usage=usage, finish="stop"))
    if usage:
        counts = {"prompt_tokens": 8, "completion_tokens": events, "total_tokens": 8 + events}
        payloads.append({**word, "choices": [], "usage": counts})
    return stream_answer(payloads, interval=interval, shared=True)


def _chunk(model: str, delta: dict[str, Any], *, usage: bool, finish: str | None = None) -> dict[str, Any]:
    """A chunk with every field of the API's, about 250 bytes long."""
    return {
        "id": f"chatcmpl-{0:029d}",
        "object": "chat.completion.chunk",
        "created": 1_780_000_000,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        **({"usage": None} if usage else {}),
        "obfuscation": _PADDING,
    }
