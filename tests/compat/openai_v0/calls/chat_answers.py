"""Chat calls, for what comes of them: every status, every form of a stream, every fault.

Not what is answered (`replies`). Runs in the old library's environment too: nothing but the standard library and `requests`.
"""

from __future__ import annotations

from typing import Any

from tests.compat.openai_v0.calls.scripts import (
    CALLS,
    achat,
    astreamed,
    call,
    chat,
    streamed,
)

REPLIES = (
    "no_content text_plain text_plain_500 html html_502 empty empty_500 no_error_400 list_400 error_text error_null "
    "error_internal error_no_message error_headers error_in_200 cut redirect empty_strings "
    "status_400 status_401 status_402 status_403 status_404 status_408 status_413 status_415 status_422 status_429 "
    "status_500 status_502 status_503 status_504"
)
for _reply in REPLIES.split():
    CALLS[_reply] = chat
    CALLS[f"{_reply}@async"] = achat
    CALLS[f"{_reply}@completion"] = lambda openai: openai.Completion.create(model="m", prompt="p")

STREAMS = (
    "stream stream_resplit stream_crlf stream_no_space stream_noise stream_no_done stream_after_done stream_multi_line "
    "stream_bad_json stream_error stream_error_null stream_empty stream_cut stream_json stream_usage stream_status_429 "
    "stream_status_503 text_plain html no_content"
)
for _reply in STREAMS.split():
    CALLS[f"{_reply}@streamed"] = streamed
    CALLS[f"{_reply}@astreamed"] = astreamed

CALLS["stream@asked whole"] = chat
CALLS["silent@timeout"] = lambda openai: chat(openai, request_timeout=0.3)
CALLS["silent@async timeout"] = lambda openai: achat(openai, request_timeout=0.3)
CALLS["silent@stream timeout"] = lambda openai: streamed(openai, request_timeout=0.3)
CALLS["silent@completion timeout"] = lambda openai: openai.Completion.create(model="m", prompt="p", request_timeout=0.3)
CALLS["stream_stall@streamed"] = lambda openai: streamed(openai, request_timeout=0.4)
CALLS["stream_stall@astreamed"] = lambda openai: astreamed(openai, request_timeout=0.4)
CALLS["status_409@timeout"] = lambda openai: chat(openai, timeout=-1)
CALLS["status_409@async timeout"] = lambda openai: achat(openai, timeout=-1)


@call("chat@refused connection")
def _(openai: Any) -> Any:
    openai.api_base = "http://127.0.0.1:9/v1"
    try:
        chat(openai)
    except openai.error.APIConnectionError as raised:
        return [type(raised).__name__, str(raised)[:31], raised.should_retry]


@call("chat@module constant")
def _(openai: Any) -> Any:
    openai.api_base = openai.api_base.replace("/s/chat", "/s/silent")
    before = openai.api_requestor.TIMEOUT_SECS
    openai.api_requestor.TIMEOUT_SECS = 0.3
    try:
        return chat(openai)
    finally:
        openai.api_requestor.TIMEOUT_SECS = before


@call("stream@generator")
def _(openai: Any) -> Any:
    chunks = chat(openai, stream=True)
    first = next(chunks)
    chunks.close()
    return [type(chunks).__name__, hasattr(chunks, "__enter__"), first, list(chunks)]
