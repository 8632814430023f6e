"""The response: what a model answered, independent of the API that carried it.

Not the stream of its making (`shim.model.events`) nor how it came (`shim.provider.Completion`).
Every field of the body we do not model stands in an `extra`, and `raw` is the exact body of a non-streamed answer.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from shim.model.depth import BoundedRepr
from shim.model.parts import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from shim.model.request import Message

Api: TypeAlias = Literal["chat_completions", "responses"]


class FinishReason(str, Enum):
    """Why the model stopped; compares equal to its string value."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALL = "tool_call"
    CONTENT_FILTER = "content_filter"
    ERROR = "error"
    UNKNOWN = "unknown"

    __str__ = str.__str__


class Usage(BoundedRepr, Struct, frozen=True, repr_omit_defaults=True):
    """Tokens, as the server counted them; `details` is its whole usage object.

    `input_tokens` includes `cached_input_tokens`, `output_tokens` includes `reasoning_tokens`, as OpenAI counts.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cached_input_tokens: int = 0
    total_tokens: int = 0
    details: dict[str, Any] = {}


class _IndexAndParts(BoundedRepr, Struct, frozen=True):
    index: int
    parts: tuple[Part, ...]


class Choice(_IndexAndParts, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One of the answers.

    Attributes:
        index: its place among them.
        parts: reasoning, text, refusal and tool calls.
        finish_reason: None only in a partial response.
        raw_finish_reason: the server's own word for it.
        logprobs: as received, streamed pieces joined.
        extra: further fields beside the message.
        message_extra: further fields of the message, wanted back by some servers when it is sent again.
    """

    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None
    extra: dict[str, Any] = {}
    message_extra: dict[str, Any] = {}

    @property
    def message(self) -> Message:
        """The answer as a message to append to the conversation.

        One without parts says an empty text: beside no call null is refused (API reference, Chat Completions, messages).
        """
        return Message("assistant", self.parts or _NO_WORDS, extra=_to_send_back(self.message_extra))


class ModelResponse(BoundedRepr, Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One answer of a model.

    Attributes:
        id, model: as the server named them, "" where it did not.
        choices: the answers; the shortcuts below are of the first.
        usage: None where the server sent none.
        api: the API that carried it.
        request_id: the `x-request-id` header.
        service_tier: that served it.
        raw: the exact body received; None for a stream, whose bytes a tap records.
        extra: further fields of the body.
    """

    id: str = ""
    model: str = ""
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    api: Api = "chat_completions"
    request_id: str | None = None
    service_tier: str | None = None
    raw: bytes | None = None
    extra: dict[str, Any] = {}

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts of the first choice."""
        return self.choices[0].parts if self.choices else ()

    @property
    def text(self) -> str:
        """The answer's text, "" where there is none."""
        parts = self.parts
        if len(parts) == 1 and type(parts[0]) is TextPart:  # nearly always
            return parts[0].text
        return "".join([part.text for part in parts if isinstance(part, TextPart)])

    @property
    def reasoning_text(self) -> str:
        """The reasoning as far as it is told, a blank line between its parts; "" where it is not."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, ReasoningPart) and part.text)

    @property
    def refusal(self) -> str | None:
        """The words of a refusal, None where the model did not refuse."""
        refusals = [part.text for part in self.parts if isinstance(part, RefusalPart)]
        return "".join(refusals) if refusals else None

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls that wait for the application, in the model's order; one it broke off in is not `complete`."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the first choice ended; None in a partial response."""
        return self.choices[0].finish_reason if self.choices else None

    @property
    def message(self) -> Message:
        """The first choice as a message to append to the conversation."""
        return self.choices[0].message if self.choices else Message("assistant", ())


_NO_WORDS = (TextPart(""),)


def _to_send_back(fields: dict[str, Any]) -> dict[str, Any]:
    """Further fields of a message as the next turn takes them: of what was spoken its id alone (API reference, `audio`)."""
    audio = fields.get("audio")
    if not (isinstance(audio, dict) and audio.get("id")):
        return fields
    return fields | {"audio": {"id": audio["id"]}}
