"""Stateless requests: a request that was moved to the Responses API, made to keep nothing on the server, as before.

Not the moving itself (`shim.wire.api_selection`), and not for who asks for the Responses API by name. Source: OpenAI API
reference, Responses, `store` and `include`; the guide to reasoning models, "encrypted reasoning items". Chat Completions keeps
nothing unless asked to; Responses keeps everything unless asked not to. Without what it kept, reasoning goes back encrypted only.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET
from msgspec.structs import replace

from shim.model import Message, ModelRequest, Part, Reasoning, ReasoningPart
from shim.model.plain import is_plain
from shim.wire.model_names import reasons

ENCRYPTED = "reasoning.encrypted_content"
"""What `include` names to get reasoning that can go back."""

# Who gives one of these builds on what the server keeps.
_STATEFUL = ("background", "conversation", "previous_response_id")


def without_state(request: ModelRequest) -> ModelRequest:
    """Ask the server to keep nothing, where the request says nothing of `store` nor builds on what was kept.

    Reasoning is then asked for encrypted where the model reasons, and reasoning that is not encrypted does not go back.
    """
    said = request.store is not UNSET or "store" in request.extra_body
    builds_on_it = request.previous_response_id not in (UNSET, None) or any(
        request.extra_body.get(name) for name in _STATEFUL
    )
    if said or builds_on_it:
        return request
    changed = replace(request, store=False, messages=tuple(_messages(request.messages)))
    if not _reasons(request) or "include" in request.extra_body:
        return changed
    included = request.include if request.include is not UNSET else None
    return replace(changed, include=tuple(dict.fromkeys((*(included or ()), ENCRYPTED))))


def _reasons(request: ModelRequest) -> bool:
    """Whether the model reasons: by its name, or by what the request or the conversation says."""
    if reasons(request.extra_body.get("model", request.model)):
        return True
    asked = isinstance(request.reasoning, Reasoning) and request.reasoning.effort not in (UNSET, None, "none")
    return asked or any(_is_encrypted(part) for each in request.messages if not is_plain(each) for part in each.parts)


def _messages(messages: object) -> Iterator[Message]:
    for message in messages if isinstance(messages, tuple) else ():
        if is_plain(message):
            yield message
            continue
        parts = tuple(part for part in message.parts if not _is_lost(part))
        if len(parts) == len(message.parts):
            yield message
        elif parts:
            yield replace(message, parts=parts)


def _is_lost(part: Part) -> bool:
    """Whether a part is reasoning of this API that only the server had whole."""
    return isinstance(part, ReasoningPart) and part.wire_field is None and part.encrypted_content is None


def _is_encrypted(part: Part) -> bool:
    return isinstance(part, ReasoningPart) and part.encrypted_content is not None
