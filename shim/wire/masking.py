"""Masking: a credential, known or by its name and looks, is taken out of text that is shown or kept.

Not what is a credential (`credentials`), not the masking of recordings, which keeps lengths (`shim.recording.redaction`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from shim.model import ProviderError
from shim.model.credential_names import SHOWN_INSTEAD, is_secret_header
from shim.wire.credentials import (
    SHORTEST_ANYWHERE,
    credential_spans,
    merged,
    secrets_in_headers,
    spellings,
)

MASK: Final = SHOWN_INSTEAD
_BODY_LIMIT = 64 * 1024  # an error body kept for diagnosis, not a download


def mask_keys(text: str) -> str:
    """Mask what is a credential by its looks, or by the name of the field or parameter before it."""
    data = text.encode("utf-8", "surrogatepass")
    masked = _mask(data)
    return text if masked is data else masked.decode("utf-8", "surrogatepass")


def _mask(data: bytes) -> bytes:
    """The same object where there is nothing to mask."""
    spans = credential_spans(data)
    if not spans:
        return data
    pieces, at = [], 0
    for start, end in merged(spans):
        pieces += [data[at:start], MASK.encode()]
        at = end
    return b"".join(pieces) + data[at:]


def masked_body(body: bytes) -> bytes:
    """Bound an error body kept for diagnosis, and mask what is a credential in it."""
    return _mask(body[:_BODY_LIMIT])[:_BODY_LIMIT]


def credentials_in(headers: object) -> Iterator[str]:
    """The credentials among a request's own headers; what is no mapping of strings has none, and is refused elsewhere."""
    if isinstance(headers, Mapping):
        yield from secrets_in_headers(
            (name, value) for name, value in headers.items() if isinstance(name, str) and isinstance(value, str)
        )


class CredentialFilter(logging.Filter):
    """Masks credentials in the lines of a logger that the application gives it to; nothing of ours does that by itself.

    urllib3 logs the path of every request at DEBUG, a key in its query too:
    `logging.getLogger("urllib3.connectionpool").addFilter(CredentialFilter())`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the line through, masked."""
        said = record.getMessage()
        masked = mask_keys(said)
        if masked != said:
            record.msg, record.args = masked, None
        return True


class Secret:
    """The keys of a request, and how to keep them out of what a server or a library says, however it spells them."""

    __slots__ = ("_pattern",)

    def __init__(self, *keys: str) -> None:
        spelled = {each for key in keys for each in (spellings(key) if len(key) >= SHORTEST_ANYWHERE else (key,))}
        longest_first = sorted(spelled, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_anywhere_or_alone, longest_first)))

    def __repr__(self) -> str:
        return "Secret(…)"

    def masked(self, text: str) -> str:
        """Mask this key, and what looks like one."""
        return mask_keys(self._pattern.sub(MASK, text))

    def masked_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Response headers with lower-case names, this key masked in their values; cookies and other credentials gone."""
        return {
            name.lower(): MASK if is_secret_header(name) else self._pattern.sub(MASK, value)
            for name, value in headers.items()
        }

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
        masked = self.masked(text)
        return body if masked == text else masked.encode()


def _anywhere_or_alone(key: str) -> str:
    quoted = re.escape(key)
    return quoted if len(key) >= SHORTEST_ANYWHERE else rf"(?<!\w){quoted}(?!\w)"
