"""Pairs of requests that ask for the same in other bytes, made from a seed: what must never alarm.

Not the differences that must (`request_faults`). Bodies are such as existing code sends; rewriting changes key order, white
space, escapes, the spelling of numbers, headers of the client's own, and the order of the query.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

from msgspec.structs import replace

from shim.recording.exchange import Exchange, RecordedRequest

PLACES = (
    "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/chat/completions?trace=1&user=a%20b",
    "https://mine.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21&x=",
    "http://127.0.0.1:8000/v1/chat/completions",
)
WORDS = (
    *("Hello", "weather", "in", "Paris", "Zürich", "", " ", "\n", "\t", '"quoted"', "back\\slash", "a/b", "</script>"),
    *("日本語", "🌍", "👨‍👩‍👧", "e\u0301", "é", "\u2028", "\u0000", "\u007f", "ﷺ", "नमस्ते", "NaN", "null", "1.0"),
)


def rng_of(seed: int | str) -> random.Random:
    """What makes one pair, always the same from one seed."""
    return random.Random(seed)  # noqa: S311 - it makes test data


def body(rng: random.Random) -> dict[str, Any]:
    """A Chat Completions body such as existing code sends."""
    made: dict[str, Any] = {"model": rng.choice(["gpt-4o", "gpt-4o-mini", "llama-3.1-8b"])}
    made["messages"] = [_message(rng) for _ in range(rng.randint(1, 6))]
    for name, values in _FIELDS.items():
        if rng.random() < 0.25:
            made[name] = rng.choice(values)
    if rng.random() < 0.3:
        made["tools"] = [_tool(rng) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.3:
        made |= {"stream": True} | ({"stream_options": {"include_usage": True}} if rng.random() < 0.7 else {})
    return made


_FIELDS: dict[str, tuple[Any, ...]] = {
    "temperature": (0, 0.0, 1, 0.7, 1e-3, 2.0, None, 0.1 + 0.2),
    "top_p": (1.0, 0.95, 1),
    "max_tokens": (16, 4096),
    "max_completion_tokens": (1, 2**40, None),
    "seed": (0, -1, 2**53 + 1, 2**63 - 1, 2**70),
    "stop": ("\n", ["\n", "END"], None, []),
    "user": ("", "user-1", None),
    "n": (1, 2),
    "logit_bias": ({"50256": -100}, {}, {"1": 1.5}),
    "response_format": ({"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}),
    "parallel_tool_calls": (True, False),
    "metadata": ({"team": "ü"}, {}),
    "store": (True, False),
    "extra_server_field": ({"deep": [[[{"er": None}]]]}, 0.1, [1, 1.0, True]),
}


def text(rng: random.Random) -> str:
    """Text with all that JSON can write in more than one way."""
    return " ".join(rng.choices(WORDS, k=rng.randint(0, 8)))


def _message(rng: random.Random) -> dict[str, Any]:
    return rng.choice(_MESSAGES)(rng)


def _calls(rng: random.Random) -> dict[str, Any]:
    arguments = json.dumps({"city": text(rng), "n": 1.0}, ensure_ascii=rng.random() < 0.5)
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


_MESSAGES = (
    lambda rng: {"role": "user", "content": text(rng)},
    lambda rng: {"role": "system", "content": text(rng)},
    lambda rng: {"role": "assistant", "content": text(rng), "refusal": None},
    lambda rng: {"role": "tool", "tool_call_id": "call_1", "content": text(rng)},
    lambda rng: {
        "role": "user",
        "content": [
            {"type": "text", "text": text(rng)},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
        ],
    },
    _calls,
)


def _tool(rng: random.Random) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": text(rng)}, "days": {"enum": [1, 2.5, None]}},
        "required": ["city"],
    }
    return {"type": "function", "function": {"name": "look", "description": text(rng), "parameters": schema}}


def recorded(asked: dict[str, Any] | bytes, *, url: str = PLACES[0], headers: Any = ()) -> Exchange:
    """A recording of a request."""
    data = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    own = (("Content-Type", "application/json"), ("User-Agent", "old/1"), ("Authorization", "Bearer"))
    request = RecordedRequest(method="POST", url=url, headers=(*own, *headers), body=data, length=len(data))
    return Exchange(pair_id="p1", request=request)


def equal_pair(rng: random.Random) -> tuple[Exchange, Exchange]:
    """Two recordings of the same request in other bytes."""
    asked = body(rng)
    control = recorded(json.dumps(asked).encode(), url=rng.choice(PLACES), headers=(("OpenAI-Beta", "a=v1"),))
    return control, rewritten_exchange(control, rng)


def rewritten_exchange(control: Exchange, rng: random.Random) -> Exchange:
    """The same request in other bytes, as another client would send it."""
    request = control.request
    data = rewritten(json.loads(request.body or b"{}"), rng)
    headers = [
        (rng.choice([name, name.lower(), name.upper()]), value)
        for name, value in request.headers
        if name != "User-Agent"
    ]
    headers += [("user-agent", "new/2"), ("Accept", "*/*"), ("x-stainless-lang", "python")]
    rng.shuffle(headers)
    path, mark, query = request.url.partition("?")
    pairs = query.split("&")
    rng.shuffle(pairs)
    sent = replace(request, url=path + mark + "&".join(pairs), headers=tuple(headers), body=data, length=len(data))
    return replace(control, role="candidate", request=sent)


def rewritten(value: Any, rng: random.Random) -> bytes:
    """The same JSON in other bytes."""
    return (_space(rng) + _written(value, rng) + _space(rng)).encode()


def _written(value: Any, rng: random.Random) -> str:
    if isinstance(value, dict):
        members = [
            f"{_string(name, rng)}{_space(rng)}:{_space(rng)}{_written(each, rng)}" for name, each in value.items()
        ]
        rng.shuffle(members)
        return "{" + _joined(members, rng) + "}"
    if isinstance(value, list):
        return "[" + _joined([_written(each, rng) for each in value], rng) + "]"
    if isinstance(value, str):
        return _string(value, rng)
    return _number(value, rng) if isinstance(value, float) else json.dumps(value)


def _joined(members: list[str], rng: random.Random) -> str:
    return _space(rng) + ",".join(f"{_space(rng)}{member}{_space(rng)}" for member in members) + _space(rng)


def _space(rng: random.Random) -> str:
    return "".join(rng.choices(" \t\r\n", k=rng.choice([0, 0, 0, 1, 3])))


def _string(value: str, rng: random.Random) -> str:
    return '"' + "".join(_character(each, rng) for each in value) + '"'


_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _character(character: str, rng: random.Random) -> str:
    must = character < " " or character in '"\\'
    if must or rng.random() < 0.2:
        units = character.encode("utf-16-be")
        pairs = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
        long = "".join(f"\\u{unit:04{rng.choice('xX')}}" for unit in pairs)
        return _SHORT.get(character, long) if rng.random() < 0.5 else long
    return character


def _number(value: float, rng: random.Random) -> str:
    assert math.isfinite(value)
    plain = repr(value)
    spellings = [plain, f"{plain}0" if "e" not in plain else plain, f"{value:.17e}", f"{value:.20E}".replace("E+", "E")]
    spelling = rng.choice(spellings)
    assert float(spelling) == value
    return spelling
