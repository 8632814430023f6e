"""The steps of the demo: a request, a stream, a tool round trip, an error, and two streams in one loop.

Not how they are shown (`demo_stage`). Each plays on a stage, raises where something did not come out as said, and returns in a
few words what came back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from shim.cli.demo_output import TwoStreams
from shim.cli.demo_stage import DemoStage, UnexpectedOutcomeError
from shim.loops import select_loop
from shim.model import (
    ErrorCategory,
    FinishReason,
    Message,
    ModelRequest,
    RateLimitError,
    ToolCallPart,
    ToolDefinition,
    tool_result,
    user,
)
from shim.provider import Completion

MODEL = "gpt-4o-mini"
RETRY_AFTER_SECONDS = 20
WEATHER = ToolDefinition(
    "get_weather",
    description="The weather in a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
_KNOWN_WEATHER = {"Oslo": "4 degrees and light rain"}


class Step(NamedTuple):
    """One step: its title, what the legacy client is asked for, and how it is played."""

    title: str
    asked: str
    play: Callable[[DemoStage], str]


def _request(*messages: Message, tools: tuple[ToolDefinition, ...] | None = None) -> ModelRequest:
    request = ModelRequest(MODEL, messages)
    return request if tools is None else ModelRequest(MODEL, messages, tools=tools)


def plain_request(stage: DemoStage) -> str:
    """Ask, and get the whole answer in one completion."""
    response = stage.response_of(stage.ask(_request(user("Hello there"))))
    stage.show_answer(response)
    stage.expect("Hello" in response.text, "the answer does not greet back")
    stage.expect(
        stage.server.requests[-1].json["temperature"] == 0.7, "the legacy client's default temperature is missing"
    )
    return f"{len(response.text)} characters, {response.finish_reason}"


def streamed_text(stage: DemoStage) -> str:
    """Ask for a stream, and get its pieces as they are made."""
    response = stage.response_of(stage.ask_streamed(_request(user("Count to 12"))))
    counted = ", ".join(map(str, range(1, 13)))
    stage.expect(response.text.startswith(counted), f"the pieces add up to {response.text!r}")
    stage.expect(stage.server.requests[-1].json.get("stream") is True, "no stream was asked for")
    return f"{response.text!r:.24}…, {response.finish_reason}"


def tool_round_trip(stage: DemoStage) -> str:
    """Get a tool call in pieces, run the function here, send its result, get the answer."""
    question = user("What is the weather in Oslo?")
    asked = stage.response_of(stage.ask_streamed(_request(question, tools=(WEATHER,))))
    stage.expect(asked.finish_reason is FinishReason.TOOL_CALL and asked.tool_calls, "the model called no tool")
    call = asked.tool_calls[0]
    result = run_tool(call)
    stage.say(f"here, the program runs {call.name}({call.arguments}) and gets {result!r}", "yellow")
    history = (question, asked.message, tool_result(call.id, result))
    answered = stage.response_of(stage.ask_streamed(_request(*history, tools=(WEATHER,))))
    stage.expect(result in answered.text, f"the answer does not tell the tool's result: {answered.text!r}")
    return f"{call.name}({call.arguments}), then the answer"


def run_tool(call: ToolCallPart) -> str:
    """Run the one function there is."""
    city = json.loads(call.arguments)["city"]
    if call.name != WEATHER.name or city not in _KNOWN_WEATHER:
        raise UnexpectedOutcomeError(f"the model called {call.name}({call.arguments})")
    return _KNOWN_WEATHER[city]


def rate_limit(stage: DemoStage) -> str:
    """Be told to wait, by an error with a name, a category and the time to wait."""
    from shim.testing.fake_openai import rate_limited

    stage.server.plan(rate_limited(retry_after=RETRY_AFTER_SECONDS))
    error = stage.ask(_request(user("Once more, please"))).error
    if not isinstance(error, RateLimitError):
        raise UnexpectedOutcomeError(f"a RateLimitError was expected, and came: {error!r}")
    stage.say(f"came back: {type(error).__name__}, in the completion, not as an exception out of the loop")
    stage.say(f"  category {error.category}, HTTP {error.http_status}, retryable {error.retryable}", "dim")
    stage.say(f"  retry_after_ms {error.retry_after_ms}, request_id {error.request_id}", "dim")
    stage.say(f"  message {error.message!r}", "dim")
    stage.expect(error.category is ErrorCategory.RATE_LIMIT, f"its category is {error.category}")
    stage.expect(error.retry_after_ms == RETRY_AFTER_SECONDS * 1000, f"it says to wait {error.retry_after_ms} ms")
    return f"{type(error).__name__}, wait {RETRY_AFTER_SECONDS} s"


def two_at_once(stage: DemoStage) -> str:
    """Have two streams under way in one select() loop, on one descriptor."""
    stage.say("provider.start_stream(…) twice, then one loop: select, perform(), info_read()", "cyan")
    shown = TwoStreams(stage.out)
    completions: dict[str, Completion] = {}
    seen = stage.server.request_count
    for name, question, style in (("A", "Count to 9", "green"), ("B", "Hello there", "magenta")):
        request = _request(user(question))
        stage.provider.start_stream(request, shown.listener(name, style), _keep(completions, name))
    for sent in stage.received(2, since=seen):
        stage.show_sent(sent, briefly=True)
    stage.say("pieces of both, in the order they came:")
    select_loop.run(stage.provider, until=lambda: len(completions) == 2)
    shown.end()
    texts = {name: stage.response_of(completion).text for name, completion in sorted(completions.items())}
    stage.say(f"A: {texts['A']!r}", "dim")
    stage.say(f"B: {texts['B']!r}", "dim")
    stage.expect("9" in texts["A"] and "Hello" in texts["B"], "the answers are not those to the two questions")
    stage.expect(shown.turns >= 4, "the streams came one after the other")
    return "both, their pieces in turn"


def _keep(completions: dict[str, Completion], name: str) -> Callable[[Completion], None]:
    def on_completion(completion: Completion) -> None:
        completions[name] = completion

    return on_completion


STEPS = (
    Step("A plain request", "an answer", plain_request),
    Step("Streamed text", "a stream", streamed_text),
    Step("A tool round trip", "a tool call, then its answer", tool_round_trip),
    Step("A rate limit, named properly", "an answer, too soon", rate_limit),
    Step("Two requests in one select() loop", "two streams at once", two_at_once),
)
