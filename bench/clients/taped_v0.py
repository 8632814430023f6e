"""Thirty calls of a program written for openai 0.28, made by the real one, with a tap on its session.

Not the comparing (`bench.recorded_v0`) and no measurement. Run in the environment of openai 0.28; prints one JSON line a call:
what the old client made of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
FUNCTION = TOOL["function"]
WEATHER = [{"role": "user", "content": "What is the weather in Oslo?"}]
RESULT: list[dict[str, Any]] = [
    *WEATHER,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "4 degrees and light rain"},
]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        },
    },
}
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def said(*texts: str, **fields: Any) -> dict[str, Any]:
    """The arguments of a call: messages of the user, and further fields."""
    return {"messages": [{"role": "user", "content": text} for text in texts], **fields}


CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("plain", said("Hello there")),
    ("temperature 0", said("Hello there", temperature=0)),
    ("an explicit null", said("Hello there", user=None)),
    ("beyond ASCII", said("Grüße, 世界 🌍, \u2028 and \x7f")),
    ("a conversation", {"messages": [*said("Hello")["messages"], {"role": "assistant", "content": "Hi."}, *WEATHER]}),
    ("a system prompt", {"messages": [{"role": "system", "content": "Be brief."}, *said("Hello")["messages"]]}),
    ("an image", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}]}),
    ("many fields", said("Count to 3", top_p=0.5, n=2, stop=["9"], seed=7, logit_bias={"50256": -100}, user="u-1")),
    ("log probabilities", said("Count to 3", logprobs=True, top_logprobs=2)),
    ("cut at a length", said("Count to 20", max_tokens=5)),
    ("JSON", said("Give me JSON", response_format={"type": "json_object"})),
    ("a schema", said("Who?", response_format=SCHEMA)),
    ("a refusal", said("Please refuse this")),
    ("a tool call", {"messages": WEATHER, "tools": [TOOL]}),
    ("a tool's result", {"messages": RESULT, "tools": [TOOL]}),
    ("a function, as it was called before", {"messages": WEATHER, "functions": [FUNCTION]}),
    ("an unknown field", said("Hello there", made_up={"deep": [1, 2.50, True]})),
    ("streamed", said("Count to 12", stream=True)),
    ("streamed, beyond ASCII", said("Say: Grüße 🌍", stream=True)),
    ("streamed, with usage", said("Count to 5", stream=True, stream_options={"include_usage": True})),
    ("streamed, two answers", said("Count to 3", stream=True, n=2)),
    ("a tool call, streamed", {"messages": WEATHER, "tools": [TOOL], "stream": True}),
    ("a wrong request", said("Hello there", temperature=9)),
    ("an unknown model", said("Hello there", model="no-such-model")),
    ("too many requests", said("Hello there")),
    ("a server error", said("Hello there", stream=True)),
    ("an error inside a stream", said("Count to 9", stream=True)),
    ("a stream that is cut", said("Count to 9", stream=True)),
    ("a stream without its end", said("Count to 9", stream=True)),
    ("a silent server", said("Hello there", request_timeout=0.5)),
)


def main() -> None:
    """Make the calls."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    parser.add_argument("recording")
    arguments = parser.parse_args()
    import openai  # type: ignore[import-not-found,unused-ignore]  # only in the environment of 0.28
    import requests

    from shim.comparison import tap

    openai.api_key, openai.api_base = "sk-test-key-of-the-old-program", arguments.base_url
    openai.requestssession = requests.Session()
    with tap(openai.requestssession, arguments.recording) as recording:
        for name, fields in CALLS:
            print(json.dumps({"call": name, **made_of(openai.ChatCompletion.create, fields)}), flush=True)
    print(json.dumps({"tap": repr(recording)}), flush=True)


def made_of(create: Callable[..., Any], fields: dict[str, Any]) -> dict[str, Any]:
    """What the old client makes of a call: the first answer, or the exception its caller has to live with."""
    try:
        answer = create(**{"model": "gpt-4o-mini", **fields})
        choices = [streamed(answer)] if fields.get("stream") else [whole(choice) for choice in answer["choices"][:1]]
    except Exception as error:  # noqa: BLE001 - what the old client raises is what is asked about
        return {"raised": f"{type(error).__module__}.{type(error).__name__}"}
    return choices[0]


def whole(choice: Any) -> dict[str, Any]:
    """An answer that came in one piece."""
    message = choice["message"]
    calls = [call["function"] for call in message.get("tool_calls") or []]
    calls += [message["function_call"]] if message.get("function_call") else []
    told = [[call["name"], call["arguments"]] for call in calls]
    return {"text": message.get("content") or "", "finish_reason": choice["finish_reason"], "calls": told}


def streamed(chunks: Any) -> dict[str, Any]:
    """The first answer of a stream, put together as programs of that time did."""
    first = [choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == 0]
    calls: dict[int, list[str]] = {}
    for choice in first:
        for piece in choice["delta"].get("tool_calls") or []:
            call = calls.setdefault(piece["index"], ["", ""])
            call[0] += piece["function"].get("name") or ""
            call[1] += piece["function"].get("arguments") or ""
    return {
        "text": "".join(choice["delta"].get("content") or "" for choice in first),
        "finish_reason": next((choice["finish_reason"] for choice in first if choice.get("finish_reason")), None),
        "calls": list(calls.values()),
    }


if __name__ == "__main__":
    main()
