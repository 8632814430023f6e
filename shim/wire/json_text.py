"""JSON text: how bodies are written and read, and what is said when they cannot be.

Not what the bodies mean (`shim.wire.chat`, `shim.wire.responses`, `shim.wire.failure`).
RFC 8259; NaN and lone surrogates are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from shim.model import ErrorCategory, InvalidRequestError, ProviderError
from shim.wire.masking import masked_body

_read = msgspec.json.Decoder().decode


def merged(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `extra` over `body`; a value of UNSET takes the field away. Neither argument is changed."""
    if not extra:
        return body
    return {key: value for key, value in (body | dict(extra)).items() if value is not UNSET}


def encode_body(body: dict[str, Any]) -> bytes:
    """Write a JSON body as UTF-8.

    Raises:
        InvalidRequestError: JSON or UTF-8 cannot carry a value; the message names its top-level field.
    """
    try:
        return _encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        field = next((key for key, value in body.items() if not _encodes(value)), "body")
        raise InvalidRequestError(
            f"{field} holds a value JSON cannot carry ({error}); give strings, finite numbers, lists and dicts",
            field=field,
        ) from None


def decode_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object, leading white space allowed (a keep-alive some servers pad with).

    Raises:
        ProviderError: category protocol; the message tells what was found instead and where it broke.
    """
    try:
        value = _read(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = "an empty body" if not body.strip() else f"not JSON ({error})"
        raise ProviderError(ErrorCategory.PROTOCOL, f"the answer is {found}", body=masked_body(body)) from None
    if not isinstance(value, dict):
        raise ProviderError(
            ErrorCategory.PROTOCOL,
            f"the answer is a JSON {type(value).__name__}, not an object",
            body=masked_body(body),
        )
    return value


def _encode(value: object) -> bytes:
    # The standard library's encoder: msgspec's writes NaN as null, which would change a request silently.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_dict).encode()


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):  # a schema may be any mapping
        return dict(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _encodes(value: object) -> bool:
    try:
        _encode(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
