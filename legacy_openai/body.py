"""The JSON body of a Chat Completions request: a pure function of config and conversation.

Not the headers or the URL (http_request.py), and no opinion on what a model accepts: fields go out as given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from legacy_openai.conversation import OMIT
from legacy_openai.errors import EmptyConversationError, InvalidConfigError, UnserializableBodyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from legacy_openai.config import Config
    from legacy_openai.conversation import Conversation

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_DEEPEST = 200
"""Nesting at which the search for a bad value gives up and blames the depth: json itself fails near 1,000."""


def build_body(cfg: Config, conv: Conversation, *, streaming: bool, limit_reached: bool = False) -> bytes:
    """The body as compact UTF-8 JSON.

    Args:
        cfg: model, temperature and the other fields; `cfg.params` wins over all of them, and `OMIT` there takes one out.
        conv: the messages, after the system message of `cfg`.
        streaming: asks for a stream, with the usage in its last chunk.
        limit_reached: the caller's tool-call limit is used up: `tool_choice` becomes "none".

    Raises:
        EmptyConversationError: no message.
        InvalidConfigError: no model, or `params` is not a mapping.
        UnserializableBodyError: a value that JSON or UTF-8 cannot express.
    """
    fields = _fields(cfg, conv, streaming=streaming, limit_reached=limit_reached)
    try:
        return _ENCODER.encode(fields).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise UnserializableBodyError(_explain(fields, error)) from None


def _fields(cfg: Config, conv: Conversation, *, streaming: bool, limit_reached: bool) -> dict[str, Any]:
    if not len(conv):
        raise EmptyConversationError("the conversation is empty: add a message before the request")
    if not isinstance(cfg.params, Mapping):
        raise InvalidConfigError(f"Config.params must be a mapping of body fields, not {type(cfg.params).__name__}")
    messages = [message.to_wire() for message in conv]
    if cfg.openai_system_message is not None:
        messages.insert(0, {"role": "system", "content": cfg.openai_system_message})
    fields: dict[str, Any] = {"model": cfg.openai_model, "messages": messages}
    if cfg.openai_temperature is not None:
        fields["temperature"] = cfg.openai_temperature
    if cfg.openai_max_completion_tokens is not None:
        fields["max_completion_tokens"] = cfg.openai_max_completion_tokens
    if streaming:
        fields.update(stream=True, stream_options={"include_usage": True})
    if limit_reached:
        fields["tool_choice"] = "none"
    fields.update(cfg.params)
    fields = {name: value for name, value in fields.items() if value is not OMIT}
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidConfigError(f"Config.openai_model must name a model, not {model!r}")
    return fields


def _explain(fields: dict[str, Any], error: Exception) -> str:
    place, fault = next(_faults(fields, place="", depth=0), ("the request body", f"cannot be written as JSON: {error}"))
    return f"{place} {fault}"


def _faults(value: Any, *, place: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every value below `value` that cannot be written, as (place, what is wrong)."""
    if depth > _DEEPEST:
        yield place[:120], "is nested too deeply, or contains itself"
    elif isinstance(value, Mapping) and isinstance(value, dict):
        for key, item in value.items():
            inner = f"{place}.{key}" if place else str(key)
            if not isinstance(key, str | int | float | None):
                yield ascii(inner), f"is a field named by a {type(key).__name__}: use a str"
            elif not _is_writable(key):
                yield ascii(inner), "is a field whose name cannot be written as UTF-8 JSON"
            yield from _faults(item, place=inner, depth=depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _faults(item, place=f"{place}[{index}]", depth=depth + 1)
    elif not _is_writable(value):
        yield place, _complaint(value)


def _is_writable(value: Any) -> bool:
    try:
        _ENCODER.encode(value).encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _complaint(value: Any) -> str:
    if isinstance(value, str):
        return "is text with a lone surrogate, which UTF-8 cannot express: repair the text first"
    if isinstance(value, float):
        return f"is {value}, which JSON cannot express: use a finite number or None"
    return f"is a {type(value).__name__}, which JSON cannot express: use str, numbers, bool, None, list or dict"
