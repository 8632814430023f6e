"""What a legacy call asks, as a provider takes it: `Config` and `Conversation` to request and options.

Not the checks and the JSON body, which are the legacy client's own (`legacy_openai.body`, `legacy_openai.http_request`): the
body it would have sent is written first, and read by `shim.wire.chat`. Not the sending (`client`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from msgspec import UNSET, Struct
from msgspec.structs import replace

from legacy_openai import Config, Conversation, InvalidConfigError
from legacy_openai.body import build_body
from legacy_openai.http_request import HttpRequest, build_request
from shim.endpoint import Endpoint
from shim.model import InvalidRequestError, ModelRequest, check_request
from shim.provider import CallOptions, Deadlines
from shim.wire import chat

Unit: TypeAlias = Callable[[Config, Conversation], "str | None"]
"""Names the conversation that a call belongs to, for the rollout; None leaves it to control."""


class Asked(Struct, frozen=True, kw_only=True):
    """One legacy call, checked and translated.

    Attributes:
        http: as the legacy client would have sent it; for log lines, messages and redaction.
        request, options: what a provider is given.
        streams: whether the server is asked for a stream.
        names: tool name -> "custom" or "function_call", for those that a streamed answer writes otherwise than functions.
        wants_usage: whether the caller asked for the usage in a chunk of its own.
    """

    http: HttpRequest
    request: ModelRequest
    options: CallOptions
    streams: bool
    names: Mapping[str, str]
    wants_usage: bool


class Transport(Struct, frozen=True):
    """What a provider was made with, of that which a `Config` may name for each request."""

    proxies: Mapping[str, str] | None = None
    verify: bool | str | None = None

    def check(self, cfg: Config) -> None:
        """Refuse a call that wants to go another way.

        Raises:
            InvalidConfigError: naming the field.
        """
        if cfg.proxies and dict(cfg.proxies) != dict(self.proxies or {}):
            raise InvalidConfigError(_cannot("proxies", "a proxy"))
        usual = True if self.verify is None else self.verify
        if cfg.verify is not None and cfg.verify != usual:
            raise InvalidConfigError(_cannot("verify", "another verification of TLS"))


def _cannot(field: str, what: str) -> str:
    return (
        f"Config.{field} asks for {what}, which a provider has once for all its requests: make the provider with it, and say "
        f"so here by {field}="
    )


def named_conversation(cfg: Config, conv: Conversation) -> str | None:
    """The attribute `conversation_id` of the conversation, else of the config, where the caller has set one; never sent."""
    for holder in (conv, cfg):
        named: str | None = getattr(holder, "conversation_id", None)
        if named is not None:
            return named
    return None


def asked_of(
    cfg: Config, conv: Conversation, *, streaming: bool, limit_reached: bool, transport: Transport, unit: Unit
) -> Asked:
    """Check a call as the legacy client does, and translate it.

    Raises:
        MissingApiKeyError, InvalidApiKeyError, EmptyConversationError, InvalidConfigError, UnserializableBodyError: as
            the legacy client's `add_request`, and where a provider cannot do what the legacy client could.
    """
    body = build_body(cfg, conv, streaming=streaming, limit_reached=limit_reached)
    http = build_request(cfg, body, streaming=streaming)
    transport.check(cfg)
    streams = cfg.params.get("stream", streaming) is True
    if streams and not streaming:
        raise InvalidConfigError('Config.params["stream"] is true without a stream_cb: give one, or leave it out')
    with refusals():
        request = chat.parse_request(body)
        extra = request.extra_body
        if request.temperature is UNSET:  # said to be unsaid, so that no provider puts in a default of its own
            extra = {"temperature": UNSET, **extra}
        request = replace(
            request,
            extra_body=extra,
            extra_headers=dict(cfg.extra_headers),
            conversation_id=_conversation_id(unit(cfg, conv)),
        )
        check_request(request)
        options = _options(cfg, http)
    asks = extra.get("stream_options")
    return Asked(
        http=http,
        request=request,
        options=options,
        streams=streams,
        names=_names(request, extra),
        wants_usage=isinstance(asks, dict) and asks.get("include_usage") is True,
    )


def _conversation_id(unit: object) -> str | None:
    if unit is None or isinstance(unit, str):
        return unit
    raise InvalidConfigError(
        f"the conversation's unit is a {type(unit).__name__}: a str names it, None leaves it to control"
    )


def _options(cfg: Config, http: HttpRequest) -> CallOptions:
    endpoint = Endpoint(
        cfg.openai_base_url, organization=cfg.openai_organization or None, project=cfg.openai_project or None
    )
    return CallOptions(
        api_key=http.api_key,
        endpoint=endpoint,
        deadlines=Deadlines(connect=http.connect_timeout or math.inf, read=http.read_timeout or math.inf),
    )


def _names(request: ModelRequest, extra: Mapping[str, Any]) -> Mapping[str, str]:
    """The tools whose calls are not written as functions: a stream's events do not tell their kind."""
    names: dict[str, str] = {}
    for tool in request.tools or ():
        data = getattr(tool, "data", None)
        custom = data.get("custom") if isinstance(data, dict) else None
        if isinstance(custom, dict) and isinstance(custom.get("name"), str):
            names[custom["name"]] = "custom"
    functions = extra.get("functions")
    for function in functions if isinstance(functions, list) else ():
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            names[function["name"]] = "function_call"
    return names


# What a refusal calls a field -> what a caller of the legacy client calls it.
_FIELDS: tuple[tuple[str, str], ...] = (
    ("base_url", "openai_base_url"),
    ("organization", "openai_organization"),
    ("project", "openai_project"),
    ("api_key", "openai_api_key"),
    ("extra_headers", "extra_headers"),
)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the new path refuses into the legacy client's own error, with the field's name as its callers have it."""
    try:
        yield
    except InvalidRequestError as refused:
        text = str(refused)
        for ours, theirs in _FIELDS:
            if text.startswith(ours):
                text = f"Config.{theirs}{text.removeprefix(ours)}"
                break
        raise InvalidConfigError(text) from refused
