"""Keys in what is recorded: how they are masked wherever they stand.

Not what is a credential (`shim.wire.credentials`), not the masking of error texts (`shim.wire.masking`), which may change a
text's length. Here a mask is as long as what it covers, and ASCII: so the split of a body survives, its length, its JSON, and a
`Content-Length` beside it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shim.recording.redaction.key_signs import may_hold_looks
from shim.wire.credentials import (
    QUERY_VALUE,
    SHORTEST_ANYWHERE,
    USERINFO,
    Span,
    credential_spans,
    is_secret_header,
    is_secret_parameter,
    is_worth_hiding,
    may_hold_credentials,
    merged,
    secrets_in_headers,
    secrets_in_url,
    spellings,
)

REMOVED: Final = "[removed]"
MASKED: Final = b"[masked key]"
_COVERED: Final = (REMOVED.encode(), MASKED)
_WITHOUT_TOKEN: Final = f"Bearer {REMOVED}"  # in nearly every request; it has a token's sign, and no token
_LEFT_OUT: Final = f"\n{_WITHOUT_TOKEN}".encode()
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~\-]+")  # RFC 3986 2.3: written the same in text, in JSON and in a URL
_HAS_PARTS: Final = re.compile("[@?&;]")  # before a user's end and a parameter stands one of these


def secrets_of(url: str, headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The credentials of a request, wherever it carries them."""
    yield from secrets_in_headers([each for each in headers if _may_carry(each[0])])
    if _HAS_PARTS.search(url):
        yield from secrets_in_url(url)


@functools.lru_cache(maxsize=512)
def _may_carry(name: str) -> bool:
    """Whether a header of this name is looked into by `secrets_in_headers`; names are few, and come with each request."""
    return is_secret_header(name)


def _forms(secret: str) -> Iterable[str]:
    return (secret,) if _UNRESERVED.fullmatch(secret) else spellings(secret)


class KeyMask:
    """Masks the keys of one request, and what looks like a key."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        hidden = {secret for secret in secrets if is_worth_hiding(secret) and REMOVED not in secret}
        forms = {form.encode("utf-8", "replace") for secret in hidden for form in _forms(secret)}
        self._secrets = sorted(forms, key=len, reverse=True)  # one may be part of another

    def __repr__(self) -> str:
        return "KeyMask(…)"

    def masked(self, data: bytes, *, named: bool = True) -> bytes:
        """Mask every key, each by as many bytes; the same object where there is none.

        Args:
            data: UTF-8 mostly.
            named: mask the values of fields with a credential's name too (`credential_spans`).
        """
        spans = [span for secret in self._secrets if secret in data for span in _places(data, secret)]
        spans += credential_spans(data, named=named)
        if not spans:
            return data
        covered = bytearray(data)
        for start, end in merged(spans):
            if not data.startswith(_COVERED, start):  # redacted before
                covered[start:end] = filling(end - start, MASKED)
        return data if covered == data else bytes(covered)

    def text(self, text: str) -> str:
        """Mask every key in a text, and what cannot be written as UTF-8."""
        return self.masked(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def texts(self, texts: Sequence[str]) -> Sequence[str]:
        """Mask every key in each of several texts: most hold none, which one look at all of them tells."""
        return texts if self.are_clean(texts) else [self.text(text) for text in texts]

    def url(self, text: str) -> str:
        """Take the credentials out of a URL, or out of the URLs in a text."""
        return self.text(without_parameters(text))

    def are_clean(self, texts: Sequence[str], *, beside: Sequence[bytes] = ()) -> bool:
        """Whether it is certain that `text` would change none of the texts, and `masked` none of what is beside them."""
        without = [text for text in texts if text != _WITHOUT_TOKEN] if _WITHOUT_TOKEN in texts else texts
        try:
            looked_at = b"\n".join(("\n".join(without).encode(), *beside))
        except UnicodeEncodeError:
            return False
        data = looked_at if without is texts else looked_at + _LEFT_OUT
        return not any(secret in data for secret in self._secrets) and not may_hold_credentials(looked_at)

    def is_clean_stream(self, body: bytes, pieces: Sequence[bytes]) -> bool:
        """Whether it is certain that `masked` would change nothing of an event stream that came in these pieces."""
        return not any(secret in body for secret in self._secrets) and not may_hold_looks(body, pieces)


def without_parameters(url: str) -> str:
    """A URL, or a text with URLs, without users, passwords, and the values of parameters that are credentials."""
    if not _HAS_PARTS.search(url):
        return url
    return QUERY_VALUE.sub(_without_secret, USERINFO.sub("", url))


def filling(length: int, words: bytes) -> bytes:
    """So many bytes that say what they stand for, if there is room."""
    return words + b"*" * (length - len(words)) if length >= len(words) else b"*" * length


def _without_secret(match: re.Match[str]) -> str:
    return match[1] + REMOVED if match[3] and is_secret_parameter(match[2]) else match[0]


def _places(data: bytes, secret: bytes) -> Iterator[Span]:
    as_word = len(secret) < SHORTEST_ANYWHERE
    start = data.find(secret)
    while start >= 0:
        end = start + len(secret)
        if not (as_word and (_is_word(data[start - 1 : start]) or _is_word(data[end : end + 1]))):
            yield start, end
        start = data.find(secret, end)


def _is_word(char: bytes) -> bool:
    return char.isalnum() or char == b"_"
