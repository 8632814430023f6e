"""Message parts: the pieces a message is made of, in both directions.

Not their wire forms (`shim.wire.chat`, `shim.wire.responses`). Names follow OpenTelemetry GenAI message parts where it has one.
What no part models travels whole in an `OpaquePart` or an `extra` mapping, so nothing that came in is ever lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import force_setattr

from shim.model.credential_names import shown_fields
from shim.model.depth import BoundedRepr

ToolCallKind: TypeAlias = Literal[
    "function",
    "custom",
    "function_call",
    "apply_patch_call",
    "shell_call",
    "local_shell_call",
    "computer_call",
    "tool_search_call",
    "mcp_approval_request",
]
"""What is called: a function, a custom tool, the field that preceded both, or a built-in tool (by its item's type on the
Responses API) whose work the application does."""


class TextPart(BoundedRepr, Struct, frozen=True, repr_omit_defaults=True):
    """Plain text. `extra`: further fields of the content block, such as `cache_control` or `annotations`."""

    text: str
    extra: dict[str, Any] = {}


class ImagePart(Struct, frozen=True, repr_omit_defaults=True):
    """An image by `url` (https or data) or `file_id`; `detail` is low, high, auto or original."""

    url: str | None = None
    detail: str | None = None
    file_id: str | None = None


class AudioPart(Struct, frozen=True, repr_omit_defaults=True):
    """Input audio: `data` is base64 text, `format` wav or mp3."""

    data: str
    format: str


class FilePart(Struct, frozen=True, repr_omit_defaults=True):
    """A file: uploaded (`file_id`), inline (`file_data`, a data URL, with `filename`), or by `file_url`."""

    file_id: str | None = None
    filename: str | None = None
    file_data: str | None = None
    file_url: str | None = None


class RefusalPart(BoundedRepr, Struct, frozen=True, repr_omit_defaults=True):
    """The model's words for declining. `extra`: further fields of the content block (Responses)."""

    text: str
    extra: dict[str, Any] = {}


class ReasoningPart(BoundedRepr, Struct, frozen=True, repr_omit_defaults=True):
    """What the model thought, as far as it is told.

    Attributes:
        text: the reasoning or its summary; a blank line parts the pieces it was told in.
        id: the reasoning item's id (Responses).
        summary: the summary's parts (Responses).
        encrypted_content: to be sent back whole when the conversation goes on without stored state.
        wire_field: where Chat Completions carried it, which a replay uses again: `reasoning_content`, `reasoning`,
            `reasoning_text`, a block of type `thinking`, or `content` for a content block of another type, which stands in
            `extra` as it came.
        extra: further fields of the item.
    """

    text: str
    id: str | None = None
    summary: tuple[str, ...] = ()
    encrypted_content: str | None = None
    wire_field: str | None = None
    extra: dict[str, Any] = {}


class ToolCallPart(BoundedRepr, Struct, frozen=True, repr_omit_defaults=True):
    """A call the model asks for.

    Attributes:
        id: what the result must name; "" where the server gave none.
        name: of the function or custom tool.
        arguments: exactly the text the model wrote: JSON for a function, free text for a custom tool. Of any other kind it is
            the JSON text of what is asked: the operation, the action, the arguments to approve.
        kind: `function`, `custom`, `function_call` for the field that preceded tool calls, or the type of a built-in tool's item.
        extra: further fields of the call; some servers want them back (Gemini's thought signature).
        complete: False where the answer broke off inside the call: never run one of these.
        data: of a built-in tool's call the whole item as it came, which is sent back as it is; else None.
    """

    id: str
    name: str
    arguments: str
    kind: ToolCallKind = "function"
    extra: dict[str, Any] = {}
    complete: bool = True
    data: dict[str, Any] | None = None


class OpaquePart(BoundedRepr, Struct, frozen=True):
    """Anything not modelled: `kind` is its wire type, `data` the whole block or item as it came."""

    kind: str
    data: dict[str, Any]

    def __repr__(self) -> str:
        return f"OpaquePart(kind={self.kind!r}, data={shown_fields(self.data)!r})"  # a tool on a server has its key in here


class ToolCallResponsePart(Struct, frozen=True, repr_omit_defaults=True):
    """The result of a tool call: `id` of the call, `parts` (a plain string is taken as one text part)."""

    id: str
    parts: tuple[TextPart | ImagePart | FilePart | OpaquePart, ...] = ()
    is_error: bool = False

    if TYPE_CHECKING:

        def __init__(
            self,
            id: str,  # noqa: A002 - the field's name
            parts: str | Iterable[TextPart | ImagePart | FilePart | OpaquePart] = (),
            *,
            is_error: bool = False,
        ) -> None: ...

    def __post_init__(self) -> None:
        force_setattr(self, "parts", as_parts(self.parts))

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


Part: TypeAlias = (
    TextPart
    | ImagePart
    | AudioPart
    | FilePart
    | RefusalPart
    | ReasoningPart
    | ToolCallPart
    | ToolCallResponsePart
    | OpaquePart
)


def as_parts(parts: object) -> object:
    """Take a plain string as one text part and any iterable as a tuple; leave the rest for the checks to name."""
    if type(parts) is tuple:
        return parts
    if isinstance(parts, str):
        return (TextPart(parts),)
    if isinstance(parts, Iterable) and not isinstance(parts, (bytes, dict, tuple)):
        return tuple(parts)
    return parts
