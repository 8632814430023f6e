"""Stream events: a response while it is being made.

Not the server's own events (`shim.wire` reads those) nor the finished response (`shim.model.response`).
Order, whatever the API: one `StreamStart`, first; a call's start, its deltas, its done; one `StreamDone` or `StreamError`, last.
A call that the answer broke off in has no done. An error that comes before the stream began is its only event.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from shim.model.errors import ProviderError
from shim.model.response import ModelResponse


class StreamStart(Struct, frozen=True, gc=False):
    """The stream began; both fields are "" where the server named neither."""

    response_id: str
    model: str


class TextDelta(Struct, frozen=True, gc=False):
    """A piece of the answer. `index`: which text part of the choice; `choice`: which of `n` answers."""

    text: str
    index: int = 0
    choice: int = 0


class ReasoningDelta(Struct, frozen=True, gc=False):
    """A piece of the reasoning, or of its summary."""

    text: str
    index: int = 0
    choice: int = 0


class RefusalDelta(Struct, frozen=True, gc=False):
    """A piece of a refusal."""

    text: str
    index: int = 0
    choice: int = 0


class ToolCallStart(Struct, frozen=True, gc=False):
    """A tool call began. `index`: its place among the choice's calls, from 0 in order of appearance.

    `id` and `name` are as far as they are known by then: a server may send a name in pieces. The done has them whole.
    """

    index: int
    id: str
    name: str
    choice: int = 0


class ToolCallDelta(Struct, frozen=True, gc=False):
    """A piece of the arguments of the call `index`, as text."""

    index: int
    arguments: str
    choice: int = 0


class ToolCallDone(Struct, frozen=True, gc=False):
    """The call `index` is complete: its whole arguments, as text. One that the answer broke off in is never told as done."""

    index: int
    id: str
    name: str
    arguments: str
    choice: int = 0


class ItemDelta(Struct, frozen=True, gc=False):
    """A piece of anything else that grows while it streams: the code of a code interpreter, a patch, sound, a partial image.

    Attributes:
        kind: what grows: the type of its item on the Responses API (`code_interpreter_call`, `apply_patch_call`, `mcp_call`,
            `image_generation_call`); `audio` and `audio_transcript` on either API.
        text: the piece: text, base64 of sound, or a whole partial image in base64; data of another form as its JSON text.
        index: which thing of that kind, from 0 in order of appearance.
    """

    kind: str
    text: str
    index: int = 0
    choice: int = 0


class StreamDone(Struct, frozen=True):
    """The stream ended well: the accumulated response."""

    response: ModelResponse


class StreamError(Struct, frozen=True):
    """The stream failed; `error.partial` holds what had arrived."""

    error: ProviderError


StreamEvent: TypeAlias = (
    StreamStart
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallDone
    | ItemDelta
    | StreamDone
    | StreamError
)
