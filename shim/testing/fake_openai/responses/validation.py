"""Checks a Responses request as the API does: parameters, their types and ranges, and what goes with what.

Not the input items (`input_rules`), the tools (`tool_rules`) or whether what is referred to exists (`history`). Each
refusal is a 400 with the `param` and `code` the API sends for it.
"""

from typing import Any

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.chat.validation import EFFORTS, TIERS
from shim.testing.fake_openai.persona.thinking import is_reasoning_model, reasons
from shim.testing.fake_openai.responses.input_rules import check_input
from shim.testing.fake_openai.responses.tool_rules import check_strict_schema, check_tools
from shim.testing.fake_openai.value_rules import (
    Rule,
    any_of,
    anything,
    boolean,
    integer,
    listing,
    missing,
    number,
    text,
    thing,
    unknown,
)

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"
INCLUDABLE = (
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    LOGPROBS,
    ENCRYPTED,
    "web_search_call.action.sources",
    "web_search_call.results",
)

PARAMETERS: dict[str, Rule] = {
    "background": boolean(),
    "context_management": anything,
    "conversation": any_of(text(), thing()),
    "include": listing(),
    "input": anything,
    "instructions": text(),
    "max_output_tokens": integer(16),
    "max_tool_calls": integer(1),
    "metadata": thing(),
    "model": text(),
    "moderation": anything,
    "parallel_tool_calls": boolean(),
    "previous_response_id": text(),
    "prompt": thing(),
    "prompt_cache_key": text(),
    "prompt_cache_retention": text(),
    "reasoning": thing(),
    "safety_identifier": text(),
    "service_tier": text(*TIERS),
    "store": boolean(),
    "stream": boolean(),
    "stream_options": thing(),
    "temperature": number(0, 2),
    "text": thing(),
    "tool_choice": any_of(text(), thing()),
    "tools": listing(),
    "top_logprobs": integer(0, 20),
    "top_p": number(0, 1),
    "truncation": text("auto", "disabled"),
    "user": text(),
}

# Parameters of Chat Completions that have another name here, and where the API sends those who use the old one.
MOVED = {
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}


def check_responses_request(body: dict[str, Any]) -> None:
    """Raise the ApiError the API would answer, for the first thing wrong with a request."""
    for name, value in body.items():
        _check_parameter(name, value)
    if "model" not in body:
        raise missing("model")
    check_input(body)
    check_tools(body)
    _check_include(body.get("include") or [])
    _check_text(body)
    _check_reasoning(body.get("reasoning") or {})
    _check_companions(body)
    _check_model_limits(body)


def _check_parameter(name: str, value: object) -> None:
    if name in MOVED:
        message = f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to '{MOVED[name]}'."
        raise ApiError(400, message, param=name, code="unsupported_parameter")
    rule = PARAMETERS.get(name)
    if rule is None:
        raise unknown(name)
    if value is not None or name == "model":
        rule(name, value)


def _check_include(values: list[object]) -> None:
    for place, value in enumerate(values):
        text(*INCLUDABLE)(f"include[{place}]", value)


def _check_text(body: dict[str, Any]) -> None:
    given = body.get("text") or {}
    for name in given:
        if name not in {"format", "verbosity"}:
            raise unknown(f"text.{name}")
    if given.get("verbosity") is not None:
        text("low", "medium", "high")("text.verbosity", given["verbosity"])
    form = given.get("format")
    if form is None:
        return
    thing()("text.format", form)
    if "type" not in form:
        raise missing("text.format.type")
    text("text", "json_object", "json_schema")("text.format.type", form["type"])
    if form["type"] == "json_schema":
        _check_schema_format(form)
    elif form["type"] == "json_object" and "json" not in str(body.get("input")).lower():
        message = "The 'input' must contain the word 'json' in some form, to use 'text.format' of type 'json_object'."
        raise ApiError(400, message, param="input")


def _check_schema_format(form: dict[str, Any]) -> None:
    for name, rule in (("name", text()), ("schema", thing())):
        if name not in form:
            raise missing(f"text.format.{name}")
        rule(f"text.format.{name}", form[name])
    if form.get("strict") is not None:
        boolean()("text.format.strict", form["strict"])
    if form.get("strict"):
        check_strict_schema("text.format.schema", form["schema"], what=f"response_format '{form['name']}'")


def _check_reasoning(given: dict[str, Any]) -> None:
    for name, value in given.items():
        if name not in _REASONING:
            raise unknown(f"reasoning.{name}")
        if value is not None:
            _REASONING[name](f"reasoning.{name}", value)


_SUMMARIES = text("auto", "concise", "detailed")
_REASONING: dict[str, Rule] = {
    "context": anything,
    "effort": text(*EFFORTS),
    "generate_summary": _SUMMARIES,
    "summary": _SUMMARIES,
}


def _check_companions(body: dict[str, Any]) -> None:
    """Parameters that mean something only beside another one."""
    options = body.get("stream_options")
    if options is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise ApiError(400, message, param="stream_options")
    for name, value in (options or {}).items():
        if name != "include_obfuscation":
            raise unknown(f"stream_options.{name}")
        boolean()("stream_options.include_obfuscation", value)
    if body.get("background") and body.get("store") is False:
        raise ApiError(400, "Background mode requires 'store' to be true.", param="background")


def _check_model_limits(body: dict[str, Any]) -> None:
    model, reasoning = body["model"], body.get("reasoning") or {}
    if not is_reasoning_model(model):
        if reasoning.get("effort") is not None:
            raise _unsupported("reasoning.effort", code="unsupported_parameter")
        return
    if not reasons(model, reasoning.get("effort")):
        return
    for name in ("temperature", "top_p"):
        if body.get(name) not in {None, 1}:
            raise _unsupported(name)
    if body.get("top_logprobs") or LOGPROBS in (body.get("include") or []):
        raise _unsupported("top_logprobs" if body.get("top_logprobs") else "include")


def _unsupported(name: str, *, code: str | None = None) -> ApiError:
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    return ApiError(400, message, param=name, code=code)
