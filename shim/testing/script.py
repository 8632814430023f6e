"""Plays: what a scripted provider does with one request, written as steps.

Not the provider that performs them (`shim.testing.scripted`). Each step is one thing a server would do; a mistake in a script
is a `ValueError` when the play is written, not a surprise when it runs.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from shim.model import (
    Choice,
    ErrorCategory,
    FinishReason,
    ItemDelta,
    ModelResponse,
    Part,
    ProviderError,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
)
from shim.model.exhaustive import assert_never

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Emit(Struct, frozen=True):
    """Deliver one stream event; a request that is not streamed collects it for its response."""

    event: StreamEvent


class Wait(Struct, frozen=True):
    """Do nothing for `ms` milliseconds; 0 ends the turn: what follows waits for the next `perform()`."""

    ms: float


class Answer(Struct, frozen=True):
    """End well. Streamed with no event emitted before it, the response's own parts are emitted first."""

    response: ModelResponse


class Fail(Struct, frozen=True):
    """End with a copy of `error`, whose `partial` is what had been emitted unless it has its own."""

    error: ProviderError


class Hang(Struct, frozen=True):
    """Never answer."""


Step: TypeAlias = Emit | Wait | Answer | Fail | Hang
TextKind: TypeAlias = type[TextPart] | type[ReasoningPart] | type[RefusalPart]


class _Steps(Struct, frozen=True):
    steps: tuple[Step, ...]


class Play(_Steps, frozen=True, kw_only=True):
    """What happens to one request: `steps` in order, the last of them its end.

    Without an end the events emitted make up the answer. `StreamStart` and `StreamDone` are made where they are missing.

    Attributes:
        http_status: of the completion; None, as for a network error, where no response came.
        headers: of the completion, names in lower case.

    Raises:
        ValueError: a step stands after the end, or an event where no stream has it.
    """

    http_status: int | None = 200
    headers: dict[str, str] = {}

    def __post_init__(self) -> None:
        force_setattr(self, "steps", tuple(self.steps))
        ends = [position for position, step in enumerate(self.steps) if isinstance(step, (Answer, Fail, Hang))]
        if ends and ends[0] != len(self.steps) - 1:
            end = type(self.steps[ends[0]]).__name__
            raise ValueError(f"steps[{ends[0]}] is {end}, which ends the play; put nothing after it")
        accumulate(step.event for step in self.steps if isinstance(step, Emit))


def steps_of(play: Play) -> tuple[Step, ...]:
    """The steps of a play with everything it leaves unsaid: the start, the events of a bare answer, the end."""
    steps = play.steps
    events = [step.event for step in steps if isinstance(step, Emit)]
    if not steps or not isinstance(steps[-1], (Answer, Fail, Hang)):
        steps = (*steps, Answer(accumulate(events)))
    end = steps[-1]
    if isinstance(end, Answer) and not events:
        events = list(events_of(end.response))
        steps = (*steps[:-1], *map(Emit, events), end)
    if events and not isinstance(events[0], StreamStart):
        first = next(position for position, step in enumerate(steps) if isinstance(step, Emit))
        steps = (*steps[:first], Emit(_start_of(end)), *steps[first:])
    return steps


def _start_of(end: Step) -> StreamStart:
    return StreamStart(end.response.id, end.response.model) if isinstance(end, Answer) else StreamStart("", "")


def events_of(response: ModelResponse) -> Iterator[StreamEvent]:
    """The events a stream of `response` would bring, from its start up to its done, which is left out."""
    yield StreamStart(response.id, response.model)
    for choice in response.choices:
        calls = 0
        for part in choice.parts:
            yield from _events_of_part(part, choice=choice.index, call=calls)
            calls += isinstance(part, ToolCallPart)


def _events_of_part(part: Part, *, choice: int, call: int) -> Iterator[StreamEvent]:
    match part:
        case TextPart(text):
            yield TextDelta(text, choice=choice)
        case ReasoningPart(text):
            yield ReasoningDelta(text, choice=choice)
        case RefusalPart(text):
            yield RefusalDelta(text, choice=choice)
        case ToolCallPart(id, name, arguments, complete=complete):
            yield ToolCallStart(call, id, name, choice)
            yield ToolCallDelta(call, arguments, choice)
            if complete:
                yield ToolCallDone(call, id, name, arguments, choice)
        case _:
            raise ValueError(f"{type(part).__name__} has no stream events; emit the play's events yourself")


class _Pieces:
    """One choice while its events come in."""

    def __init__(self) -> None:
        self.texts: dict[tuple[TextKind, int], list[str]] = {}
        self.calls: dict[int, ToolCallPart] = {}
        self.done: set[int] = set()

    def add_text(self, kind: TextKind, index: int, *, text: str) -> None:
        self.texts.setdefault((kind, index), []).append(text)

    def call(self, index: int) -> ToolCallPart:
        if index not in self.calls or index in self.done:
            raise ValueError(f"tool call {index} has an event before its ToolCallStart or after its ToolCallDone")
        return self.calls[index]

    def as_choice(self, index: int, *, ended: bool) -> Choice:
        texts = [kind("".join(pieces)) for (kind, _), pieces in self.texts.items()]
        calls = [
            call if position in self.done else replace(call, complete=False)
            for position, call in sorted(self.calls.items())
        ]
        reason = FinishReason.TOOL_CALL if calls else FinishReason.STOP
        return Choice(index, (*texts, *calls), finish_reason=reason if ended else None)


def accumulate(events: Iterable[StreamEvent], *, ended: bool = True) -> ModelResponse:
    """The response `events` add up to; not `ended`, it is partial and has no finish reason.

    Raises:
        ValueError: an event stands where no stream has it.
    """
    start = StreamStart("", "")
    choices: dict[int, _Pieces] = {}
    for position, event in enumerate(events):
        if isinstance(event, StreamStart) and not position:
            start = event
        else:
            _add_event(choices, event)
    made = tuple(choices[index].as_choice(index, ended=ended) for index in sorted(choices))
    return ModelResponse(id=start.response_id, model=start.model, choices=made)


def _add_event(choices: dict[int, _Pieces], event: StreamEvent) -> None:
    if isinstance(event, (StreamStart, StreamDone, StreamError)):
        place = (
            "comes first or not at all"
            if isinstance(event, StreamStart)
            else "is made for you: end with Answer or Fail"
        )
        raise ValueError(f"{type(event).__name__} {place}")  # noqa: TRY004 - a wrong script, not a wrong kind
    pieces = choices.setdefault(event.choice, _Pieces())
    match event:
        case TextDelta(text, index):
            pieces.add_text(TextPart, index, text=text)
        case ReasoningDelta(text, index):
            pieces.add_text(ReasoningPart, index, text=text)
        case RefusalDelta(text, index):
            pieces.add_text(RefusalPart, index, text=text)
        case ToolCallStart(index, id, name):
            pieces.calls[index] = ToolCallPart(id, name, "")
        case ToolCallDelta(index, arguments):
            call = pieces.call(index)
            pieces.calls[index] = ToolCallPart(call.id, call.name, call.arguments + arguments)
        case ToolCallDone(index, id, name, arguments):
            pieces.call(index)
            pieces.calls[index] = ToolCallPart(id, name, arguments)
            pieces.done.add(index)
        case ItemDelta():
            pass  # of what grows, an event tells a piece alone: end with an Answer to say what it was of
        case _:
            assert_never(event)


def text_stream(*texts: str, every_ms: float | None = None) -> Play:
    """A stream of these pieces of text; `every_ms` puts a wait before each."""
    return _spaced((Emit(TextDelta(text)) for text in texts), every_ms=every_ms)


def tool_call_stream(name: str, *arguments: str, call_id: str = "call_1", every_ms: float | None = None) -> Play:
    """A stream that calls the tool `name`, its arguments' JSON text in these pieces."""
    deltas = [Emit(ToolCallDelta(0, piece)) for piece in arguments]
    done = Emit(ToolCallDone(0, call_id, name, "".join(arguments)))
    return _spaced((Emit(ToolCallStart(0, call_id, name)), *deltas, done), every_ms=every_ms)


def _spaced(emits: Iterable[Emit], *, every_ms: float | None) -> Play:
    pause: tuple[Step, ...] = () if every_ms is None else (Wait(every_ms),)
    return Play(tuple(chain.from_iterable((*pause, emit) for emit in emits)))


def answer(text: str, *, after_ms: float | None = None) -> Play:
    """The whole answer `text`, `after_ms` milliseconds from the start."""
    choice = Choice(0, (TextPart(text),), finish_reason=FinishReason.STOP)
    end = Answer(ModelResponse(choices=(choice,)))
    return Play((end,) if after_ms is None else (Wait(after_ms), end))


def failure(category: ErrorCategory | str, message: str, **fields: Any) -> Play:
    """A failure before anything came; `fields` are `ProviderError`'s own."""
    error = ProviderError(category, message, **fields)
    return Play((Fail(error),), http_status=error.http_status)


def hang() -> Play:
    """Never an answer: what timeouts and cancelling are tested with."""
    return Play((Hang(),), http_status=None)
