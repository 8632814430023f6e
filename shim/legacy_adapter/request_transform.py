"""The request transform: a `ModelRequest` as the legacy client's `Config` and `Conversation`.

Not the body's form, which is `shim.wire.chat`'s: what that makes is handed over field by field, so that the legacy client
sends the same JSON.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from legacy_openai import OMIT, Config, Conversation, Message
from shim.call_options import CallOptions
from shim.calls import NO_OPTIONS, check_extra_headers, deadlines_of
from shim.endpoint import Endpoint
from shim.model import ModelRequest, UnsupportedFeatureError, check_request
from shim.wire import chat
from shim.wire.model_names import refuses_temperature

_USAGE_ASKED = {"include_usage": True}
# What a legacy Message has a name for; any other field of a message goes into its `extra`.
_MESSAGE_FIELDS = ("name", "tool_calls", "tool_call_id")


class Settings(Struct, frozen=True, kw_only=True):
    """What every request of a provider shares. It holds no API key: each start adds it."""

    endpoint: Endpoint
    default_temperature: float | None
    connect_timeout: float | None
    read_timeout: float | None
    proxies: dict[str, str] | None
    verify: bool | str | None
    idempotency_key: str | None = None

    def for_call(self, options: CallOptions) -> Settings:
        """The same with what one call says otherwise.

        Raises:
            UnsupportedFeatureError: the legacy client cannot carry it.
        """
        if options is NO_OPTIONS:
            return self
        limits = deadlines_of(options)
        endpoint = options.endpoint
        return replace(
            self,
            endpoint=self.endpoint if endpoint is None else carried_endpoint(endpoint, place="options.endpoint"),
            connect_timeout=_seconds(limits.connect, self.connect_timeout),
            read_timeout=_seconds(limits.read, self.read_timeout),
            idempotency_key=options.idempotency_key,
        )


def _seconds(said: float | None, otherwise: float | None) -> float | None:
    """A limit as the legacy client has it, where None waits for ever."""
    if said is None:
        return otherwise
    return None if said == math.inf else said


def carried_endpoint(endpoint: Endpoint, *, place: str) -> Endpoint:
    """An endpoint that the legacy client can carry.

    Raises:
        UnsupportedFeatureError: it has a deployment, another way to send the key, or parameters; the message names which.
    """
    found = {
        "deployment": endpoint.deployment is not None,
        "auth": endpoint.auth != "bearer",
        "query": bool(endpoint.query),
    }
    for name, is_said in found.items():
        if is_said:
            words = (
                "the legacy client knows neither Azure's deployments, its api-key header nor a query; use kind 'native'"
            )
            raise UnsupportedFeatureError(f"{place}.{name} cannot be carried: {words}", field=f"{place}.{name}")
    return endpoint


def to_legacy(request: ModelRequest, settings: Settings, *, api_key: str, stream: bool) -> tuple[Config, Conversation]:
    """Transform a request.

    Raises:
        InvalidRequestError, UnsupportedFeatureError: as `shim.wire.chat.to_body` does.
    """
    look = check_request(request)
    check_extra_headers(request.extra_headers, url=settings.endpoint.base_url)
    request = _with_default_temperature(request, settings.default_temperature)
    if settings.default_temperature is not None:
        look = look.with_fields()
    body = chat.to_body(request, stream=stream, look=look)
    endpoint, headers = settings.endpoint, dict(request.extra_headers)
    if settings.idempotency_key is not None:
        headers.setdefault("Idempotency-Key", settings.idempotency_key)
    conversation = Conversation(_message(fields) for fields in body.pop("messages"))
    config = Config(
        openai_api_key=api_key,
        openai_model=body.pop("model", ""),
        openai_temperature=_typed(body, "temperature", kinds=(int, float)),
        openai_max_completion_tokens=_typed(body, "max_completion_tokens", kinds=(int,)),
        openai_organization=endpoint.organization,
        openai_project=endpoint.project,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        proxies=settings.proxies,
        verify=settings.verify,
        extra_headers=headers,
        openai_base_url=endpoint.base_url,
        params=_params(body, stream=stream),
    )
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
