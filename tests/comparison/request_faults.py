"""Differences put into a request on purpose, each with the place where it must be found; None where it is no difference.

Not the pairs that must never alarm (`equal_pairs`).
"""

from __future__ import annotations

import copy
import json
import random
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from shim.recording.exchange import Exchange
from tests.comparison.equal_pairs import recorded

URL = "https://mine.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21&trace=1"
BODY: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is on the Übersicht, café 🌍?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"city": "Paris", "days": 1}'},
                },
                {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": '{"city": "Rome"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Rain"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "look",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
                    "required": ["city"],
                },
            },
        }
    ],
    "temperature": 0.7,
    "top_p": 1,
    "max_completion_tokens": 256,
    "stop": ["END"],
    "seed": 9007199254740993,
    "parallel_tool_calls": True,
    "user": None,
    "stream": True,
    "stream_options": {"include_usage": True},
}
HEADERS = (("OpenAI-Beta", "assistants=v2"), ("OpenAI-Organization", "org-1"), ("Idempotency-Key", "k-1"))
CONTROL = recorded(BODY, url=URL, headers=HEADERS)


class Fault(Struct, frozen=True):
    """A change of `CONTROL`, and the first place where it must be found."""

    name: str
    change: Callable[[], Exchange]
    path: str | None


def _body(edit: Callable[[dict[str, Any]], object]) -> Callable[[], Exchange]:
    def change() -> Exchange:
        body = copy.deepcopy(BODY)
        edit(body)
        return recorded(body, url=URL, headers=HEADERS)

    return change


def _raw(old: str, new: str) -> Callable[[], Exchange]:
    text = json.dumps(BODY)
    assert text.count(old) == 1, old
    return lambda: recorded(text.replace(old, new).encode(), url=URL, headers=HEADERS)


def _url(old: str, new: str) -> Callable[[], Exchange]:
    assert old in URL
    return lambda: recorded(BODY, url=URL.replace(old, new), headers=HEADERS)


def _headers(*headers: tuple[str, str]) -> Callable[[], Exchange]:
    return lambda: recorded(BODY, url=URL, headers=headers)


def _scheme_changed() -> Exchange:
    headers = (*((name, value) for name, value in CONTROL.request.headers if name != "Authorization"), ("api-key", "k"))
    return replace(CONTROL, request=replace(CONTROL.request, headers=headers))


def _message(position: int) -> str:
    return f"body.messages[{position}]"


def spoiled(value: Any, rng: random.Random) -> Any:
    """A copy of a body with one difference somewhere, of a kind that a server can tell."""
    copied = copy.deepcopy(value)
    holders = list(_holders(copied))
    while True:
        holder = rng.choice(holders)
        edited = _EDITS[rng.randrange(len(_EDITS))](holder, rng)
        if edited and json.dumps(copied, sort_keys=True) != json.dumps(value, sort_keys=True):
            return copied


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _holders(inner)


def _place(holder: Any, rng: random.Random) -> Any:
    return rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))


def _drop(holder: Any, rng: random.Random) -> bool:
    if holder:
        del holder[_place(holder, rng)]
    return bool(holder)


def _add(holder: Any, rng: random.Random) -> bool:
    if isinstance(holder, dict):
        holder[f"x_{rng.randrange(9)}"] = rng.choice([None, 0, "", [], {}])
    else:
        holder.insert(rng.randint(0, len(holder)), rng.choice([None, 0, "", [], {}]))
    return True


def _change(holder: Any, rng: random.Random) -> bool:
    if not holder:
        return False
    place = _place(holder, rng)
    old = holder[place]
    if isinstance(old, str):
        at = rng.randint(0, len(old))
        holder[place] = old[:at] + rng.choice(["x", " ", "\u0301", "\u200b"]) + old[at:]
    elif isinstance(old, bool) or old is None:
        holder[place] = rng.choice([0, 1, "", not old])
    elif isinstance(old, (int, float)):
        holder[place] = rng.choice([old + 1, str(old), None, bool(old)])
    else:
        holder[place] = rng.choice([None, json.dumps(old), [old]])
    return True


def _swap(holder: Any, rng: random.Random) -> bool:
    if isinstance(holder, list) and len(holder) > 1:
        at = rng.randrange(len(holder) - 1)
        holder[at], holder[at + 1] = holder[at + 1], holder[at]
        return True
    return False


_EDITS: tuple[Callable[[Any, random.Random], bool], ...] = (_drop, _add, _change, _change, _swap)


FAULTS: tuple[Fault, ...] = (
    Fault("a field dropped", _body(lambda body: body.pop("seed")), "body.seed"),
    Fault("null for absent", _body(lambda body: body.update(n=None)), "body.n"),
    Fault("absent for null", _body(lambda body: body.pop("user")), "body.user"),
    Fault("absent for null content", _body(lambda body: body["messages"][2].pop("content")), f"{_message(2)}.content"),
    Fault(
        "empty for null content", _body(lambda body: body["messages"][2].update(content="")), f"{_message(2)}.content"
    ),
    Fault(
        "an array reordered",
        _body(lambda body: body["tools"][0]["function"]["parameters"]["properties"]["unit"]["enum"].reverse()),
        "body.tools[0].function.parameters.properties.unit.enum[0]",
    ),
    Fault(
        "messages swapped",
        _body(lambda body: body["messages"].insert(3, body["messages"].pop())),
        f"{_message(3)}.tool_call_id",
    ),
    Fault("a message dropped", _body(lambda body: body["messages"].pop(3)), "body.messages.length"),
    Fault(
        "a message doubled", _body(lambda body: body["messages"].insert(0, body["messages"][0])), "body.messages.length"
    ),
    Fault("one character lost", _raw("Be brief.", "Be brief"), f"{_message(0)}.content"),
    Fault("a space at the end", _raw("Be brief.", "Be brief. "), f"{_message(0)}.content"),
    Fault("escaped otherwise", _raw("\\u00dcbersicht", "Übersicht"), None),
    Fault("a slash escaped", _raw("https://example.org/a.png", "https:\\/\\/example.org\\/a.png"), None),
    Fault("an emoji halved", _raw("\\ud83c\\udf0d", "\\ud83c"), f"{_message(1)}.content[0].text"),
    Fault("an emoji replaced", _raw("\\ud83c\\udf0d", "\\ufffd"), f"{_message(1)}.content[0].text"),
    Fault(
        "another unicode normal form",
        _raw("caf\\u00e9", unicodedata.normalize("NFD", "café")),
        f"{_message(1)}.content[0].text",
    ),
    Fault(
        "a space in the arguments",
        _raw('\\"city\\": \\"Rome\\"', '\\"city\\":\\"Rome\\"'),
        f"{_message(2)}.tool_calls[1].function.arguments",
    ),
    Fault(
        "arguments parsed",
        _body(lambda body: body["messages"][2]["tool_calls"][1]["function"].update(arguments={"city": "Rome"})),
        f"{_message(2)}.tool_calls[1].function.arguments",
    ),
    Fault(
        "calls swapped",
        _body(lambda body: body["messages"][2]["tool_calls"].reverse()),
        f"{_message(2)}.tool_calls[0].id",
    ),
    Fault(
        "a schema changed deep inside",
        _raw('"city": {"type": "string"}', '"city": {"type": "strinG"}'),
        "body.tools[0].function.parameters.properties.city.type",
    ),
    Fault(
        "a schema strict",
        _body(lambda body: body["tools"][0]["function"].update(strict=False)),
        "body.tools[0].function.strict",
    ),
    Fault("0.7 as 0.70", _raw("0.7,", "0.70,"), None),
    Fault("0.7 as 7e-1", _raw("0.7,", "7e-1,"), None),
    Fault("0.7 as 0.71", _raw("0.7,", "0.71,"), "body.temperature"),
    Fault("0.7 in single precision", _raw("0.7,", "0.699999988079071,"), "body.temperature"),
    Fault("1 as 1.0 where a number is meant", _raw('"top_p": 1,', '"top_p": 1.0,'), None),
    Fault("an integer as a double", _raw("256", "256.0"), "body.max_completion_tokens"),
    Fault("a large integer rounded", _raw("9007199254740993", "9007199254740992"), "body.seed"),
    Fault("a large integer as a double", _raw("9007199254740993", "9007199254740993.0"), "body.seed"),
    Fault("an integer as a string", _raw("256", '"256"'), "body.max_completion_tokens"),
    Fault("true as 1", _raw('"parallel_tool_calls": true', '"parallel_tool_calls": 1'), "body.parallel_tool_calls"),
    Fault("1 as true", _raw('"top_p": 1,', '"top_p": true,'), "body.top_p"),
    Fault("true dropped as a default", _body(lambda body: body.pop("parallel_tool_calls")), "body.parallel_tool_calls"),
    Fault("an extra field", _body(lambda body: body.update(x_trace="1")), "body.x_trace"),
    Fault("an empty field", _body(lambda body: body.update(metadata={})), "body.metadata"),
    Fault("a role changed", _body(lambda body: body["messages"][0].update(role="developer")), f"{_message(0)}.role"),
    Fault("a field's name in capitals", _raw('"seed"', '"Seed"'), "body.seed"),
    Fault("an image's url changed", _raw("a.png", "b.png"), f"{_message(1)}.content[1].image_url.url"),
    Fault("an image's detail dropped", _raw(', "detail": "low"', ""), f"{_message(1)}.content[1].image_url.detail"),
    Fault(
        "parts as a string", _body(lambda body: body["messages"][1].update(content="What")), f"{_message(1)}.content"
    ),
    Fault(
        "a string as parts",
        _body(lambda body: body["messages"][0].update(content=[{"type": "text", "text": "Be brief."}])),
        f"{_message(0)}.content",
    ),
    Fault("a model alias", _raw('"gpt-4o"', '"gpt-4o-2024-08-06"'), "body.model"),
    Fault("max_tokens by its old name", _raw("max_completion_tokens", "max_tokens"), "body.max_completion_tokens"),
    Fault("stop as a string", _body(lambda body: body.update(stop="END")), "body.stop"),
    Fault("stream flipped", _body(lambda body: body.update(stream=False)), "body.stream"),
    Fault("stream dropped", _body(lambda body: body.pop("stream")), "body.stream"),
    Fault("usage not asked for", _body(lambda body: body.pop("stream_options")), "body.stream_options"),
    Fault("a beta header dropped", _headers(*HEADERS[1:]), "header.openai-beta"),
    Fault("a beta header changed", _headers(("OpenAI-Beta", "assistants=v1"), *HEADERS[1:]), "header.openai-beta"),
    Fault(
        "another organization",
        _headers(HEADERS[0], ("OpenAI-Organization", "org-2"), HEADERS[2]),
        "header.openai-organization",
    ),
    Fault("another project", _headers(*HEADERS, ("OpenAI-Project", "p")), "header.openai-project"),
    Fault("no idempotency key", _headers(*HEADERS[:2]), "header.idempotency-key"),
    Fault("another idempotency key", _headers(*HEADERS[:2], ("idempotency-key", "k-2")), None),
    Fault("a header of the application's", _headers(*HEADERS, ("X-Tenant", "a")), "header.x-tenant"),
    Fault("another auth scheme", _scheme_changed, "header.api-key"),
    Fault("another api-version", _url("2024-10-21", "2024-06-01"), "url.query.api-version"),
    Fault("no api-version", _url("api-version=2024-10-21&", ""), "url.query.api-version"),
    Fault("the query reordered", _url("api-version=2024-10-21&trace=1", "trace=1&api-version=2024-10-21"), None),
    Fault("another deployment", _url("deployments/gpt-4o", "deployments/gpt-4"), "url.path"),
    Fault("another host", _url("mine.openai.azure.com", "127.0.0.1:8080"), None),
    Fault("another method", lambda: replace(CONTROL, request=replace(CONTROL.request, method="PUT")), "method"),
)
"""The faults, one change each."""
