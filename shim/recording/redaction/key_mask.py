"""Keys in what is recorded: which ones a request carries, and how they are masked wherever they stand.

Not the masking of error texts (`shim.wire.masking`), which may change a text's length. Here a mask is as long as what it
covers, and ASCII: so the split of a body survives, its length, its JSON, and a `Content-Length` beside it.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from shim.wire.masking import KEY_HEADERS, SCHEMED_HEADERS, SHORTEST_ANYWHERE

REMOVED: Final = "[removed]"
MASKED: Final = b"[masked key]"

# By their looks: the prefixes of OpenAI, Groq, xAI and Perplexity, and bearer tokens (RFC 6750 2.1; with a digit, as the words
# "bearer authentication" are no token). A key after a JSON escape, as in `\nsk-…`, has a letter before it. No match may end
# inside an escape: taking the backslash of `\"` would break the JSON around it.
_LOOKS = re.compile(
    rb"(?i)(?:(?<![A-Za-z0-9_])|(?<=\\[nrtbf]))"
    rb"(?:(?:sk|gsk|xai|pplx)[-_][A-Za-z0-9_\-*]{6,}|Bearer\s+(?=[A-Za-z._~+/\-]*[0-9])[A-Za-z0-9._~+/=\-]{8,})"
)
# Each key of those looks holds one of these once it is folded (in small letters, `_` as `-`); to look for them first is many
# times as fast.
_SIGNS = (b"sk-", b"xai-", b"pplx-", b"bearer")
_FOLDED = bytes.maketrans(string.ascii_uppercase.encode() + b"_", string.ascii_lowercase.encode() + b"-")

_SECRET_NAME = re.compile(r"(?i)key|token(?!s)|secret|passw|pwd|auth|sig$|signature|credential|jwt|session")
_QUERY_VALUE = re.compile(r"([?&;]([^=&#;\s\"'?]*)=)([^&#;\s\"')]*)")
_USERINFO = re.compile(r"(?<=://)[^/?#\s\"']*@")

CREDENTIAL_HEADERS: Final = SCHEMED_HEADERS | KEY_HEADERS | {"cookie", "set-cookie"}

_SHORTEST_SECRET = 4


def is_worth_hiding(secret: str) -> bool:
    """Whether this can be anybody's key: local servers take "x" or "test", and those words stand in every body."""
    if secret == REMOVED:  # an exchange redacted before
        return False
    return len(secret) >= SHORTEST_ANYWHERE or (len(secret) >= _SHORTEST_SECRET and not secret.isalpha())


def secrets_of(url: str, headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The credentials of a request, wherever it carries them."""
    for name, value in headers:
        lower = name.lower()
        if lower in SCHEMED_HEADERS:
            yield from _credentials(value)
        elif lower in KEY_HEADERS:
            yield value.strip()
    for match in _USERINFO.finditer(url):
        yield from (unquote(part) for part in match[0][:-1].split(":", 1)[1:])
    for match in _QUERY_VALUE.finditer(url):
        if _SECRET_NAME.search(unquote(match[2])):
            yield unquote_plus(match[3])


def _credentials(authorization: str) -> Iterator[str]:
    scheme, _, rest = authorization.strip().partition(" ")
    yield rest.strip() or scheme
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return  # not what the scheme says; the whole of it is masked all the same
        yield from pair.split(":", 1)[1:]


class KeyMask:
    """Masks the keys of one request, and what looks like a key."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if is_worth_hiding(secret) for form in _forms(secret)}
        self._secrets = sorted(forms, key=len, reverse=True)  # one may be part of another

    def __repr__(self) -> str:
        return "KeyMask(…)"

    def masked(self, data: bytes) -> bytes:
        """Mask every key, each by as many bytes; the same object where there is none."""
        spans = [span for secret in self._secrets if secret in data for span in _places(data, secret)]
        folded = data.translate(_FOLDED)
        if any(sign in folded for sign in _SIGNS):
            spans += [match.span() for match in _LOOKS.finditer(data)]
        if not spans:
            return data
        covered = bytearray(data)
        for start, end in _merged(spans):
            covered[start:end] = filling(end - start, MASKED)
        return bytes(covered)

    def text(self, text: str) -> str:
        """Mask every key in a text, and what cannot be written as UTF-8."""
        return self.masked(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def url(self, text: str) -> str:
        """Take the credentials out of a URL, or out of the URLs in a text."""
        return self.text(_QUERY_VALUE.sub(_without_secret, _USERINFO.sub("", text)))


def filling(length: int, words: bytes) -> bytes:
    """So many bytes that say what they stand for, if there is room."""
    return words + b"*" * (length - len(words)) if length >= len(words) else b"*" * length


def _without_secret(match: re.Match[str]) -> str:
    return match[1] + REMOVED if match[3] and _SECRET_NAME.search(unquote(match[2])) else match[0]


def _forms(secret: str) -> Iterator[bytes]:
    """A secret as it stands in text, in JSON and in a URL."""
    spellings: tuple[Callable[[str], str], ...] = (
        str,
        lambda text: text.replace("\\", "\\\\").replace('"', '\\"'),
        lambda text: text.replace("/", "\\/"),
        lambda text: quote(text, safe=""),
    )
    return (spelling(secret).encode("utf-8", "replace") for spelling in spellings)


def _places(data: bytes, secret: bytes) -> Iterator[tuple[int, int]]:
    as_word = len(secret) < SHORTEST_ANYWHERE
    start = data.find(secret)
    while start >= 0:
        end = start + len(secret)
        if not (as_word and (_is_word(data[start - 1 : start]) or _is_word(data[end : end + 1]))):
            yield start, end
        start = data.find(secret, end)


def _is_word(char: bytes) -> bool:
    return char.isalnum() or char == b"_"


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same places without overlaps, in order."""
    spans.sort()
    start, end = spans[0]
    for next_start, next_end in spans[1:]:
        if next_start < end:
            end = max(end, next_end)
        else:
            yield start, end
            start, end = next_start, next_end
    yield start, end
