"""The names under which credentials travel: of headers and of fields of a body; and values shown without them.

Not their looks, nor where they stand in bytes (`shim.wire.credentials`), which builds on this table: a request and its parts
must not show a key in their repr, and know only the names. Names: RFC 9110 11.6 (Authorization), RFC 6265 (cookies), RFC 6749
and 7521 (OAuth), Azure (api-key, Ocp-Apim-Subscription-Key), and what gateways make of these (X-Auth-Token and the like).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

SHOWN_INSTEAD: Final = "[masked key]"
"""Stands for a credential wherever a text or a repr is kept or shown."""

# An idempotency key or a cache key is none: what is a key must say of what.
_KEY = (
    r"(?:api|access|account|auth|client|encryption|functions|license|master|private|secret|service|shared|signing|subscription)"
    r"[-_]?key"
)
_HEADER = re.compile(
    rf"(?i)(?:^|[-_])(?:{_KEY}|token|secret|passw(?:or)?d|passphrase|pwd|credentials?|jwt|assertion|auth(?:orization)?|(?:set-)?cookie2?)$"
)
# `token` alone is no name of a field: log probabilities have one for each word.
FIELD: Final = (
    rf"[A-Za-z0-9_.\-]{{0,40}}?(?:{_KEY}|(?:access|auth|bearer|csrf|id|oauth|refresh|sas|secret|security|session|xsrf)[-_]?token|secret"
    r"|passw(?:or)?d|passphrase|pwd|authorization|bearer|credentials?|connection[-_]?string|client[-_]?assertion|(?:set-)?cookie|jwt)"
)
"""A pattern of the whole name of a field that holds a credential, in any letters."""
_IS_FIELD = re.compile(f"(?i){FIELD}")

_DEEPEST: Final = 100  # of lists and mappings that are looked through; deeper ones are not shown


def is_secret_header(name: str) -> bool:
    """Whether a header of this name carries a credential."""
    return _HEADER.search(name) is not None


def is_secret_field(name: str) -> bool:
    """Whether a field of this name, in JSON or a form, holds a credential."""
    return _IS_FIELD.fullmatch(name) is not None


def shown_headers(headers: Any) -> Any:
    """Headers as a repr shows them; what is no mapping is refused elsewhere, and shown by its type."""
    if not isinstance(headers, Mapping):
        return f"<{type(headers).__name__}>"
    return {name: SHOWN_INSTEAD if value and is_secret_header(str(name)) else value for name, value in headers.items()}


def shown_fields(value: Any, *, depth: int = 0) -> Any:
    """A value of JSON as a repr shows it: the same, with each text under a credential's name covered; headers too."""
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {name: _shown_field(str(name), each, depth=depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([shown_fields(each, depth=depth + 1) for each in value]) if type(value) in _PLAIN else value
    return value


_PLAIN: Final = (list, tuple)  # a named tuple is made otherwise, and shows itself


def _shown_field(name: str, value: Any, *, depth: int) -> Any:
    if isinstance(value, str | bytes) and value and (is_secret_field(name) or is_secret_header(name)):
        return SHOWN_INSTEAD
    return shown_fields(value, depth=depth)
