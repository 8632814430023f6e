"""What an answer means: its JSON, or the error that its status and body stand for. No I/O.

Not the reading of the bytes (`transport`). Rules as measured on openai 0.28.1, those that leak included: a body whose `error` is
a string is an AttributeError there, and here. One thing is kept back: the key of the request, where a server repeats it whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from shim.compat.openai_v0 import error, util
from shim.compat.openai_v0.openai_response import OpenAIResponse
from shim.wire.credentials import SHORTEST_ANYWHERE
from shim.wire.masking import MASK

_DATA = b"data:"
_DONE = b"[DONE]"

# Names: the class is the one that stands under it when it is raised, which tests replace, and a reload of the module.
_BY_STATUS = {401: "AuthenticationError", 403: "PermissionError", 409: "TryAgain", 429: "RateLimitError"}
_REFUSED_REQUEST = (400, 404, 415)


def payload_of(line: bytes) -> str | None:
    """What a line of an event stream brings; None for `[DONE]`, and for any line that is no data."""
    if not line or not line.startswith(_DATA):
        return None
    payload = line[len(_DATA) :]
    payload = payload.removeprefix(b" ")
    return None if payload.strip() == _DONE else payload.decode("utf-8")


def response_of(body: str, status: int, *, headers: Any, refuse: Callable[..., Any], stream: bool) -> OpenAIResponse:
    """The answer a body is, or one payload of a stream.

    Raises:
        OpenAIError: it is an error (`refuse` makes it), or cannot be read.
    """
    if status == 204:
        return OpenAIResponse(None, headers)
    if status == 503:
        words = "The server is overloaded or not ready yet."
        raise error.ServiceUnavailableError(words, body, status, headers=headers)
    try:
        data = body if "text/plain" in headers.get("Content-Type", "") else json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError) as unreadable:
        message = f"HTTP code {status} from API ({body})"
        raise error.APIError(message, body, status, headers=headers) from unreadable
    failed_in_stream = stream and "error" in data
    if failed_in_stream or not 200 <= status < 300:
        raise refuse(body, status, data, headers, stream_error=failed_in_stream)
    return OpenAIResponse(data, headers)


def refusal_of(body: Any, status: int, *, data: Any, headers: Any, stream_error: bool) -> error.OpenAIError:
    """The error that an error body stands for.

    Raises:
        APIError: it is no error body.
    """
    try:
        told = data["error"]
    except (KeyError, TypeError) as missing:
        message = f"Invalid response object from API: {body!r} (HTTP response code was {status})"
        raise error.APIError(message, body, status, data) from missing
    if "internal_message" in told:
        told["message"] += "\n\n" + told["internal_message"]
    util.log_info(
        "OpenAI API error received",
        error_code=told.get("code"),
        error_type=told.get("type"),
        error_message=told.get("message"),
        error_param=told.get("param"),
        stream_error=stream_error,
    )
    message = told.get("message")
    if status in _REFUSED_REQUEST:
        place = (told.get("param"), told.get("code"))
        return error.InvalidRequestError(message, *place, body, status, data, headers)
    if status in _BY_STATUS:
        refusal: error.OpenAIError = getattr(error, _BY_STATUS[status])(message, body, status, data, headers)
        return refusal
    if stream_error:
        words = " ".join(each for each in (message, "(Error occurred while streaming.)") if each is not None)
    else:
        words = f"{message} {body} {status} {data} {headers}"
    return error.APIError(words, body, status, data, headers)


def without_key(body: str, key: Any) -> str:
    """An error body without the key of its request, should a server repeat it."""
    return body.replace(key, MASK) if isinstance(key, str) and len(key) >= SHORTEST_ANYWHERE else body
