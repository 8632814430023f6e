"""Asking the Responses API of a fake server.

Not a test.
"""

from typing import Any

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import Got, ask

PATH = "/v1/responses"
TOOL: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "Current weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
USER = {"role": "user", "content": "The weather in Paris?"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"}


def asked(given: Any = "Tell me about the tides.", **fields: Any) -> dict[str, Any]:
    """A request body."""
    return {"model": "gpt-4o", "input": given, **fields}


def respond(server: FakeOpenAI, given: Any = "Tell me about the tides.", **fields: Any) -> Got:
    """What a request is answered."""
    return ask(server, asked(given, **fields), path=PATH)


def streamed(server: FakeOpenAI, given: Any = "Tell me about the tides.", **fields: Any) -> list[dict[str, Any]]:
    """The events a request is answered with."""
    return respond(server, given, stream=True, **fields).events


def output_of(call_id: str, output: Any = "sunny") -> dict[str, Any]:
    """The item that answers a call."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}
