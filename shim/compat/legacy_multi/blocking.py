"""`chat_create` over any provider: one request, waited for.

Not for many requests at once or for an event loop: that is `client`, which does the work here too. The message is put together by
the legacy client's own functions (`legacy_openai.blocking`).
"""

from __future__ import annotations

import json
import selectors
from collections.abc import Callable

from legacy_openai import CompletionType, Config, Conversation, HttpCompletion, LegacyOpenAIError, Message
from legacy_openai.blocking import _choice_of, _joined, _message_of  # the frozen client's, where it has no public name
from shim.compat.legacy_multi.client import MultiClient

MakeClient = Callable[[], MultiClient]


def create_message(
    make_client: MakeClient, cfg: Config, *, conv: Conversation, stream_cb: Callable[[bytes], object] | None
) -> Message:
    """Send the conversation, wait, and return the assistant's message; as `legacy_openai.chat_create`.

    Raises:
        LegacyOpenAIError: anything but a complete answer; `completion` on it says what happened.
        ValueError: bad input, as `MultiClient.add_request` names it.
    """
    payloads: list[bytes] = []

    def collect(payload: bytes) -> None:
        payloads.append(payload)
        if stream_cb is not None:
            stream_cb(payload)

    completion = _wait_for(make_client, cfg, conv=conv, stream_cb=None if stream_cb is None else collect)
    if completion.type is not CompletionType.SUCCESS:
        raise LegacyOpenAIError(completion.error_message, completion) from completion.exception
    try:
        if stream_cb is None or completion.body:
            return _message_of(_choice_of(json.loads(completion.body)).get("message"))
        return _joined(payloads)
    except (ValueError, TypeError, RecursionError) as error:
        raise LegacyOpenAIError(f"the answer is not a chat completion: {error}", completion) from error


def _wait_for(
    make_client: MakeClient, cfg: Config, *, conv: Conversation, stream_cb: Callable[[bytes], object] | None
) -> HttpCompletion:
    completions: list[HttpCompletion] = []
    with make_client() as client, selectors.DefaultSelector() as selector:
        client.add_request(cfg, conv, stream_cb, completions.append)
        selector.register(client, selectors.EVENT_READ)
        while not completions:
            milliseconds = client.timeout()
            selector.select(None if milliseconds < 0 else milliseconds / 1000)
            client.perform()
            client.info_read()
    return completions[0]
