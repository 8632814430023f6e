"""Which API a request uses, and why.

Not what an API cannot express (its codec refuses that) nor what the models' names tell (`model_names`).
Source: OpenAI's guide to migrating to Responses and the API references of both. The first rule that holds decides: the
caller's word; a model only Responses serves; what only Responses can express; tools with reasoning where Chat Completions
refuses them; what only Chat Completions can express; the API the conversation came from; the o-series; else Chat Completions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Literal, TypeAlias, get_args

from msgspec import UNSET, Struct

from shim.model import (
    AudioPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    ModelRequest,
    OpaquePart,
    Part,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    check_request,
)
from shim.model.checks import kind_of
from shim.model.plain import Look, all_unset, is_plain
from shim.model.response import Api
from shim.wire.chat.request import SAYS_NOTHING
from shim.wire.model_names import is_o_series, is_only_on_responses, refuses_tools_with_reasoning
from shim.wire.responses.chat_forms import CHAT_ONLY_IN_MESSAGE, is_empty_reasoning, named_results
from shim.wire.responses.request import CHAT_ONLY_FIELDS, CHAT_ONLY_NAMES
from shim.wire.responses.vocabulary import ITEM, is_item

ApiChoice: TypeAlias = Literal["auto", "chat_completions", "responses"]
Placed: TypeAlias = "list[tuple[int, Message]]"
"""Messages of a conversation, each with its position."""

# Names in a body that only the Responses API has; the same field of the request is told by its own name.
_RESPONSES_ONLY_NAMES = (
    "background",
    "context_management",
    "conversation",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "prompt",
    "text",
    "truncation",
)
# The blocks of Responses that may stand in a conversation beside its items. The name alone decides nothing: servers of Chat
# Completions have blocks of the same names.
_RESPONSES_BLOCKS = frozenset({"input_text", "input_image", "input_file", "output_text"})
# Of these, the ones that stand among the content of an answer of Chat Completions, too, as Databricks has them.
_BLOCKS_OF_BOTH = frozenset({"message", "reasoning", "output_text"})
# The tools, and ways to choose one, that Chat Completions has too; there they are nested under the name of their type.
_CHAT_TOOLS = frozenset({"function", "custom", "allowed_tools"})
# The fields that may tell, beside the messages.
_TELLING = ("previous_response_id", "include", "reasoning", "tools", "tool_choice", *CHAT_ONLY_FIELDS)
_telling = attrgetter(*_TELLING)
# Names of models, of which a program has a few.
_MOST_KEPT = 256
_LONGEST_KEPT = 64


class Selection(Struct, frozen=True):
    """The API a request uses, and the rule that chose it, as a plain sentence."""

    api: Api
    reason: str


def select_api(request: ModelRequest, *, api: ApiChoice | str = "auto", look: Look | None = None) -> Selection:
    """Choose the API for a request.

    What neither API can express is not this function's to refuse: the codec of the chosen one does, and names the field.

    Args:
        request: the request.
        api: `auto` to choose by its model and content; `chat_completions` or `responses` to force one.
        look: what `check_request` has said of it, which is not asked again then.

    Raises:
        InvalidRequestError: (a ValueError) `api` is any other word, or a field of the request is not of its kind.
    """
    if look is None:
        look = check_request(request)
    if api == "chat_completions":
        return Selection("chat_completions", "The caller asked for Chat Completions.")
    if api == "responses":
        return Selection("responses", "The caller asked for the Responses API.")
    if api != "auto":
        shown = repr(api) if isinstance(api, str) else kind_of(api)
        raise InvalidRequestError(f"api is {shown}; give one of {', '.join(get_args(ApiChoice))}", field="api")
    return _chosen(request, look)


def _chosen(request: ModelRequest, look: Look) -> Selection:
    model = "The model" if request.model is UNSET else request.model
    # A plain message tells nothing of either API: any other is looked through, again and again.
    telling = (
        []
        if look.all_plain
        else [(position, message) for position, message in enumerate(request.messages) if not is_plain(message)]
    )
    if not telling and (
        look.says_no_more or (not request.extra_body and all_unset(_telling(request)))
    ):  # by its model alone
        return (_kept_choice if type(model) is str and len(model) <= _LONGEST_KEPT else _of_model)(model)
    only_responses = next(_only_responses_has(request, telling), None)
    only_chat = next(_only_chat_has(request, telling), None)
    if is_only_on_responses(request.model):
        return _of_model(model)
    if only_responses is not None:
        return Selection("responses", f"Only the Responses API can express {only_responses}.")
    if _reasons_with_tools(request):
        return Selection("responses", f"{model} refuses tools with reasoning on Chat Completions.")
    if only_chat is not None:
        instead = f", where {model} works too" if is_o_series(request.model) else ""
        return Selection("chat_completions", f"Only Chat Completions can express {only_chat}{instead}.")
    if _came_from(message for _, message in telling) == {"responses"}:
        return Selection("responses", "The conversation came from the Responses API.")
    return _of_model(model)


def _of_model(model: str) -> Selection:
    """Choose for a request that says nothing of either API."""
    if is_only_on_responses(model):
        return Selection("responses", f"{model} is served by the Responses API alone.")
    if is_o_series(model):
        return Selection("responses", f"{model} is one of the o1, o3 and o4 models, which use the Responses API.")
    return Selection("chat_completions", "Nothing in the request needs the Responses API.")


_kept_choice = lru_cache(maxsize=_MOST_KEPT)(_of_model)


def _reasons_with_tools(request: ModelRequest) -> bool:
    """Whether Chat Completions would refuse the tools: the default effort counts as reasoning."""
    effort = request.reasoning.effort if isinstance(request.reasoning, Reasoning) else UNSET
    effort = request.extra_body.get("reasoning_effort", effort)
    return bool(request.tools) and effort != "none" and refuses_tools_with_reasoning(request.model)


def _only_responses_has(request: ModelRequest, telling: Placed) -> Iterator[str]:
    """Name what a request says that Chat Completions has no place for."""
    yield from (field for field in ("previous_response_id", "include") if getattr(request, field) not in SAYS_NOTHING)
    if isinstance(request.reasoning, Reasoning) and request.reasoning.summary not in SAYS_NOTHING:
        yield "reasoning.summary"
    yield from _given(request, _RESPONSES_ONLY_NAMES)
    for field, form in (*(("tools", tool) for tool in request.tools or ()), ("tool_choice", request.tool_choice)):
        if isinstance(form, OpaquePart) and not _is_chat_form(form):
            yield f"the {field} of type {form.kind}"
    came_from = _came_from(message for _, message in telling)
    for place, message, part in _parts(telling):
        inner = _responses_only_part(part, message, came_from=came_from)
        if inner is not None:
            yield f"{_named(place)}{inner}"


def _is_chat_form(form: OpaquePart) -> bool:
    """Whether a tool, or a way to choose one, is nested as on Chat Completions, where servers know it without its type, too."""
    if "type" not in form.data:
        return not _CHAT_TOOLS.isdisjoint(form.data)
    return form.kind in _CHAT_TOOLS and form.kind in form.data


def _only_chat_has(request: ModelRequest, telling: Placed) -> Iterator[str]:
    """Name what a request says that the Responses API has no place for; null says nothing."""
    yield from (field for field in CHAT_ONLY_FIELDS if getattr(request, field) not in (UNSET, None))
    yield from _given(request, CHAT_ONLY_NAMES)
    named = named_results(request.messages, telling)
    for position, message in telling:
        if message.name is not UNSET and position not in named:
            yield f"messages[{position}].name"
        yield from (f"messages[{position}].extra.{name}" for name in CHAT_ONLY_IN_MESSAGE if message.extra.get(name))
    for place, _, part in _parts(telling):
        if _is_chat_only(part):
            yield _named(place)


def _given(request: ModelRequest, names: Iterable[str]) -> Iterator[str]:
    body = request.extra_body
    if not body:
        return iter(())
    return (f"extra_body.{name}" for name in names if body.get(name) not in (UNSET, None))


def _parts(placed: Placed) -> Iterator[tuple[tuple[int, ...], Message, Part]]:
    """Go through the parts of messages, those of tool results included, each with its place, in numbers, and its message."""
    for position, message in placed:
        for number, part in enumerate(message.parts):
            yield (position, number), message, part
            if isinstance(part, ToolCallResponsePart):
                yield from (((position, number, inner), message, piece) for inner, piece in enumerate(part.parts))


def _named(place: tuple[int, ...]) -> str:
    """Write the place of a part, which is done only where it is told."""
    message, *parts = place
    return f"messages[{message}]" + "".join(f".parts[{number}]" for number in parts)


def _responses_only_part(part: Part, message: Message, *, came_from: set[Api]) -> str | None:
    """Name the field of a part that Chat Completions cannot express, "" for the part itself, None for none."""
    if isinstance(part, ImagePart):
        return ".file_id" if part.file_id is not None else None
    if isinstance(part, FilePart):
        return ".file_url" if part.file_url is not None else None
    if isinstance(part, ReasoningPart):
        return "" if part.wire_field is None else None
    if isinstance(part, ToolCallPart):
        return "" if part.data is not None else None
    return "" if isinstance(part, OpaquePart) and _is_item(part, message, came_from=came_from) else None


def _is_item(part: OpaquePart, message: Message, *, came_from: set[Api]) -> bool:
    """Whether a part is an item or block of Responses: one by its name, in a message that is not one of Chat Completions.

    What an answer of Chat Completions had for content goes back there. Whose answer a message was shows in its other parts,
    and else in the rest of the conversation; an item by itself, as only Responses has them, needs no witness.
    """
    if not (part.kind in _RESPONSES_BLOCKS or is_item(part.kind)):
        return False
    if message.role != "assistant":
        return came_from != {"chat_completions"} or part.kind == "item_reference"
    own = _came_from((message,)) or came_from
    if own:
        return own == {"responses"} or (own != {"chat_completions"} and "id" in part.data)
    if any(isinstance(other, (TextPart, RefusalPart)) for other in message.parts) or part.kind in _BLOCKS_OF_BOTH:
        return "id" in part.data
    return True


def _came_from(messages: Iterable[Message]) -> set[Api]:
    """The APIs whose answers are among these messages, as far as that shows."""
    return {api for message in messages if message.role == "assistant" for api in _witnesses(message)}


def _witnesses(message: Message) -> Iterator[Api]:
    if ITEM in message.extra:
        yield "responses"
    elif message.extra:
        yield "chat_completions"
    for part in message.parts:
        if isinstance(part, ReasoningPart):
            yield "responses" if part.wire_field is None else "chat_completions"
        elif isinstance(part, (TextPart, RefusalPart, ToolCallPart)):
            if ITEM in part.extra or (isinstance(part, ToolCallPart) and part.data is not None):
                yield "responses"
            elif _is_chat_only(part):
                yield "chat_completions"


def _is_chat_only(part: Part) -> bool:
    if isinstance(part, ReasoningPart):
        return part.wire_field is not None and not is_empty_reasoning(part)
    return isinstance(part, AudioPart) or (isinstance(part, ToolCallPart) and part.kind == "function_call")
