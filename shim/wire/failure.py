"""Failures: an error status, its headers and its body as a `ProviderError` of the right category.

Not transport faults (each provider translates its own) nor streams cut short (the stream decoders).
Shapes and codes: OpenAI's API reference, error codes; the other shapes are those of compatible servers, seen in recorded traffic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import msgspec
from msgspec import Struct

from shim.model import ErrorCategory, ModelResponse, ProviderError
from shim.wire.json_text import decode_object
from shim.wire.masking import mask_keys, masked_body
from shim.wire.retry_after import retry_after_ms

__all__ = ["error_in", "mask_keys", "masked_body", "parse_error"]

_TEXT_LIMIT = 500
_MESSAGE_LIMIT = 10_000
_STATUS = re.compile(r"[1-5][0-9]{2}")


def parse_error(
    status: int, headers: Mapping[str, str], body: bytes, *, partial: ModelResponse | None = None
) -> ProviderError:
    """Read an error answer.

    Args:
        status: the HTTP status; 200 for an error object inside a successful answer or stream.
        headers: of the response, in any case.
        body: as received; any bytes.
        partial: what had arrived of the response before the error.

    Returns:
        The error; it never raises. Its `retry_after_ms` is what `shim.wire.retry_after` reads; a success asks for no wait,
        whatever its headers say (Hugging Face sends `retry-after: 30` with every 200).
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    told = _told(body)
    return ProviderError(
        _category(status, told),
        _clean(told.message) or _fallback_message(status, body, location=lowered.get("location", "")),
        http_status=status,
        code=_clean(told.code),
        type=_clean(told.type),
        param=_clean(told.param),
        request_id=lowered.get("x-request-id") or lowered.get("request-id") or lowered.get("apim-request-id"),
        retry_after_ms=retry_after_ms(lowered, limited=status == 429) if status >= 400 else None,
        body=masked_body(body),
        partial=partial,
    )


def error_in(answer: dict[str, Any], *, streamed: bool = False) -> bool:
    """Whether a JSON object answered under a status of success is an error.

    A truthy `error` is; so is an object without an answer that has the shape of an error: a list of `errors`, `success: false`,
    a word or a status that says so, a `detail`, a code that is no success.

    Args:
        answer: the object.
        streamed: it is a payload of a stream, where a message alone is no error.
    """
    if answer.get("error"):
        return True
    if answer.get("choices") or answer.get("output"):
        return False
    if any(answer.get(name) for name in _ONLY_IN_ERRORS) or answer.get("success") is False:
        return True
    if any(answer.get(name) in ("error", "fail") for name in ("object", "type", "status")) or _says_failed(answer):
        return True
    return not streamed and not ("choices" in answer or "output" in answer) and bool(_first(answer, _MESSAGES[:_PLAIN]))


class _Told(Struct, frozen=True):
    """What an error body says, as far as it could be read."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None


def _told(body: bytes) -> _Told:
    try:
        # Gemini wraps the object in a list of one.
        answer = decode_object(body.strip().removeprefix(b"[").removesuffix(b"]"))
    except ProviderError:
        return _Told()
    error = answer.get("error") or answer.get("fault") or answer.get("base_resp") or _listed(answer.get("errors"))
    if isinstance(error, list):
        error = _listed(error)
    if isinstance(error, dict):
        inner = error.get("error")  # a gateway's wrapping of the server's own
        return _from_object(inner if isinstance(inner, dict) and not _message_in(error) else error, answer)
    if isinstance(error, str) and error:  # xAI: {"code": "…", "error": "…"}; Ollama: {"error": "…"}
        return _from_object({**answer, "message": error}, answer)
    return _from_object(
        answer, answer
    )  # Mistral: {"detail": …} or {"object": "error", "message": …}; FastAPI: a list of faults


def _from_object(error: dict[str, Any], answer: dict[str, Any]) -> _Told:
    message = _message_in(error) or _message_in(answer)
    code, status = _first(error, ("code", "error_code", "status_code")), error.get("status_code")
    numeric = code if isinstance(code, int) else int(code) if _is_status(code) else status
    return _Told(
        message=_as_text(message),
        code=None if code is None or isinstance(code, bool) else _as_text(code),
        type=_as_text(error.get("type")) or None,
        param=_as_text(error.get("param")) or None,
        status=numeric if isinstance(numeric, int) and 100 <= numeric <= 599 else None,
    )


# Fields that say that something failed, whatever is in them: FastAPI and RFC 9457, Cloudflare, Apigee.
_ONLY_IN_ERRORS = ("detail", "errors", "fault")
# Where servers put their words, in the order of trust; OAuth, AWS, MiniMax, Baidu, RFC 9457 and gateways among them.
_MESSAGES = (
    *(
        "message",
        "faultstring",
        "detail",
        "msg",
        "Message",
        "error_message",
        "error_msg",
        "errorMessage",
        "error_description",
        "status_msg",
    ),
    *("reason", "title", "description"),
)


_PLAIN = 10  # of these names the first so many say by themselves that an object is an error; a title may be of anything


def _message_in(fields: dict[str, Any]) -> Any:
    return _first(fields, _MESSAGES)


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name)), None)


def _listed(errors: Any) -> dict[str, Any] | str | None:
    """Read Cloudflare's list of errors, a list of words, or an object of them by field, as one: the first has the code."""
    if isinstance(errors, dict):
        errors = [f"{name}: {_as_text(fault)}" for name, fault in errors.items()]
    if not isinstance(errors, list) or not errors:
        return errors if isinstance(errors, str) else None
    words = "; ".join(
        _as_text(_message_in(each) or each) if isinstance(each, dict) else _plain(each) for each in errors
    )
    first = errors[0] if isinstance(errors[0], dict) else {}
    return first | {"message": words}


def _says_failed(answer: dict[str, Any]) -> bool:
    """Whether MiniMax's `base_resp`, in an answer without choices, has a code that is not 0."""
    base = answer.get("base_resp")
    return isinstance(base, dict) and base.get("status_code") not in (None, 0)


def _is_status(code: Any) -> TypeGuard[str]:
    return isinstance(code, str) and _STATUS.fullmatch(code) is not None


def _as_text(value: Any) -> str:
    if isinstance(value, list):  # FastAPI: [{"loc": [...], "msg": "…"}]
        return "; ".join(_plain(item.get("msg") or item) if isinstance(item, dict) else _plain(item) for item in value)
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


# Word in `code` or `type` -> category. The first that is found decides, code before type, before the status does.
_BY_WORD: dict[str, ErrorCategory] = {
    "invalid_api_key": ErrorCategory.AUTH,
    "incorrect_api_key": ErrorCategory.AUTH,
    "invalid_authentication": ErrorCategory.AUTH,
    "authentication_error": ErrorCategory.AUTH,
    "account_deactivated": ErrorCategory.AUTH,
    "permission_denied": ErrorCategory.PERMISSION,
    "permission_error": ErrorCategory.PERMISSION,
    "insufficient_permissions": ErrorCategory.PERMISSION,
    "unsupported_country_region_territory": ErrorCategory.PERMISSION,
    "insufficient_quota": ErrorCategory.QUOTA,
    "billing_hard_limit_reached": ErrorCategory.QUOTA,
    "billing_not_active": ErrorCategory.QUOTA,
    "insufficient_balance": ErrorCategory.QUOTA,
    "rate_limit_exceeded": ErrorCategory.RATE_LIMIT,
    "rate_limit_error": ErrorCategory.RATE_LIMIT,
    "requests": ErrorCategory.RATE_LIMIT,
    "tokens": ErrorCategory.RATE_LIMIT,
    "slow_down": ErrorCategory.RATE_LIMIT,
    "model_not_found": ErrorCategory.NOT_FOUND,
    "DeploymentNotFound": ErrorCategory.NOT_FOUND,
    "not_found_error": ErrorCategory.NOT_FOUND,
    "not_found": ErrorCategory.NOT_FOUND,
    "content_filter": ErrorCategory.CONTENT_FILTER,
    "content_policy_violation": ErrorCategory.CONTENT_FILTER,
    "moderation_blocked": ErrorCategory.CONTENT_FILTER,
    "server_error": ErrorCategory.SERVER,
    "internal_error": ErrorCategory.SERVER,
    "internal_server_error": ErrorCategory.SERVER,
    "overloaded_error": ErrorCategory.SERVER,
    "service_unavailable": ErrorCategory.SERVER,
    "engine_overloaded": ErrorCategory.SERVER,
    "timeout": ErrorCategory.TIMEOUT,
    "request_timeout": ErrorCategory.TIMEOUT,
}
# Words that say little more than the status does: they decide only where the status says nothing (an error under 200).
_BY_VAGUE_WORD: dict[str, ErrorCategory] = {
    "invalid_request_error": ErrorCategory.INVALID_REQUEST,
    "BadRequestError": ErrorCategory.INVALID_REQUEST,
    "bad_request": ErrorCategory.INVALID_REQUEST,
    "api_error": ErrorCategory.SERVER,
    "context_length_exceeded": ErrorCategory.INVALID_REQUEST,
    "invalid_value": ErrorCategory.INVALID_REQUEST,
    "tool_use_failed": ErrorCategory.INVALID_REQUEST,  # Groq, in a stream
}
_BY_STATUS: dict[int, ErrorCategory] = {
    401: ErrorCategory.AUTH,
    402: ErrorCategory.QUOTA,
    403: ErrorCategory.PERMISSION,
    404: ErrorCategory.NOT_FOUND,
    408: ErrorCategory.TIMEOUT,
    409: ErrorCategory.UNKNOWN,  # a conflict is none of the categories; the error is retryable by its status
    429: ErrorCategory.RATE_LIMIT,
    504: ErrorCategory.TIMEOUT,
}
_BAD_KEY = re.compile(r"api[ _-]?key", re.IGNORECASE)
_BAD_KEY_STATUSES = frozenset({400, 401, 403})


def _category(status: int, told: _Told) -> ErrorCategory:
    told_status = told.status if status < 400 and told.status is not None else status
    for word in _words(told):
        if word in _BY_WORD:
            return _BY_WORD[word]
    if told_status in _BAD_KEY_STATUSES and _says_bad_key(told.message):
        return ErrorCategory.AUTH
    return _by_status(told_status) or _by_vague_word(told) or ErrorCategory.UNKNOWN


def _says_bad_key(message: str) -> bool:
    """XAI and Gemini answer a wrong key with 400; their message is all that tells."""
    return bool(_BAD_KEY.search(message)) and bool(
        re.search(r"incorrect|invalid|not valid|missing|provide", message, re.IGNORECASE)
    )


def _by_status(status: int) -> ErrorCategory | None:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return ErrorCategory.SERVER
    return ErrorCategory.INVALID_REQUEST if status >= 400 else None


def _by_vague_word(told: _Told) -> ErrorCategory | None:
    return next((_BY_VAGUE_WORD[word] for word in _words(told) if word in _BY_VAGUE_WORD), None)


def _words(told: _Told) -> Iterator[str]:
    yield from (word for word in (told.code, told.type) if word is not None)


def _fallback_message(status: int, body: bytes, *, location: str) -> str:
    if 300 <= status < 400 and location:
        target = mask_keys(location.partition("?")[0])[:_TEXT_LIMIT]
        return f"the server answered {status}, a redirect to {target}, which is not followed; set base_url to the new address"
    text = masked_body(body).decode("utf-8", "replace").strip()
    if not text:
        return f"the server answered {status} with an empty body"
    return f"the server answered {status}: {_shortened(text, _TEXT_LIMIT)}"


def _clean(text: str | None) -> str | None:
    """Mask keys in what the server said and bound its length; None stays None."""
    return None if text is None else _shortened(mask_keys(text), _MESSAGE_LIMIT)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
