"""The request transform: a `ModelRequest` as the legacy client's `Config` and `Conversation`.

Not the body's form, which is `shim.wire.chat`'s: what that makes is handed over field by field, so that the legacy client
sends the same JSON.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from legacy_openai import OMIT, Config, Conversation, Message
from shim.model import ModelRequest, check_request
from shim.wire import chat
from shim.wire.model_names import refuses_temperature

_USAGE_ASKED = {"include_usage": True}
# What a legacy Message has a name for; any other field of a message goes into its `extra`.
_MESSAGE_FIELDS = ("name", "tool_calls", "tool_call_id")


class Settings(Struct, frozen=True, kw_only=True):
    """What every request of a provider shares. It holds no API key: each start adds it."""

    base_url: str | None
    organization: str | None
    project: str | None
    default_temperature: float | None
    connect_timeout: float | None
    read_timeout: float | None
    proxies: dict[str, str] | None
    verify: bool | str | None


def to_legacy(request: ModelRequest, settings: Settings, *, api_key: str, stream: bool) -> tuple[Config, Conversation]:
    """Transform a request.

    Raises:
        InvalidRequestError, UnsupportedFeatureError: as `shim.wire.chat.to_body` does.
    """
    check_request(request)
    body = chat.to_body(_with_default_temperature(request, settings.default_temperature), stream=stream)
    conversation = Conversation(_message(fields) for fields in body.pop("messages"))
    config = Config(
        openai_api_key=api_key,
        openai_model=body.pop("model", ""),
        openai_temperature=_typed(body, "temperature", kinds=(int, float)),
        openai_max_completion_tokens=_typed(body, "max_completion_tokens", kinds=(int,)),
        openai_organization=settings.organization,
        openai_project=settings.project,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        proxies=settings.proxies,
        verify=settings.verify,
        extra_headers=dict(request.extra_headers),
        params=_params(body, stream=stream),
    )
    if settings.base_url is not None:
        config.openai_base_url = settings.base_url
    return config, conversation


def _with_default_temperature(request: ModelRequest, default: float | None) -> ModelRequest:
    said = request.temperature is not UNSET or "temperature" in request.extra_body
    if said or default is None or refuses_temperature(request.extra_body.get("model", request.model)):
        return request
    return replace(request, temperature=default)


def _typed(body: dict[str, Any], field: str, *, kinds: tuple[type, ...]) -> Any:
    """Take a field out for its place in `Config`; a null stays in the body, since None there means absent."""
    return body.pop(field) if isinstance(body.get(field), kinds) else None


def _params(body: dict[str, Any], *, stream: bool) -> dict[str, Any]:
    """Leave to the client what it says by itself in a stream; take back what this request wants unsaid."""
    if stream:
        del body["stream"]
        if body.setdefault("stream_options", OMIT) == _USAGE_ASKED:
            del body["stream_options"]
    return body


def _message(fields: dict[str, Any]) -> Message:
    known = {name: fields[name] for name in _MESSAGE_FIELDS if fields.get(name) is not None}
    extra = {name: value for name, value in fields.items() if name not in known and name not in ("role", "content")}
    return Message(fields["role"], fields.get("content", OMIT), extra=extra, **known)
