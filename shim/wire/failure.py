"""Failures: an error status, its headers and its body as a `ProviderError` of the right category.

Not transport faults (each provider translates its own), streams cut short (the stream decoders) nor which word of a server's
means what (`failure_words`).
Shapes and codes: OpenAI's API reference, error codes; the other shapes are those of compatible servers, seen in recorded traffic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from shim.model import ErrorCategory, ModelResponse, ProviderError
from shim.wire.failure_words import BY_BASE_RESP, BY_VAGUE_WORD, BY_WORD, bare
from shim.wire.json_text import decode_object
from shim.wire.masking import mask_keys, masked_body
from shim.wire.retry_after import retry_after_ms, told_wait_ms

__all__ = ["error_in", "mask_keys", "masked_body", "parse_error", "says_anything"]

_TEXT_LIMIT = 500
_MESSAGE_LIMIT = 10_000
_FAILURE = re.compile("error|fail|invalid|denied|exception|unavailable|exceed|unauthorized|forbidden|notfound|abort")
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
        The error; it never raises. Its `retry_after_ms` is what `shim.wire.retry_after` reads; the headers of a success ask for
        no wait (Hugging Face sends `retry-after: 30` with every 200).
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
        retry_after_ms=(retry_after_ms(lowered, limited=status == 429) if status >= 400 else None) or told.wait_ms,
        body=masked_body(body),
        partial=partial,
    )


def error_in(answer: dict[str, Any], *, streamed: bool = False) -> bool:
    """Whether a JSON object answered under a status of success is an error.

    An `error` that says anything is; so is an object without an answer that has the shape of an error: a list of `errors`,
    `success: false`, a word or a status that says so, a `detail`, a message with a code that is no success.

    Args:
        answer: the object.
        streamed: it is a payload of a stream, where a message alone is no error: some tell their progress so.
    """
    error = answer.get("error")
    if error and says_anything(error):
        return True
    if answer.get("choices") or answer.get("output"):
        return False
    if any(answer.get(name) for name in _ONLY_IN_ERRORS) or answer.get("success") is False:
        return True
    if any(answer.get(name) in ("error", "fail") for name in ("object", "type", "status")) or _says_failed(answer):
        return True
    if not _first(answer, _WORDS):
        return False
    may_be_news = streamed or "choices" in answer or "output" in answer or _has_success_code(answer)
    return _has_failure_code(answer) or not may_be_news


class _Told(Struct, frozen=True):
    """What an error body says, as far as it could be read."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None
    wait_ms: int | None = None
    category: ErrorCategory | None = None  # where the code is of one server's own numbers


def _told(body: bytes) -> _Told:
    try:
        # Gemini wraps the object in a list of one.
        answer = decode_object(body.strip().removeprefix(b"[").removesuffix(b"]"))
    except ProviderError:
        return _Told()
    if _says_failed(answer):
        told = _from_object(answer["base_resp"], answer)
        return structs.replace(told, category=BY_BASE_RESP.get(answer["base_resp"]["status_code"]))
    error = answer.get("error") or answer.get("fault") or _object(answer.get("detail")) or _listed(answer.get("errors"))
    if isinstance(error, list):
        error = _listed(error)
    if isinstance(error, dict):
        inner = error.get("error")  # a gateway's wrapping of the server's own, FastAPI's of what its application says
        return _from_object(inner if isinstance(inner, dict) and not _message_in(error) else error, answer)
    if isinstance(error, str) and error:  # xAI: {"code": "…", "error": "…"}; Ollama: {"error": "…"}
        return _from_object({**answer, "message": error}, answer)
    return _from_object(
        answer, answer
    )  # Mistral: {"detail": …} or {"object": "error", "message": …}; FastAPI: a list of faults


def _from_object(error: dict[str, Any], answer: dict[str, Any]) -> _Told:
    message = _message_in(error) or _message_in(answer)
    code = _first(error, _CODES)
    return _Told(
        message=_as_text(message),
        code=None if code is None or isinstance(code, bool) else _as_text(code),
        type=_as_text(_first(error, ("type", *_ERROR_TYPES))) or None,
        param=_as_text(error.get("param")) or None,
        status=next((_status(value) for value in (code, *_values(error, _STATUSES)) if _status(value)), None),
        wait_ms=told_wait_ms(error),
    )


# Fields that say that something failed, whatever is in them: FastAPI and RFC 9457, Cloudflare, Apigee.
_ONLY_IN_ERRORS = ("detail", "errors", "fault")
# Where servers put their words, in the order of trust; OAuth, AWS, MiniMax, Baidu, RFC 9457 and gateways among them.
_ERROR_WORDS = ("error_message", "error_msg", "errorMessage", "errorMsg", "errMsg", "error_description")
_WORDS = ("message", "faultstring", "detail", "msg", "Message", *_ERROR_WORDS, "status_msg")
_MESSAGES = (*_WORDS, "reason", "title", "description")  # only the first say by themselves that an object is an error
# Where they put what tells one error from another; and of these what may be an HTTP status.
_CODES = ("code", "error_code", "errorCode", "status_code", "statusCode", "http_code")
_ERROR_TYPES = ("error_type", "__type")
_STATUSES = (*_CODES, "status", "originalStatusCode")
_SUCCESS = frozenset({"0", "ok", "success", "succeeded"})


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


def says_anything(error: Any) -> bool:
    """Whether an error is one: some gateways send the object with every answer, all its fields empty."""
    return any(error.values()) if isinstance(error, dict) else bool(error)


def _has_failure_code(answer: dict[str, Any]) -> bool:
    """Whether an object has a code, or a type of error, that is no success."""
    codes = [value for value in _values(answer, _CODES) if not _is_success(value) and _may_be_failure(value)]
    statuses = [value for value in _values(answer, _STATUSES) if (_status(value) or 0) >= 400]
    return bool(codes or statuses or _first(answer, (*_ERROR_TYPES, *_ERROR_WORDS)))


def _may_be_failure(code: Any) -> bool:
    """Whether a code is a number, or a word of failure: a stream may tell of its steps by a code, too."""
    if isinstance(code, int) or code.isdigit():
        return True
    word = bare(code)
    return word in BY_WORD or word in BY_VAGUE_WORD or _FAILURE.search(word) is not None


def _has_success_code(answer: dict[str, Any]) -> bool:
    return any(_is_success(value) for value in _values(answer, _CODES))


def _is_success(code: Any) -> bool:
    return str(code).lower() in _SUCCESS or 200 <= (_status(code) or 0) < 300


def _values(fields: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    """What stands under these names and is a text or a number; "" says nothing."""
    found = (fields.get(name) for name in names)
    return [value for value in found if isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""]


def _status(code: Any) -> int | None:
    """Read a code as the HTTP status it may be."""
    if isinstance(code, str) and _STATUS.fullmatch(code):
        return int(code)
    return code if isinstance(code, int) and 100 <= code <= 599 else None


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _as_text(value: Any) -> str:
    if isinstance(value, list):  # FastAPI: [{"loc": [...], "msg": "…"}]
        return "; ".join(_plain(item.get("msg") or item) if isinstance(item, dict) else _plain(item) for item in value)
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


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
_TOO_LARGE = 413
_BAD_KEY = re.compile(r"api[ _-]?key", re.IGNORECASE)
_BAD_KEY_STATUSES = frozenset({400, 401, 403})
# MiniMax, Moonshot, Zhipu and Anthropic say in no other way, or not always, that an account is empty.
_NO_CREDIT = re.compile("insufficient (?:account )?balance|credit balance is too low|余额不足", re.IGNORECASE)


def _category(status: int, told: _Told) -> ErrorCategory:
    if told.category is not None:
        return told.category
    told_status = told.status if status < 400 and told.status is not None else status
    category = _first_known(told, BY_WORD)
    if category is ErrorCategory.RATE_LIMIT and told_status == _TOO_LARGE:
        return ErrorCategory.INVALID_REQUEST  # Groq: larger than the limit itself, so that no waiting helps
    if category is not None:
        return category
    if told_status in _BAD_KEY_STATUSES and _says_bad_key(told.message):
        return ErrorCategory.AUTH
    if _NO_CREDIT.search(told.message):
        return ErrorCategory.QUOTA
    return _by_status(told_status) or _first_known(told, BY_VAGUE_WORD) or ErrorCategory.UNKNOWN


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


def _first_known(told: _Told, words: Mapping[str, ErrorCategory]) -> ErrorCategory | None:
    """The category of the code, or else of the type, in one of the tables of words."""
    said = (bare(word) for word in (told.code, told.type) if word is not None)
    return next((words[word] for word in said if word in words), None)


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
