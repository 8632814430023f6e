"""Masking: an API key, known or by its looks, is taken out of text that is kept.

Not the header allow-list of recordings (`shim.comparison`). Looks: the key prefixes of OpenAI, Groq, xAI and Perplexity,
and bearer tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from shim.model import ProviderError

MASK = "[masked key]"
# An API key may be echoed in an error's text; what looks like one is masked wherever text is kept.
_KEY = re.compile(r"\b(?:sk|gsk|xai|pplx)[-_][A-Za-z0-9_\-*]{6,}|\bBearer\s+[^\s\"']{8,}", re.IGNORECASE)
_BODY_LIMIT = 64 * 1024  # an error body kept for diagnosis, not a download


def mask_keys(text: str) -> str:
    """Mask what looks like an API key."""
    return _KEY.sub(MASK, text)


def masked_body(body: bytes) -> bytes:
    """Bound an error body kept for diagnosis, and mask what looks like an API key."""
    body = body[:_BODY_LIMIT]
    text = body.decode("utf-8", "replace")
    masked = mask_keys(text)
    return body if masked == text else masked.encode()[:_BODY_LIMIT]


# Local servers take any key, and people give "test" or "x": one so short is masked as a word only, not inside others.
SHORTEST_ANYWHERE: Final = 8


# Headers that carry a credential: after its scheme, or alone.
SCHEMED_HEADERS: Final = frozenset({"authorization", "proxy-authorization"})
KEY_HEADERS: Final = frozenset({"api-key", "x-api-key", "x-goog-api-key"})


def credentials_in(headers: object) -> Iterator[str]:
    """The credentials among a request's own headers; what is no mapping of strings has none, and is refused elsewhere."""
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        if isinstance(name, str) and isinstance(value, str):
            lowered = name.lower()
            words = (
                value.split()[-1:] if lowered in SCHEMED_HEADERS else [value.strip()] if lowered in KEY_HEADERS else []
            )
            yield from filter(None, words)


class Secret:
    """The keys of a request, and how to keep them out of what a server or a library says."""

    __slots__ = ("_pattern",)

    def __init__(self, *keys: str) -> None:
        longest_first = sorted(set(keys), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_anywhere_or_alone, longest_first)))

    def __repr__(self) -> str:
        return "Secret(…)"

    def masked(self, text: str) -> str:
        """Mask this key, and what looks like one."""
        return mask_keys(self._pattern.sub(MASK, text))

    def masked_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Response headers with lower-case names, this key masked in their values."""
        return {name.lower(): self._pattern.sub(MASK, value) for name, value in headers.items()}

    def mask_error(self, error: ProviderError) -> None:
        """Mask this key in everything an error shows, and in the unmodelled fields of what had arrived."""
        error.message = self.masked(error.message)
        error.args = (error.message,)
        for field in ("code", "type", "param", "request_id"):
            value = getattr(error, field)
            if value is not None:
                setattr(error, field, self.masked(value))
        if error.body is not None:
            error.body = self._masked_bytes(error.body)
        if error.partial is not None and error.partial.extra:
            extra = msgspec.json.decode(self._masked_bytes(msgspec.json.encode(error.partial.extra)))
            error.partial = replace(error.partial, extra=extra)

    def _masked_bytes(self, body: bytes) -> bytes:
        text = body.decode("utf-8", "replace")
        masked = self._pattern.sub(MASK, text)
        return body if masked == text else masked.encode()


def _anywhere_or_alone(key: str) -> str:
    quoted = re.escape(key)
    return quoted if len(key) >= SHORTEST_ANYWHERE else rf"(?<!\w){quoted}(?!\w)"
