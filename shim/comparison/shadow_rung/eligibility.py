"""Which requests may be asked a second time, and the form in which they are.

Not the sample (`shadow_comparison`) nor the budget. A second call must do nothing but cost money: no state is read or written at
the server, no tool runs there, and nothing of the control's identity goes along. Sources: OpenAI API reference, Responses (what
is not said to be unstored is stored, background requests need that, hosted tools run on the server) and Chat Completions (web
search options, audio of earlier answers); of others who speak Chat Completions: Azure OpenAI On Your Data, xAI (Live Search),
OpenRouter (plugins, `:online`), Perplexity, Groq (compound systems), DashScope (its web search), Gemini (cached content).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from msgspec import UNSET
from msgspec.structs import replace

from shim.model import (
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from shim.model.credential_names import is_secret_field, is_secret_header
from shim.recording.exchange import PAIR_HEADER

NotShadowed: TypeAlias = Literal["stateful", "server_tools", "too_large"]
"""stateful: it reads or writes what the server keeps. server_tools: the server would act. too_large: for what may wait."""

# Tools that the caller runs, if anybody does; here nobody does.
_CLIENT_TOOLS: Final = frozenset({"function", "custom"})

# Fields of a body that name what the server keeps, or that have it keep something; null says nothing.
_STATEFUL_FIELDS: Final = (
    *("previous_response_id", "conversation", "prompt", "store", "background"),
    *("container", "cached_content", "thread_id"),
)

# Fields of a part that only its server, or only the control's key, can resolve.
_KEPT_AT_SERVER: Final = ("file_id", "encrypted_content", "container_id")

# Fields of a body that have the server look something up, whatever they hold but null, false and nothing at all.
_ACTING_FIELDS: Final = ("search_parameters", "plugins", "data_sources", "dataSources", "enable_search", "web_search")

# Models that search by themselves, whatever the request says (the servers' model pages): words of their names, and beginnings
# of a name without its vendor.
_ACTING_MODELS: Final = ("-search-preview", "-search-api", "deep-research", "computer-use", ":online")
_ACTING_FAMILIES: Final = ("sonar", "compound")

# Headers beside the credentials that say on whose behalf a call is made, or that would make the second call the first one again.
_CONTROLS_OWN: Final = frozenset({"openai-organization", "openai-project", "cookie"})
_NEVER_REPEATED: Final = frozenset({"idempotency-key", PAIR_HEADER.lower()})

# An image or a file that is not given by its bytes is fetched and counted by the server: 85 to some 1,500 tokens an image.
_ATTACHMENT_CHARACTERS: Final = 3_000


def why_not(
    request: ModelRequest, *, allow_stateful: bool = False, allow_server_tools: bool = False
) -> NotShadowed | None:
    """Why a request is not asked a second time; None where it may be."""
    if not allow_stateful and _is_stateful(request):
        return "stateful"
    if not allow_server_tools and _has_server_tools(request):
        return "server_tools"
    return None


def shadowed(request: ModelRequest, *, own_key: bool, unstored: bool) -> ModelRequest:
    """The request of the second call: the same question, without what is the control's alone.

    Args:
        request: the control's.
        own_key: the call is made with a key of its own, so the control's key, organization and project do not go along.
        unstored: have the server keep nothing: `store` false is said, but for a background request, which needs it.
    """
    headers = {
        name: value
        for name, value in request.extra_headers.items()
        if name.lower() not in _NEVER_REPEATED and not (own_key and _is_controls_own(name))
    }
    body = {name: value for name, value in request.extra_body.items() if not (own_key and is_secret_field(name))}
    store = request.store
    if unstored and body.get("background") is not True:
        store = False
        body.pop("store", None)
    return replace(request, extra_headers=headers, extra_body=body, store=store, conversation_id=None)


def size_of_request(request: ModelRequest) -> int:
    """Characters of a request, about: its texts, attachments, tools and schemas."""
    size = len(request.system_prompt) if isinstance(request.system_prompt, str) else 0
    size += sum(_size_of_part(part) for message in request.messages for part in message.parts)
    size += sum(
        _size_of_json(tool.data) if isinstance(tool, OpaquePart) else _size_of_json(tool.parameters)
        for tool in request.tools or ()
    )
    return size + _size_of_json(request.extra_body)


def estimated_tokens(request: ModelRequest, *, size: int, unsaid_output: int) -> int:
    """Tokens that a call may cost, on the high side.

    Args:
        request: what is asked.
        size: its characters; three to a token, where English has four.
        unsaid_output: tokens of an answer whose length the request does not bound.
    """
    limits = (
        request.max_output_tokens,
        *(request.extra_body.get(name) for name in ("max_tokens", "max_completion_tokens")),
    )
    output = next((each for each in limits if isinstance(each, int) and each > 0), unsaid_output)
    answers = request.n if isinstance(request.n, int) and request.n > 0 else 1
    return size // 3 + 8 * len(request.messages) + output * answers


def _is_stateful(request: ModelRequest) -> bool:
    if request.previous_response_id not in (UNSET, None) or request.store is True:
        return True
    body = request.extra_body
    if body and any(body.get(name) not in (UNSET, None, False) for name in _STATEFUL_FIELDS):
        return True
    if any(_has_kept_audio(message) for message in request.messages if message.extra):
        return True
    return any(_refers_to_state(part) for part in _other_than_text(request))


def _has_kept_audio(message: Message) -> bool:
    """Whether a message repeats spoken words by the id under which the server keeps them."""
    audio = message.extra.get("audio")
    return isinstance(audio, Mapping) and audio.get("id") is not None


def _refers_to_state(part: Part) -> bool:
    """Whether a part names what is kept for the control's key: another one cannot read it."""
    if isinstance(part, (ImagePart, FilePart)):
        return part.file_id is not None
    if isinstance(part, ReasoningPart):
        return part.id is not None or part.encrypted_content is not None
    if not isinstance(part, OpaquePart):
        return False
    return part.kind == "item_reference" or any(_names(part.data, name) for name in _KEPT_AT_SERVER)


def _names(data: Any, name: str) -> bool:
    """Whether an item has a field, itself or in what it gives back (`output`)."""
    if not isinstance(data, Mapping):
        return False
    return data.get(name) is not None or _names(data.get("output"), name)


def _is_controls_own(name: str) -> bool:
    return name.lower() in _CONTROLS_OWN or is_secret_header(name.lower())


def _has_server_tools(request: ModelRequest) -> bool:
    for tool in request.tools or ():
        if isinstance(tool, OpaquePart) and tool.kind not in _CLIENT_TOOLS:
            return True
    body = request.extra_body
    if body:
        if body.get("web_search_options") not in (UNSET, None):
            return True
        if any(body.get(name) not in (UNSET, None, False, [], (), {}) for name in _ACTING_FIELDS):
            return True
        if any(_kind_of_tool(tool) not in _CLIENT_TOOLS for tool in _listed(body.get("tools"))):
            return True
    model = str(request.model)
    return any(name in model for name in _ACTING_MODELS) or model.rpartition("/")[2].startswith(_ACTING_FAMILIES)


def _kind_of_tool(tool: Any) -> Any:
    return tool.get("type") if isinstance(tool, Mapping) else None


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else ()


def _other_than_text(request: ModelRequest) -> Iterator[Part]:
    for message in request.messages:
        for part in message.parts:
            if type(part) is not TextPart:  # most are, in conversations of hundreds
                yield part
            if isinstance(part, ToolCallResponsePart):
                yield from part.parts


_SIZES: dict[type, Callable[[Any], int]] = {
    TextPart: lambda part: len(part.text),
    ReasoningPart: lambda part: len(part.text) + len(part.encrypted_content or ""),
    ToolCallPart: lambda part: len(part.name) + len(part.arguments),
    ToolCallResponsePart: lambda part: sum(_size_of_part(each) for each in part.parts),
    ImagePart: lambda part: _ATTACHMENT_CHARACTERS + len(part.url or ""),
    FilePart: lambda part: _ATTACHMENT_CHARACTERS + len(part.file_data or ""),
    OpaquePart: lambda part: _size_of_json(part.data),
}


def _size_of_part(part: Any) -> int:
    """Characters of a part; of one that is not listed, its texts."""
    size = _SIZES.get(type(part))
    if size is not None:
        return size(part)
    return sum(
        len(value) for name in getattr(part, "__struct_fields__", ()) if isinstance(value := getattr(part, name), str)
    )


def _size_of_json(value: Any, *, depth: int = 0) -> int:
    """Characters of a JSON value, about; what is nested deeper than any schema counts as nothing."""
    if isinstance(value, str):
        return len(value) + 3
    if depth > 32:  # a schema in a model's tool is a dozen deep
        return 0
    if isinstance(value, Mapping):
        return 2 + sum(len(str(name)) + 4 + _size_of_json(each, depth=depth + 1) for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return 2 + sum(1 + _size_of_json(each, depth=depth + 1) for each in value)
    return 5
