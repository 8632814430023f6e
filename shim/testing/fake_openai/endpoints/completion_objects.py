"""Writes completions as `text_completion` objects: one JSON body, the chunks of a stream, or the stream of a benchmark.

Not what they say (`completions`). Shapes per the API reference of Completions: a chunk has the shape of the whole, `text` is
what is new in it, and the last one of each choice is empty and says why it ended.
"""

import functools
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from shim.testing.fake_openai.answers import Answer, stream_answer
from shim.testing.fake_openai.chat.rendering import logprobs_of
from shim.testing.fake_openai.question import Stamp


@dataclass(frozen=True)
class CompletionChoice:
    """One completion: its tokens, the first `echoed` of them the prompt's, which begins at character `start`."""

    index: int
    tokens: tuple[str, ...]
    finish: str
    start: int = 0
    echoed: int = 0


def completion_of(
    body: dict[str, Any], choices: list[CompletionChoice], *, stamp: Stamp, usage: dict[str, int]
) -> dict[str, Any]:
    """The whole object."""
    written = [
        {
            "text": "".join(choice.tokens),
            "index": choice.index,
            "logprobs": _logprobs(body, choice),
            "finish_reason": choice.finish,
        }
        for choice in choices
    ]
    return {**_top(body["model"], stamp), "choices": written, "usage": usage}


def chunks_of(
    body: dict[str, Any], choices: list[CompletionChoice], *, stamp: Stamp, usage: dict[str, int]
) -> list[dict[str, Any]]:
    """The chunks in order; those of several choices alternate."""
    top = _top(body["model"], stamp)
    each = [_choice_chunks(body, choice) for choice in choices]
    chunks = [{**top, "choices": [chunk]} for abreast in zip_longest(*each) for chunk in abreast if chunk is not None]
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks = [*({**chunk, "usage": None} for chunk in chunks), {**top, "choices": [], "usage": usage}]
    return chunks


def steady_completion(body: object, *, events: int, text: str, interval: float = 0.0) -> Answer:
    """A stream of `events` equal texts and the chunk that ends it, made once for requests that are alike."""
    asked = body if isinstance(body, dict) else {}
    return _steady(str(asked.get("model", "fake")), events, text=text, interval=interval)


@functools.lru_cache(maxsize=64)
def _steady(model: str, events: int, *, text: str, interval: float) -> Answer:
    top = _top(model, Stamp(number=0, created=1_780_000_000))
    word = {**top, "choices": [_chunk(0, text)]}
    return stream_answer(
        [word] * events + [{**top, "choices": [_chunk(0, "", finish="stop")]}], interval=interval, shared=True
    )


def _top(model: str, stamp: Stamp) -> dict[str, Any]:
    return {"id": f"cmpl-{stamp.number:029d}", "object": "text_completion", "created": stamp.created, "model": model}


def _choice_chunks(body: dict[str, Any], choice: CompletionChoice) -> list[dict[str, Any]]:
    chunks = []
    offset = choice.start
    for place, token in enumerate(choice.tokens):
        one = CompletionChoice(choice.index, (token,), "", start=offset, echoed=int(place == 0 and choice.echoed > 0))
        chunks.append(_chunk(choice.index, token, logprobs=_logprobs(body, one)))
        offset += len(token)
    return [*chunks, _chunk(choice.index, "", finish=choice.finish)]


def _chunk(index: int, text: str, *, logprobs: object = None, finish: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}


def _logprobs(body: dict[str, Any], choice: CompletionChoice) -> dict[str, Any] | None:
    """The log probabilities of a choice; nothing goes before an echoed prompt, so its first token has none."""
    alternatives = body.get("logprobs")
    if alternatives is None:
        return None
    each = logprobs_of(list(choice.tokens), alternatives=alternatives)
    first = 1 if choice.echoed else 0
    offsets = [choice.start]
    for token in choice.tokens[:-1]:
        offsets.append(offsets[-1] + len(token))
    tops = [{top["token"]: top["logprob"] for top in one["top_logprobs"]} for one in each]
    return {
        "tokens": list(choice.tokens),
        "token_logprobs": [None] * first + [one["logprob"] for one in each[first:]],
        "top_logprobs": [None, *tops[1:]] if first and alternatives else tops if alternatives else None,
        "text_offset": offsets if choice.tokens else [],
    }
