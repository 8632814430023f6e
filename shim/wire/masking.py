"""Masking: a credential, known or by its name and looks, is taken out of text that is shown or kept.

Not what is a credential (`credentials`), not the masking of recordings, which keeps lengths (`shim.recording.redaction`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from shim.model import ProviderError
from shim.model.credential_names import SHOWN_INSTEAD, is_secret_header
from shim.wire.credentials import (
    SHORTEST_ANYWHERE,
    USERINFO,
    credential_spans,
    merged,
    secrets_in_headers,
    spellings,
)

MASK: Final = SHOWN_INSTEAD
_BODY_LIMIT = 64 * 1024  # an error body kept for diagnosis, not a download
# What neither JSON nor a URL writes in any other way (RFC 3986, 2.3).
_ONE_SPELLING = re.compile(r"[A-Za-z0-9._~\-]+")
# Names of response headers, which come again with every answer; a server may send any.
_MOST_KEPT = 256
_LONGEST_KEPT = 64


class HiddenText(str):
    """A credential whose repr does not show it: error trackers send those of the local variables of each frame of a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


def hidden(text: str) -> HiddenText:
    """The same text, not shown."""
    return text if isinstance(text, HiddenText) else HiddenText(text)


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

    __slots__ = ("_has_one_spelling", "_keys", "_made")

    def __init__(self, *keys: str) -> None:
        self._keys = keys
        self._made: re.Pattern[str] | None = None  # most calls end without a use for it
        self._has_one_spelling: bool | None = None

    def __repr__(self) -> str:
        return "Secret(…)"

    @property
    def _pattern(self) -> re.Pattern[str]:
        if self._made is None:
            spelled = {each for key in self._keys for each in _spelled(key)}
            self._made = re.compile("|".join(map(_anywhere_or_alone, sorted(spelled, key=len, reverse=True))))
        return self._made

    def masked(self, text: str) -> str:
        """Mask this key, what looks like one, and the user and password in a URL, a proxy's among them."""
        return mask_keys(USERINFO.sub(f"{MASK}@", self._pattern.sub(MASK, text)))

    def masked_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Response headers with lower-case names, this key masked in their values; cookies and other credentials gone."""
        masked = {}
        told = self._may_stand_in("\n".join(headers.values()))
        for name, value in headers.items():
            lowered, is_secret = _kept_name(name) if len(name) <= _LONGEST_KEPT else _name(name)
            masked[lowered] = MASK if is_secret else self._pattern.sub(MASK, value) if told else value
        return masked

    def masked_header(self, name: str, value: str) -> str:
        """The value of one response header, as `masked_headers` has it."""
        _, is_secret = _kept_name(name) if len(name) <= _LONGEST_KEPT else _name(name)
        if is_secret:
            return MASK
        return self._pattern.sub(MASK, value) if self._may_stand_in(value) else value

    def _may_stand_in(self, text: str) -> bool:
        """Whether a text may hold a key; one of letters, digits and the like has but one spelling."""
        if self._has_one_spelling is None:
            self._has_one_spelling = all(map(_ONE_SPELLING.fullmatch, self._keys))
        return not self._has_one_spelling or any(map(text.__contains__, self._keys))

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


def _spelled(key: str) -> Iterable[str]:
    return spellings(key) if len(key) >= SHORTEST_ANYWHERE else (key,)


def _name(name: str) -> tuple[str, bool]:
    """The name of a header in lower case, and whether it is a credential's."""
    return name.lower(), is_secret_header(name)


_kept_name = lru_cache(maxsize=_MOST_KEPT)(_name)


def _anywhere_or_alone(key: str) -> str:
    quoted = re.escape(key)
    return quoted if len(key) >= SHORTEST_ANYWHERE else rf"(?<!\w){quoted}(?!\w)"
