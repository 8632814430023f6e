"""What the demo shows of requests and events, laid out for the eye.

Not what happens (`demo_steps`) nor where (`demo_stage`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import msgspec

from shim.cli.rendering import Printer
from shim.model import (
    ModelResponse,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)

INDENT = "   "
_LONGEST_TEXT = 80
_LONGEST_LINE = 96
_DEEPEST = 2


class EventLines:
    """Shows a stream's events: a line for each, but pieces of one text side by side as they arrive."""

    def __init__(self, out: Printer) -> None:
        self._out = out
        self._open: type[StreamEvent] | None = None

    def show(self, event: StreamEvent) -> None:
        """Show an event; the provider's `on_event`."""
        kind = type(event)
        piece = (
            event.text
            if isinstance(event, TextDelta)
            else event.arguments
            if isinstance(event, ToolCallDelta)
            else None
        )
        if self._open not in (None, kind):
            self._out.line()
        if piece is None:
            self._out.line(f"{_label(kind)}{_described(event)}")
        else:
            self._out.write("|" if kind is self._open else _label(kind), "dim")
            self._out.write(piece, "green")
        self._open = None if piece is None else kind


class TwoStreams:
    """Shows the pieces of two streams side by side, in the order in which they come."""

    def __init__(self, out: Printer) -> None:
        self._out = out
        self._column = 0
        self.order: list[str] = []

    def listener(self, name: str, style: str) -> Callable[[StreamEvent], None]:
        """The `on_event` for the stream called `name`."""

        def on_event(event: StreamEvent) -> None:
            if isinstance(event, TextDelta) and event.text:
                self.order.append(name)
                self._show(f"{name}:{event.text.strip()}", style)

        return on_event

    def end(self) -> None:
        """End the last line."""
        self._out.line()

    @property
    def turns(self) -> int:
        """How often one stream's piece followed on the other's."""
        return sum(one != other for one, other in zip(self.order, self.order[1:], strict=False))

    def _show(self, piece: str, style: str) -> None:
        if self._column + len(piece) > _LONGEST_LINE:
            self._out.line()
            self._column = 0
        if not self._column:
            self._out.write(INDENT + "  ")
        self._out.write(piece + " ", style)
        self._column += len(piece) + 1


def _label(kind: type[StreamEvent]) -> str:
    return f"{INDENT}  {kind.__name__:<14}"


def _described(event: StreamEvent) -> str:
    match event:
        case StreamStart(_, model):
            return f"model {model}"
        case ToolCallStart(_, id, name):
            return f"{name}, {id}"
        case ToolCallDone(_, _, name, arguments):
            return f"{name}({arguments})"
        case StreamDone(response):
            return ending(response)
        case StreamError(error):
            return str(error)
        case _:
            return " ".join(str(value) for value in msgspec.structs.astuple(event) if isinstance(value, str))


def ending(response: ModelResponse) -> str:
    """Why an answer ended, and its tokens."""
    usage = response.usage
    tokens = f", {usage.input_tokens} tokens in, {usage.output_tokens} out" if usage else ""
    return f"finish_reason {response.finish_reason}{tokens}"


def json_line(body: Any) -> list[str]:
    """A JSON body in one line, wrapped."""
    return _wrapped(compact(body))


def json_lines(body: Any) -> list[str]:
    """A JSON body for the eye: a field a line, a list's items below one another, long texts and deep objects abridged."""
    fields = [_field_lines(name, value) for name, value in body.items()]
    lines = [line for each in fields[:-1] for line in (*each[:-1], each[-1] + ",")] + [*fields[-1]]
    return ["{", *(piece for line in lines for piece in _wrapped(f"  {line}")), "}"]


def _wrapped(line: str) -> list[str]:
    deeper = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, _LONGEST_LINE, subsequent_indent=deeper, break_long_words=False, break_on_hyphens=False)


def _field_lines(name: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        return [f'"{name}": {compact(value)}']
    items = [compact(item) for item in value]
    return [f'"{name}": [', *(f"  {item}," for item in items[:-1]), f"  {items[-1]}" if items else "", "]"]


def compact(value: Any, *, depth: int = 0) -> str:
    """One line of JSON, spaced as `json.dumps` does; from the third level on only what is flat is written out."""
    if isinstance(value, dict):
        if depth >= _DEEPEST and any(isinstance(each, (dict, list)) for each in value.values()):
            return "{…}"
        return "{" + ", ".join(f'"{name}": {compact(each, depth=depth + 1)}' for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(compact(each, depth=depth) for each in value) + "]"
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        value = value[: _LONGEST_TEXT - 1] + "…"
    return msgspec.json.encode(value).decode()
