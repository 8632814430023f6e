"""The request: one question to a model, independent of the API that carries it.

Not its wire form (`shim.wire`) nor how it is sent (`shim.provider`). A field left `UNSET` is not sent; `None` is sent as null.
Field names follow OpenTelemetry GenAI where it has one, OpenAI's API reference elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import force_setattr, replace

from shim.model.credential_names import shown_fields, shown_headers
from shim.model.depth import BoundedRepr
from shim.model.parts import OpaquePart, Part, TextPart, ToolCallResponsePart, as_parts

Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool"]
ContentForm: TypeAlias = Literal["auto", "list", "null", "absent"]


class _RoleAndParts(BoundedRepr, Struct, frozen=True):
    role: Role
    parts: tuple[Part, ...]


class Message(_RoleAndParts, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One message of a conversation.

    Attributes:
        role: system, developer, user, assistant or tool.
        parts: its pieces, in order; a plain string is taken as one text part.
        name: the participant's name, where the API takes one.
        extra: further message fields, sent as they are.
        content_form: how Chat Completions writes the content: `auto` (a string where it is one text, null where there is none),
            or as an imported message had it: a `list` although one text, `null`, or `absent`.
    """

    name: str | UnsetType | None = UNSET
    extra: dict[str, Any] = {}
    content_form: ContentForm = "auto"

    if TYPE_CHECKING:

        def __init__(
            self,
            role: Role,
            parts: str | Iterable[Part],
            *,
            name: str | UnsetType | None = UNSET,
            extra: dict[str, Any] = {},  # noqa: B006 - tells type checkers what __post_init__ takes, never runs
            content_form: ContentForm = "auto",
        ) -> None: ...

    def __post_init__(self) -> None:
        force_setattr(self, "parts", as_parts(self.parts))

    @property
    def text(self) -> str:
        """The text parts, joined; of a tool message, its results' text."""
        return "".join(part.text for part in self.parts if isinstance(part, (TextPart, ToolCallResponsePart)))


class ToolDefinition(BoundedRepr, Struct, frozen=True, repr_omit_defaults=True):
    """A function the model may call; `parameters` is a JSON schema, `extra` goes beside `name` on the wire."""

    name: str
    description: str | UnsetType | None = UNSET
    parameters: Mapping[str, Any] | UnsetType | None = UNSET
    strict: bool | UnsetType | None = UNSET
    extra: dict[str, Any] = {}


class ToolChoice(Struct, frozen=True, repr_omit_defaults=True):
    """Which tool the model must use: `mode` auto, none or required, or `tool` with the tool's `name`."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None

    AUTO: ClassVar[ToolChoice]
    NONE: ClassVar[ToolChoice]
    REQUIRED: ClassVar[ToolChoice]

    @classmethod
    def tool(cls, name: str) -> ToolChoice:
        """Force the tool called `name`."""
        return cls("tool", name)


ToolChoice.AUTO = ToolChoice("auto")
ToolChoice.NONE = ToolChoice("none")
ToolChoice.REQUIRED = ToolChoice("required")

_TOOL_CHOICES: dict[str, ToolChoice] = {
    choice.mode: choice for choice in (ToolChoice.AUTO, ToolChoice.NONE, ToolChoice.REQUIRED)
}


class ResponseFormat(Struct, frozen=True, repr_omit_defaults=True):
    """The form of the answer: `text`, `json_object`, or `json_schema` with a `name` and a `schema`."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | UnsetType = UNSET
    schema: Mapping[str, Any] | UnsetType = UNSET
    strict: bool | UnsetType | None = UNSET
    description: str | UnsetType = UNSET


class Reasoning(Struct, frozen=True, repr_omit_defaults=True):
    """How much a reasoning model thinks, and whether it tells.

    `effort`: none, minimal, low, medium, high or xhigh; `summary`: auto, concise or detailed (Responses only).
    """

    effort: str | UnsetType | None = UNSET
    summary: str | UnsetType | None = UNSET


class _ModelAndMessages(BoundedRepr, Struct, frozen=True):
    model: str | UnsetType
    messages: Sequence[Message]


class ModelRequest(_ModelAndMessages, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One request to a model.

    Attributes:
        model: the model's name, or the deployment's; UNSET where the address names it (Azure's deployments) or a stored prompt.
        messages: the conversation, oldest first.
        system_prompt: instructions put before the messages.
        tools: `ToolDefinition`s; an `OpaquePart` carries any other kind of tool whole.
        tool_choice: a `ToolChoice`, or its mode as a string; an `OpaquePart` carries any other form whole.
        max_output_tokens: upper bound of the answer, reasoning included.
        extra_body: further body fields, sent as they are.
        extra_headers: further HTTP headers; a None value removes one.
        conversation_id: never sent; keeps a conversation on one side of a rollout.

    The other fields are the API's own, by their own names. Lists given are kept as tuples, and dicts as copies: what the caller
    does with his own afterwards changes no request that is under way, tried again, or compared.
    """

    system_prompt: str | UnsetType = UNSET
    tools: Sequence[ToolDefinition | OpaquePart] | UnsetType | None = UNSET
    tool_choice: ToolChoice | Literal["auto", "none", "required"] | OpaquePart | UnsetType | None = UNSET
    parallel_tool_calls: bool | UnsetType | None = UNSET
    max_output_tokens: int | UnsetType | None = UNSET
    temperature: float | UnsetType | None = UNSET
    top_p: float | UnsetType | None = UNSET
    stop: str | Sequence[str] | UnsetType | None = UNSET
    seed: int | UnsetType | None = UNSET
    presence_penalty: float | UnsetType | None = UNSET
    frequency_penalty: float | UnsetType | None = UNSET
    logit_bias: Mapping[str, float] | UnsetType | None = UNSET
    logprobs: bool | UnsetType | None = UNSET
    top_logprobs: int | UnsetType | None = UNSET
    n: int | UnsetType | None = UNSET
    response_format: ResponseFormat | OpaquePart | UnsetType | None = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    verbosity: str | UnsetType | None = UNSET
    metadata: Mapping[str, str] | UnsetType | None = UNSET
    user: str | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET
    store: bool | UnsetType | None = UNSET
    previous_response_id: str | UnsetType | None = UNSET
    include: Sequence[str] | UnsetType | None = UNSET
    extra_body: dict[str, Any] = {}
    extra_headers: dict[str, str | None] = {}
    conversation_id: str | None = None

    def __post_init__(self) -> None:
        for field in ("messages", "tools", "stop", "include"):
            value = getattr(self, field)
            if isinstance(value, list):
                force_setattr(self, field, tuple(value))
        for field in ("extra_body", "extra_headers", "metadata", "logit_bias"):
            value = getattr(self, field)
            if type(value) is dict:  # another kind of mapping stays what it is
                force_setattr(self, field, value.copy())
        force_setattr(self, "tool_choice", _TOOL_CHOICES.get(str(self.tool_choice), self.tool_choice))

    def __repr__(self) -> str:
        if not (self.extra_headers or self.extra_body):
            return super().__repr__()
        shown = replace(self, extra_headers={}, extra_body={})
        added = {"extra_body": shown_fields(self.extra_body), "extra_headers": shown_headers(self.extra_headers)}
        parts = [f"{name}={value!r}" for name, value in added.items() if value]
        return f"{super(ModelRequest, shown).__repr__()[:-1]}, {', '.join(parts)})"


def system(text: str, **fields: Any) -> Message:
    """Make a system message; `fields` are `Message`'s own."""
    return Message("system", (TextPart(text),), **fields)


def user(*content: str | Part, **fields: Any) -> Message:
    """Make a user message of texts and parts; `fields` are `Message`'s own."""
    return Message("user", _parts_of(content), **fields)


def assistant(*content: str | Part, **fields: Any) -> Message:
    """Make an assistant message of texts and parts, tool calls included; `fields` are `Message`'s own."""
    return Message("assistant", _parts_of(content), **fields)


def tool_result(tool_call_id: str, content: str, **fields: Any) -> Message:
    """Make the tool message that answers the call `tool_call_id`; `fields` are `Message`'s own."""
    return Message("tool", (ToolCallResponsePart(tool_call_id, (TextPart(content),)),), **fields)


def _parts_of(content: tuple[str | Part, ...]) -> tuple[Part, ...]:
    return tuple(TextPart(piece) if isinstance(piece, str) else piece for piece in content)
