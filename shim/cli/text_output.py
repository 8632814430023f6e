"""An answer as text: what the model says on standard output, everything about it on standard error.

Not its JSON form (`json_output`), and no tool is run here: calls are shown.
"""

from __future__ import annotations

from typing import TextIO

from shim.cli.rendering import Printer, plural, printer
from shim.model import (
    FinishReason,
    ItemDelta,
    ModelResponse,
    ReasoningDelta,
    RefusalDelta,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from shim.model.exhaustive import assert_never

# Why an answer ended, where that wants a word.
_NOTES: dict[FinishReason, str] = {
    FinishReason.LENGTH: "The answer was cut at the token limit; a larger --max-tokens gives more of it.",
    FinishReason.CONTENT_FILTER: "The content filter cut the answer.",
    FinishReason.TOOL_CALL: "The model waits for the results of these calls; shim chat shows calls and runs none.",
    FinishReason.ERROR: "The server says that making the answer failed.",
}


class AnswerText:
    """Prints an answer for people, piece by piece."""

    def __init__(self, output: TextIO, notes: TextIO) -> None:
        self._out = printer(output)
        self._notes = printer(notes)
        self._inside: Printer | None = None  # whose line is not ended yet

    def show(self, event: StreamEvent) -> None:
        """Print what an event adds; a call once it is complete, since calls may come interleaved."""
        match event:
            case TextDelta(text) | RefusalDelta(text):
                self._add(self._out, text)
            case ReasoningDelta(text):
                self._add(self._notes, text, style="dim italic")
            case ToolCallDone(_, _, name, arguments):
                self.end()
                self._out.line(f"{name}({arguments})", "cyan")
            case StreamStart() | ToolCallStart() | ToolCallDelta() | ItemDelta() | StreamDone() | StreamError():
                return  # nothing of the answer itself, or no words: code, patches, sound and images are not for a line of text
            case _:
                assert_never(event)

    def end(self) -> None:
        """End the line that is being written."""
        if self._inside is not None:
            inside, self._inside = self._inside, None
            inside.line()

    def sum_up(self, done: StreamDone, *, seconds: float) -> None:
        """Say why the answer ended where that is not plain, and what it took."""
        response = done.response
        note = (
            "The model declined to answer."
            if response.refusal
            else _NOTES.get(response.finish_reason or FinishReason.STOP)
        )
        if note:
            self._notes.line(note, "yellow")
        self._notes.line(usage_line(response, seconds=seconds), "dim")

    def _add(self, to: Printer, text: str, *, style: str = "") -> None:
        if self._inside is not to:
            self.end()
        if text:
            to.write(text, style)
            self._inside = None if text.endswith("\n") else to


def usage_line(response: ModelResponse, *, seconds: float) -> str:
    """The model, the tokens as far as the server counted them, and the time it took."""
    usage = response.usage
    tokens = "" if usage is None else f"{plural(usage.input_tokens, 'token')} in, {usage.output_tokens} out, "
    reasoned = f"{usage.reasoning_tokens} of them reasoning, " if usage and usage.reasoning_tokens else ""
    return f"[{response.model or 'unnamed model'}: {tokens}{reasoned}{seconds:.1f} s]"
