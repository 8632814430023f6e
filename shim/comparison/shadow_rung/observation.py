"""What is kept of a call once it has ended: derived fields and times, and not a word of what was said.

Not the making of the call (`shadow_calls`) nor what is concluded from many (`shadow_report`). Two live answers differ in their
text for no reason, so the text is measured and let go. Names of tools and models stay: they are the application's own, or the
server's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Struct

from shim.comparison.shadow_rung.json_schema import keeps_schema
from shim.model import (
    Choice,
    ErrorCategory,
    ModelRequest,
    ModelResponse,
    OpaquePart,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ToolCallPart,
    ToolDefinition,
)
from shim.provider import Completion

Ending: TypeAlias = Literal["answered", "failed", "refused", "deadline", "flood", "broken"]
"""How a call came out.

answered: with a response. failed: with an error, see `category`. refused: the provider did not take the request. deadline: it
took longer than the shadow's own limit. flood: it sent more than any answer has. broken: the provider raised, or never
completed it.
"""

MOST_JUDGED_CHARACTERS: Final = 1_000_000
"""Of JSON that a model wrote; longer is not judged, as it would keep the interpreter's lock too long."""
_MOST_TOOLS, _LONGEST_NAME = 32, 64  # of tool names: a model may make them up

_read = msgspec.json.Decoder().decode


class CallObservation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was seen of one call.

    Attributes:
        ending: how it came out.
        category: of the error; "" where there is none.
        status: HTTP, None where no response came.
        streamed: whether a stream was asked for.
        finish_reason: of the first choice; "" where there is none.
        tools: names of the tools it calls, sorted.
        arguments_valid: whether all of them exist and their arguments keep their schemas; None where there is nothing to judge.
        format_valid: whether the text is the JSON that was asked for; None where none was.
        declined: whether the model refused in words of its own.
        characters: of text; None where there is no answer.
        model: as the server named it.
        input_tokens, output_tokens, reasoning_tokens, cached_tokens: as the server counted; None where it did not.
        seconds: from the start to the end; None where no answer came.
        first_event: seconds to the first event of a stream, None where there is none.
        cold: it was the provider's first, on a connection not made before.
        rested: the thread rested meanwhile, to leave time to others, so that its times say nothing.
    """

    ending: Ending
    category: str = ""
    status: int | None = None
    streamed: bool = False
    finish_reason: str = ""
    tools: tuple[str, ...] = ()
    arguments_valid: bool | None = None
    format_valid: bool | None = None
    declined: bool = False
    characters: int | None = None
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    seconds: float | None = None
    first_event: float | None = None
    cold: bool = False
    rested: bool = False

    @property
    def answered(self) -> bool:
        """Whether an answer came."""
        return self.ending == "answered"

    @property
    def tokens(self) -> int | None:
        """What it cost; None where the server did not say."""
        return None if self.input_tokens is None else self.input_tokens + (self.output_tokens or 0)


class ShadowPair(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request with what was seen of each call for it.

    Attributes:
        pair_id: the same as on the recorded exchanges of both arms.
        at: when the second call was made, seconds since the epoch.
        model: as asked for.
        control: its call.
        candidate: the second call, made after the control's had ended.
        baseline: a second call by the control's kind, which shows what differs without a cause; None where none was made.
    """

    pair_id: str
    at: float
    model: str
    control: CallObservation
    candidate: CallObservation
    baseline: CallObservation | None = None


def observed(completion: Completion, request: ModelRequest, *, streamed: bool) -> CallObservation:
    """What is kept of a completion."""
    error, response, timing = completion.error, completion.response, completion.timing
    if response is None:
        return CallObservation(
            ending="failed",
            category=ErrorCategory.UNKNOWN.value if error is None else error.category.value,
            status=completion.http_status,
            streamed=streamed,
        )
    usage = response.usage
    calls = [part for choice in response.choices for part in choice.parts if isinstance(part, ToolCallPart)]
    return CallObservation(
        ending="answered",
        status=completion.http_status,
        streamed=streamed,
        finish_reason=_finish_reason(response),
        tools=tuple(sorted(call.name[:_LONGEST_NAME] for call in calls[:_MOST_TOOLS])),
        arguments_valid=_arguments_valid(calls, request),
        format_valid=_format_valid(response, request),
        declined=response.refusal is not None,
        characters=sum(map(_characters, response.choices)),
        model=response.model,
        input_tokens=None if usage is None else usage.input_tokens,
        output_tokens=None if usage is None else usage.output_tokens,
        reasoning_tokens=None if usage is None else usage.reasoning_tokens,
        cached_tokens=None if usage is None else usage.cached_input_tokens,
        seconds=timing.finished - timing.started,
        first_event=timing.first_event - timing.started if streamed and timing.first_event is not None else None,
    )


def ended_by_caller(completion: Completion) -> bool:
    """Whether the caller ended a call, so that it says nothing of the provider."""
    error = completion.error
    return error is not None and error.category in (ErrorCategory.CANCELLED, ErrorCategory.ABORTED)


def _finish_reason(response: ModelResponse) -> str:
    reason = response.finish_reason
    return "" if reason is None else reason.value


def _characters(choice: Choice) -> int:
    return sum(len(part.text) for part in choice.parts if isinstance(part, (TextPart, RefusalPart)))


def _arguments_valid(calls: Iterable[ToolCallPart], request: ModelRequest) -> bool | None:
    """Whether every call of a function is of one that was declared, with arguments that keep its schema."""
    schemas = dict(_declared(request))
    judgements = [_call_valid(call, schemas) for call in calls if call.kind != "custom"]
    known = [each for each in judgements if each is not None]
    return all(known) if known else None


def _call_valid(call: ToolCallPart, schemas: Mapping[str, Any]) -> bool | None:
    if call.name not in schemas:
        return False
    return _json_valid(call.arguments, schemas[call.name])


def _declared(request: ModelRequest) -> Iterable[tuple[str, Any]]:
    """The functions a model may call, and what their arguments must keep; true where nothing is said."""
    for tool in request.tools or ():
        if isinstance(tool, ToolDefinition):
            yield tool.name, tool.parameters if isinstance(tool.parameters, Mapping) else True
    for field in ("tools", "functions"):  # further ones in the body, in either form of it
        listed = request.extra_body.get(field)
        for entry in listed if isinstance(listed, (list, tuple)) else ():
            function = entry.get("function", entry) if isinstance(entry, Mapping) else None
            if isinstance(function, Mapping) and isinstance(function.get("name"), str):
                yield function["name"], function.get("parameters", True)


def _format_valid(response: ModelResponse, request: ModelRequest) -> bool | None:
    wanted = _wanted_schema(request)
    if wanted is None or response.refusal is not None or not response.text:
        return None
    return _json_valid(response.text, wanted)


def _wanted_schema(request: ModelRequest) -> Any:
    """What the text must keep as JSON: a schema, or true for any object; None where text was asked for."""
    given = request.response_format
    if isinstance(given, ResponseFormat):
        if given.type == "text":
            return None
        return given.schema if given.type == "json_schema" and given.schema is not UNSET else True
    return True if isinstance(given, OpaquePart) and given.kind.startswith("json") else None


def _json_valid(text: str, schema: Any) -> bool | None:
    if len(text) > MOST_JUDGED_CHARACTERS:
        return None
    try:
        value = _read(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    if not isinstance(value, dict):
        return False
    return keeps_schema(value, schema)
