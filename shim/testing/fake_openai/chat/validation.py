"""Checks a Chat Completions request as the API does: parameters, their types and ranges, and what goes with what.

Not the messages (`message_rules`) nor the tools (`tool_rules`). It follows the API reference: each refusal is a 400 that
carries the `param` and `code` the API sends for it.
"""

import re
from typing import Any

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.chat.message_rules import check_messages
from shim.testing.fake_openai.chat.tool_rules import check_tools
from shim.testing.fake_openai.value_rules import (
    Rule,
    any_of,
    anything,
    array,
    boolean,
    integer,
    missing,
    number,
    text,
    thing,
    unknown,
)

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
TIERS = ("auto", "default", "flex", "scale", "priority")

PARAMETERS: dict[str, Rule] = {
    "audio": thing(),
    "frequency_penalty": number(-2, 2),
    "function_call": any_of(text(), thing()),
    "functions": array(),
    "logit_bias": thing(),
    "logprobs": boolean(),
    "max_completion_tokens": integer(1),
    "max_tokens": integer(1),
    "messages": array(),
    "metadata": thing(),
    "modalities": array(),
    "model": text(),
    "moderation": anything,
    "n": integer(1, 128),
    "parallel_tool_calls": boolean(),
    "prediction": thing(),
    "presence_penalty": number(-2, 2),
    "prompt_cache_key": text(),
    "prompt_cache_retention": text(),
    "reasoning_effort": text(*EFFORTS),
    "response_format": thing(),
    "safety_identifier": text(),
    "seed": integer(),
    "service_tier": text(*TIERS),
    "stop": any_of(text(), array(4)),
    "store": boolean(),
    "stream": boolean(),
    "stream_options": thing(),
    "temperature": number(0, 2),
    "tool_choice": any_of(text(), thing()),
    "tools": array(),
    "top_logprobs": integer(0, 20),
    "top_p": number(0, 1),
    "user": text(),
    "verbosity": text("low", "medium", "high"),
    "web_search_options": thing(),
}

# Models that take neither a temperature of their own nor `max_tokens`; and those that refuse function tools beside
# reasoning on this endpoint (facts of the API, 2026).
_FIXED_TEMPERATURE = re.compile(r"(o1|o3|o4)($|[-_])|gpt-5($|-(?!chat))")
_NO_TOOLS_WITH_REASONING = re.compile(r"gpt-5\.([4-9]|\d\d)")


def check_chat_request(body: dict[str, Any]) -> None:
    """Raise the ApiError the API would answer, for the first thing wrong with a request."""
    if not body.get("model"):
        raise ApiError(400, "you must provide a model parameter")
    if "messages" not in body:
        raise missing("messages")
    for name, value in body.items():
        _check_parameter(name, value)
    check_messages(body["messages"])
    check_tools(body)
    _check_response_format(body)
    _check_companions(body)
    _check_model_limits(body)


def _check_parameter(name: str, value: object) -> None:
    rule = PARAMETERS.get(name)
    if rule is None:
        raise unknown(name)
    if value is not None or name in {"model", "messages"}:
        rule(name, value)


def _check_companions(body: dict[str, Any]) -> None:
    """Parameters that mean something only beside another one."""
    if body.get("stream_options") is not None and not body.get("stream"):
        raise _only_with("stream_options", "'stream' is enabled")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise _only_with("top_logprobs", "'logprobs' is enabled")
    for name in ("include_usage", "include_obfuscation"):
        boolean()(f"stream_options.{name}", (body.get("stream_options") or {}).get(name, False))


def _only_with(name: str, condition: str) -> ApiError:
    return ApiError(400, f"The '{name}' parameter is only allowed when {condition}.", param=name)


def _check_response_format(body: dict[str, Any]) -> None:
    given = body.get("response_format")
    if given is None:
        return
    if "type" not in given:
        raise missing("response_format.type")
    text("text", "json_object", "json_schema")("response_format.type", given["type"])
    if given["type"] == "json_schema":
        _check_schema_format(given)
    elif given["type"] == "json_object" and "json" not in str(body["messages"]).lower():
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        raise ApiError(400, message, param="messages")


def _check_schema_format(given: dict[str, Any]) -> None:
    place = "response_format.json_schema"
    if "json_schema" not in given:
        raise missing(place)
    thing()(place, given["json_schema"])
    if "name" not in given["json_schema"]:
        raise missing(f"{place}.name")
    text()(f"{place}.name", given["json_schema"]["name"])
    thing()(f"{place}.schema", given["json_schema"].get("schema", {}))


def _check_model_limits(body: dict[str, Any]) -> None:
    model = body["model"]
    if _FIXED_TEMPERATURE.match(model):
        if body.get("max_tokens") is not None:
            message = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
            )
            raise ApiError(400, message, param="max_tokens", code="unsupported_parameter")
        if body.get("temperature") not in {None, 1}:
            message = (
                f"Unsupported value: 'temperature' does not support {body['temperature']} with this model, only 1."
            )
            raise ApiError(400, message, param="temperature", code="unsupported_value")
    reasons = body.get("reasoning_effort") != "none"
    if _NO_TOOLS_WITH_REASONING.match(model) and body.get("tools") and reasons:
        message = (
            f"Function tools with reasoning_effort are not supported for {model} on /v1/chat/completions. "
            "Use /v1/responses, or set reasoning_effort to 'none'."
        )
        raise ApiError(400, message, param="reasoning_effort")
