"""Declared equivalences between the two APIs: how their requests, read as `ModelRequest`, are made comparable.

Not those within one API (`equivalences`). Each row says the same in one way for both APIs, or says aloud what an API takes for
granted. What a row does not name counts. Sources: OpenAI API reference, Chat Completions and Responses, create; the guide to
migrating to Responses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from msgspec import Struct

from shim.comparison.wire_rung.request_json import request_json
from shim.model import InvalidRequestError, ModelRequest
from shim.model.response import Api
from shim.wire import responses
from shim.wire.responses.chat_forms import NESTED_BLOCKS, flat_annotations, flat_call, lifted_block
from shim.wire.responses.request import CHAT_ONLY_FIELDS, CHAT_ONLY_NAMES, flat
from shim.wire.responses.vocabulary import ITEM

Fields: TypeAlias = "dict[str, Any]"


class RequestForm(Struct, frozen=True, kw_only=True):
    """One way to say what the APIs say in two; `apply` changes a request in the form of `request_json`, read from an API.

    `shows_at`: of a row that says aloud what is unsaid, the place where that shows, so that its reason is told there.
    """

    name: str
    reason: str
    apply: Callable[[Fields, Api], None]
    shows_at: str = ""


def comparable(request: ModelRequest, *, api: Api) -> Fields:
    """A request as plain JSON in the form that both APIs have in common.

    Args:
        request: as it was read from a body.
        api: the API of that body.
    """
    fields = {"extra_body": {}} | request_json(request)
    for form in FORMS:
        form.apply(fields, api)
    return fields


def told_of(path: str) -> str:
    """What is to be said of a place where two APIs part; "" where nothing is."""
    return next((form.reason for form in FORMS if form.shows_at == path), "")


# Chat Completions reads the newer name where a body has both.
_LIMITS = ("max_completion_tokens", "max_tokens")


def _one_limit(fields: Fields, _api: Api) -> None:
    extra = fields["extra_body"]
    told = [value for name in _LIMITS if (value := extra.pop(name, None)) is not None]
    if told:
        fields.setdefault("max_output_tokens", told[0])


def _instructions_first(fields: Fields, _api: Api) -> None:
    if "system_prompt" in fields:
        text = fields.pop("system_prompt")
        fields["messages"].insert(0, {"role": "system", "parts": [{"is": "text", "text": text}]})


def _any_content_form(fields: Fields, _api: Api) -> None:
    for message in fields["messages"]:
        message.pop("content_form", None)


def _flat_forms(fields: Fields, api: Api) -> None:
    if api != "chat_completions":
        return
    tools = fields.get("tools") or []
    for position, tool in enumerate(tools):
        if tool["is"] == "opaque":
            tools[position] = _as_on_responses("tools", [flat(tool["data"])], otherwise=[tool])[0]
    for name, holder in (("tool_choice", "tool_choice"), ("response_format", "text")):
        form = fields.get(name)
        if isinstance(form, dict) and form.get("is") == "opaque":
            said = flat(form["data"])
            said = {"format": said} if holder == "text" else said
            fields[name] = _as_on_responses(holder, said, otherwise=form, field=name)


def _as_on_responses(name: str, said: Any, *, otherwise: Any, field: str = "") -> Any:
    """What a field of a body on the Responses API reads as."""
    return request_json(responses.parse_request({"input": "", name: said})).get(field or name, otherwise)


def _said_aloud(fields: Fields, api: Api) -> None:
    for tool in fields.get("tools") or []:
        if tool["is"] == "function":
            tool.setdefault("strict", api == "responses")
            tool.setdefault("parameters", {"type": "object", "properties": {}})
            if not tool.get("extra", True):
                del tool["extra"]


def _blocks_of_responses(fields: Fields, api: Api) -> None:
    for holder in _holders(fields) if api == "chat_completions" else ():
        parts = holder.get("parts", [])
        role = holder.get("role", "user")
        for position, part in enumerate(parts):
            if part["is"] == "opaque":
                parts[position] = _block_of_responses(part, role)


def _block_of_responses(part: Fields, role: str) -> Fields:
    """What a block reads as once it stands on the Responses API; as it is where it cannot."""
    kind, block = part["kind"], part["data"]
    try:
        written = lifted_block(kind, block, place="") if kind in NESTED_BLOCKS and role != "assistant" else block
        read = responses.parse_request({"input": [{"role": role, "content": [written]}]})
    except InvalidRequestError:
        return part
    told = request_json(read)["messages"][0].get("parts", [])
    return part if len(told) != 1 or told[0].get("kind") == "message" else told[0]


def _calls_of_responses(fields: Fields, api: Api) -> None:
    if api != "chat_completions":
        return
    parts = [part for message in fields["messages"] for part in message["parts"]]
    custom = {part["id"] for part in parts if part["is"] == "tool_call" and part.get("kind") == "custom"}
    names = {(part["id"], part["name"]) for part in parts if part["is"] == "tool_call"}
    for part in parts:
        if part["is"] == "tool_call" and part.get("extra"):
            further = flat_call(part["extra"], part.get("kind", "function"))
            part["extra"] = {name: value for name, value in further.items() if value not in (None, [], {}, "")}
    for message in fields["messages"]:
        results = [part["id"] for part in message["parts"] if part["is"] == "tool_call_response"]
        if results and custom.issuperset(results):
            message["extra"] = message.get("extra", {}) | {"type": "custom_tool_call_output"}
        if results and all((each, message.get("name")) in names for each in results):
            del message["name"]


def _annotations_of_texts(fields: Fields, api: Api) -> None:
    for message in fields["messages"] if api == "chat_completions" else ():
        texts = [part for part in message.get("parts", []) if part["is"] == "text"]
        found = flat_annotations(message.get("extra", {}).get("annotations")) if texts else []
        if found:
            message["extra"] = {name: value for name, value in message["extra"].items() if name != "annotations"}
            texts[0]["extra"] = {"annotations": found} | texts[0].get("extra", {})


def _no_empty_reasoning(fields: Fields, _api: Api) -> None:
    for message in fields["messages"]:
        message["parts"] = [part for part in message.get("parts", []) if not _is_empty_reasoning(part)]


def _is_empty_reasoning(part: Fields) -> bool:
    return part["is"] == "reasoning" and "wire_field" in part and not part["text"] and not part.get("extra")


def _no_usage_option(fields: Fields, _api: Api) -> None:
    options = fields["extra_body"].get("stream_options")
    if isinstance(options, dict):
        options.pop("include_usage", None)
        if not options:
            del fields["extra_body"]["stream_options"]


def _no_empty_wishes(fields: Fields, _api: Api) -> None:
    for holder, names in ((fields, CHAT_ONLY_FIELDS), (fields["extra_body"], CHAT_ONLY_NAMES)):
        for name in names:
            if holder.get(name, "") is None:
                del holder[name]
    for name in ("previous_response_id", "include"):
        if not fields.get(name, True):
            del fields[name]
    if "reasoning" in fields:
        fields["reasoning"] = {name: each for name, each in fields["reasoning"].items() if each is not None}
        if not fields["reasoning"]:
            del fields["reasoning"]


def _one_extra(fields: Fields, _api: Api) -> None:
    for holder in _holders(fields):
        extra = holder.get("extra", {})
        own = extra.pop(ITEM, {}) if isinstance(extra.get(ITEM), dict) else {}
        holder["extra"] = extra | {name: each for name, each in own.items() if (name, each) != ("type", "message")}


def _no_empty_extras(fields: Fields, _api: Api) -> None:
    for message in fields["messages"]:
        extra = message.get("extra", {})
        message["extra"] = {name: value for name, value in extra.items() if value not in (None, [], {}, "")}


def _no_missing_content(fields: Fields, _api: Api) -> None:
    for message in fields["messages"]:
        results = (part for part in message["parts"] if part["is"] == "tool_call_response")
        for holder in (message, *results):
            holder["parts"] = holder.get("parts") or [{"is": "text", "text": ""}]


def _no_false_logprobs(fields: Fields, _api: Api) -> None:
    if not fields.get("logprobs", True):
        del fields["logprobs"]


def _no_false_stream(fields: Fields, _api: Api) -> None:
    if fields["extra_body"].get("stream") is False:
        del fields["extra_body"]["stream"]


def _stored_or_not(fields: Fields, api: Api) -> None:
    if fields.get("store") is None:
        fields["store"] = api == "responses"


def _holders(fields: Fields) -> Iterator[Fields]:
    """What may have an `extra`: messages, their parts, and the parts of tool results."""
    for message in fields["messages"]:
        yield message
        for part in message["parts"]:
            yield part
            yield from part.get("parts", ())


FORMS: tuple[RequestForm, ...] = (
    RequestForm(
        name="limit-names",
        reason="`max_tokens` and `max_completion_tokens` are called `max_output_tokens` on the Responses API.",
        apply=_one_limit,
    ),
    RequestForm(
        name="instructions",
        reason="`instructions` is a system message put before the input.",
        apply=_instructions_first,
    ),
    RequestForm(
        name="blocks",
        reason="What Chat Completions nests in a block of an image or a file is flat on Responses; null says nothing there.",
        apply=_blocks_of_responses,
    ),
    RequestForm(
        name="calls-and-results",
        reason="A call's place says its `index`, and the call its result's `name` and whether it is of a custom tool.",
        apply=_calls_of_responses,
    ),
    RequestForm(
        name="annotations",
        reason="Annotations are the message's on Chat Completions, nested by type, and its text's on Responses, flat.",
        apply=_annotations_of_texts,
    ),
    RequestForm(
        name="empty-reasoning",
        reason="Reasoning that is empty says nothing; Responses takes back only what it gave.",
        apply=_no_empty_reasoning,
    ),
    RequestForm(
        name="no-content",
        reason="A message without content has an empty text on the Responses API, which takes no null there.",
        apply=_no_missing_content,
    ),
    RequestForm(
        name="content-form",
        reason="A text as a string and as the one text block of a list are the same content in both references.",
        apply=_any_content_form,
    ),
    RequestForm(
        name="flat-forms",
        reason="What Chat Completions nests under the name of its type, tools, choices and formats, is flat on Responses.",
        apply=_flat_forms,
    ),
    RequestForm(
        name="function-defaults",
        reason="Unsaid, `strict` is false on Chat Completions and true on Responses; unsaid parameters are an empty object.",
        apply=_said_aloud,
    ),
    RequestForm(
        name="usage-in-streams",
        reason="A stream of the Responses API always tells its usage: `stream_options.include_usage` has no equivalent there.",
        apply=_no_usage_option,
    ),
    RequestForm(
        name="null-asks-nothing",
        reason="Null is the default of what only one of the APIs has; the other has no field to say so.",
        apply=_no_empty_wishes,
    ),
    RequestForm(
        name="item-fields",
        reason="Fields beside those of a message or call are an item's own on Responses, where `type: message` may be unsaid.",
        apply=_one_extra,
    ),
    RequestForm(
        name="empty-message-fields",
        reason="Empty fields of an answer that is sent back (`refusal`, `annotations`) say nothing; Responses refuses them.",
        apply=_no_empty_extras,
    ),
    RequestForm(
        name="logprobs-default",
        reason="False, or null, is the default of `logprobs`; on the Responses API not to include them is the one way to say so.",
        apply=_no_false_logprobs,
    ),
    RequestForm(
        name="stream-default",
        reason="False is the default of `stream` on both.",
        apply=_no_false_stream,
    ),
    RequestForm(
        name="store-default",
        reason="Unsaid, `store` is false on Chat Completions and true on Responses; said aloud, so that this shows.",
        apply=_stored_or_not,
        shows_at="request.store",
    ),
)
"""The rows, in the order they are applied."""
