"""What came of a call, told as plain JSON, so that two libraries can be compared: objects, exceptions, streams, requests.

Not the comparing (`bench.parity_v0`, `test_parity`). Runs in the old library's environment too: nothing but the standard library.
"""

from __future__ import annotations

import email.parser
import email.policy
import inspect
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

# Of what a transport says of itself and of the machine it runs on, nothing is compared.
_UNCOMPARED_HEADERS = {"host", "content-length", "accept-encoding", "connection", "x-openai-client-user-agent"}
_ERROR_ATTRIBUTES = (
    "user_message",
    "http_body",
    "http_status",
    "json_body",
    "code",
    "param",
    "request_id",
    "organization",
    "should_retry",
)
_CAUGHT_BY = (
    "OpenAIError",
    "APIError",
    "APIConnectionError",
    "Timeout",
    "InvalidRequestError",
    "TryAgain",
    "RateLimitError",
)
_CAUGHT_BY_REQUESTS = ("RequestException", "ConnectionError", "ChunkedEncodingError")
_ADDRESS = re.compile(r"0x[0-9a-f]+|127\.0\.0\.1:\d+|port=\d+")


def outcome(act: Callable[[], Any], openai: Any) -> dict[str, Any]:
    """What a call gave or raised."""
    try:
        return {"gave": of_value(act(), openai)}
    except Exception as raised:  # noqa: BLE001 - whatever it is, it is what is told
        return {"raised": of_exception(raised, openai)}


def of_value(value: Any, openai: Any) -> Any:
    """A value as JSON; objects with all that can be asked of them."""
    if isinstance(value, openai.openai_object.OpenAIObject):
        return of_object(value)
    if isinstance(value, dict):
        return {str(name): of_value(each, openai) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [of_value(each, openai) for each in value]
    if isinstance(value, bytes):
        return {"bytes": value.decode("utf-8", "replace")}
    if isinstance(value, BaseException):
        return of_exception(value, openai)
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return {"generator": type(value).__name__}
    if isinstance(value, str):
        return _ADDRESS.sub("ADDRESS", value)
    return value if isinstance(value, int | float | bool | None) else {"of type": type(value).__name__}


def of_object(value: Any) -> dict[str, Any]:
    """An object: its class, its text, its items, and what it knows beside them."""
    return {
        "class": f"{type(value).__module__}.{type(value).__name__}",
        "text": str(value),
        "repr": _ADDRESS.sub("ADDRESS", repr(value)),
        "below": {name: type(each).__name__ for name, each in value.items()},
        "plain": value.to_dict_recursive(),
        "response_ms": value.response_ms,
        "organization": value.organization,
        "engine": value.engine,
        "api_key": value.api_key,
        "api_version": value.api_version,
        "api_type": value.api_type,
    }


def of_exception(raised: BaseException, openai: Any) -> dict[str, Any]:
    """An exception: its class, who would catch it, its text and its attributes."""
    import requests

    told: dict[str, Any] = {"class": type(raised).__name__, "text": _text_of(raised)}
    told["caught by"] = [name for name in _CAUGHT_BY if isinstance(raised, getattr(openai.error, name))]
    told["caught by"] += [
        name for name in _CAUGHT_BY_REQUESTS if isinstance(raised, getattr(requests.exceptions, name))
    ]
    told["caught by"] += [kind.__name__ for kind in (TimeoutError, TypeError, ValueError) if isinstance(raised, kind)]
    if isinstance(raised, openai.error.OpenAIError):
        told |= {name: of_value(getattr(raised, name), openai) for name in _ERROR_ATTRIBUTES if hasattr(raised, name)}
        told["error"] = of_value(raised.error, openai)
        told["retry-after"] = raised.headers.get("Retry-After")
    return told


def _text_of(raised: BaseException) -> str:
    try:
        return _ADDRESS.sub("ADDRESS", str(raised))
    except TypeError as unreadable:
        return f"TypeError: {unreadable}"


def of_request(method: str, target: str, headers: list[list[str]], body: bytes) -> dict[str, Any]:
    """A request as it was sent: what a server can tell two clients apart by, apart from what every transport does its own way."""
    parts = urlsplit(target)
    kept = {name.lower(): value for name, value in headers if name.lower() not in _UNCOMPARED_HEADERS}
    told = {"method": method, "path": parts.path, "query": parts.query, "headers": kept}
    content_type = kept.get("content-type", "")
    if content_type.startswith("multipart/"):
        kept["content-type"] = content_type.partition(";")[0]
        told["form"] = _form(content_type, body)
    else:
        told["body"] = _json_or_text(body)
    return told


def _form(content_type: str, body: bytes) -> list[Any]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    return [
        [part.get("content-disposition"), part.get("content-type"), _content_of(part)] for part in message.iter_parts()
    ]


def _content_of(part: Any) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)


def _json_or_text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
