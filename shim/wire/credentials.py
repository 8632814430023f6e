"""What is a credential: by the name of the header, parameter or field that it stands in, or by its looks.

Not what is done about it (`masking` for what is shown, `shim.recording.redaction.key_mask` for what is recorded), nor the table
of names (`shim.model.credential_names`). Looks: the key prefixes of OpenAI (`ek_` for a client's passing key), Groq, xAI and
Perplexity; bearer tokens (RFC 6750 2.1); JSON Web Tokens (RFC 7519, RFC 7516 with its five parts).
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from shim.model.credential_names import FIELD, is_secret_field, is_secret_header

SCHEMED_HEADERS: Final = frozenset({"authorization", "proxy-authorization"})
"""Headers whose credential follows the name of a scheme."""
_COOKIES: Final = frozenset({"cookie", "cookie2", "set-cookie", "set-cookie2"})

SHORTEST_ANYWHERE: Final = 8
"""Local servers take any key, and people give "test" or "x": one so short is known as a word only, not inside others."""
_SHORTEST_SECRET = 4

Span = tuple[int, int]

# --- by name ------------------------------------------------------------------------------------------------------------

_PARAMETER = re.compile(r"(?i)key|token(?!s)|secret|passw|pwd|auth|sig$|signature|credential|jwt|session")
QUERY_VALUE: Final = re.compile(r"([?&;]([^=&#;\s\"'?]*)=)([^&#;\s\"')]*)")
"""A parameter of a URL, in a URL or in a text with URLs: all before its value, its name, its value."""
USERINFO: Final = re.compile(r"(?<=://)[^/?#\s\"']*@")
"""The user and password of a URL."""


def is_secret_parameter(name: str) -> bool:
    """Whether a parameter of a URL, its name as it stands there, is a credential: there more is than in a body."""
    return _PARAMETER.search(unquote(name)) is not None


def is_worth_hiding(secret: str) -> bool:
    """Whether this can be anybody's key: local servers take "x" or "test", and those words stand in every body."""
    return len(secret) >= SHORTEST_ANYWHERE or (len(secret) >= _SHORTEST_SECRET and not secret.isalpha())


def secrets_in_headers(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The credentials among headers, without what introduces them: a scheme, the name of a cookie."""
    for name, value in headers:
        lower = name.lower()
        if lower in SCHEMED_HEADERS:
            yield from _after_scheme(value)
        elif lower in _COOKIES:
            yield from _in_cookies(value, only_first=lower.startswith("set-"))
        elif is_secret_header(lower) and value.strip():
            yield value.strip()


def secrets_in_url(url: str) -> Iterator[str]:
    """The credentials in a URL: its password, and the values of parameters that are credentials."""
    for match in USERINFO.finditer(url):
        yield from (unquote(part) for part in match[0][:-1].split(":", 1)[1:])
    for match in QUERY_VALUE.finditer(url):
        if is_secret_parameter(match[2]):
            yield unquote_plus(match[3])


def _after_scheme(authorization: str) -> Iterator[str]:
    scheme, _, rest = authorization.strip().partition(" ")
    if rest.strip() or scheme:
        yield rest.strip() or scheme
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return  # not what the scheme says; the whole of it is a credential all the same
        yield from pair.split(":", 1)[1:]


def _in_cookies(value: str, *, only_first: bool) -> Iterator[str]:
    pairs = value.split(";")
    for pair in pairs[:1] if only_first else pairs:
        secret = pair.partition("=")[2].strip().strip('"')
        if secret:
            yield secret


def spellings(secret: str) -> set[str]:
    """A secret as it stands in text, in JSON (a slash escaped or not) and in a URL (hexadecimal in either case)."""
    escaped = secret.replace("\\", "\\\\").replace('"', '\\"')
    in_url = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    return {secret, escaped, escaped.replace("/", "\\/"), *in_url, *map(_with_small_hexadecimal, in_url)}


def _with_small_hexadecimal(quoted: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


# --- by looks, and by the name that stands before -------------------------------------------------------------------------

# No match may end inside an escape of JSON: taking the backslash of `\"` would break what stands around it. A key may stand
# behind one, as in `\nsk-…`. The words "bearer authentication" are no token: one has a digit, or follows the scheme's own
# spelling and is none of the words that do.
_BEGINNING = rb"(?:(?<![A-Za-z0-9_])|(?<=\\[nrtbf]))"
_TOKEN = rb"(?:[A-Za-z0-9._~+/=\-]|\\/|%2[BFbf]|%3[Dd])"
_NO_TOKEN = rb"(?:authenticat|authori[sz]|certificat|credential|instrument|securit|realm)"
_LOOKS = re.compile(
    _BEGINNING
    + rb"(?:(?i:sk|gsk|xai|pplx)[-_][A-Za-z0-9_\-*]{6,}"
    + rb"|ek_[A-Za-z0-9_\-]{16,}"
    + rb"|eyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){2,4}"
    + rb"|(?:(?i:bearer)(?:\s|%20|\+)+(?=[A-Za-z._~+/\-]*[0-9])|Bearer\s+(?!(?i:"
    + _NO_TOKEN
    + rb")))"
    + _TOKEN
    + rb"{8,})"
)
# Each of these looks holds one of these signs once it is folded: in small letters, `_` as `-`. To look for the signs first is
# many times as fast as the pattern.
_SIGNS: Final = (b"k-", b"xai-", b"pplx-", b"bearer", b"eyj")
# The names of fields and parameters, with the quotation mark, backslash or equals sign behind them folded into one.
_NAME_SIGNS: Final = (
    b"key=", b"token=", b"secret=", b"passw", b"passphrase=", b"authorization=", b"assertion=", b"credential", b"cookie=",
    b"jwt=", b"sig=", b"signature=",
)  # fmt: skip
_FOLDED: Final = bytes.maketrans(string.ascii_uppercase.encode() + b'_"\\', string.ascii_lowercase.encode() + b"-==")
_BEFORE: Final = 64  # how far before its sign a name begins
_BEHIND: Final = 256  # how far behind it its value does

_NAME = FIELD.encode()
# JSON within a string of JSON, such as a call's arguments, has each of its quotation marks escaped.
_FIELD_HEAD = re.compile(rb'(?P<mark>\\?")' + _NAME + rb"(?P=mark)\s*:\s*(?P=mark)", re.IGNORECASE)
_FIELD_VALUE = re.compile(rb'(?:[^"\\]|\\.)*', re.DOTALL)
_NESTED_VALUE = re.compile(rb'(?:[^"\\]|\\/|\\u[0-9a-fA-F]{4}|\\\\(?:\\["\\]|[^"\\]))*')
_PARAMETER_HEAD = re.compile(
    rb"(?:^|[?&;])(?:" + _NAME + rb"|assertion|token|key|sig|[A-Za-z0-9\-]{0,20}signature)=", re.IGNORECASE
)
_PARAMETER_VALUE = re.compile(rb"[^&#;\s\"'<>)\\]+")
_PART_HEAD = re.compile(rb'name="(?:' + _NAME + rb'|token)"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n', re.IGNORECASE)
_PART_VALUE = re.compile(rb"[^\r\n]+")
# `token` is the name of each word in log probabilities too: there no word is so long and has a digit.
_LONG_TOKEN = re.compile(rb'(?i:token)\\?"\s*:\s*\\?"((?=[A-Za-z._~+/=\-]*[0-9])[A-Za-z0-9._~+/=\-]{20,})')


def credential_spans(data: bytes, *, named: bool = True) -> list[Span]:
    """Where credentials stand in text: from and to, in no order, perhaps overlapping.

    Args:
        data: UTF-8, JSON or a form mostly.
        named: look for the fields and parameters with a credential's name too. In an event stream a field comes in pieces,
            so only looks tell.
    """
    folded = data.translate(_FOLDED)
    found: list[Span] = []
    for sign in _SIGNS:
        for place in _places(folded, sign):
            found += _look_at(data, place)
    if named:
        for sign in _NAME_SIGNS:
            for place in _places(folded, sign):
                is_bare_token = sign == b"token=" and folded[place - 1 : place] == b"="
                found += _token_at(data, place) if is_bare_token else _named_at(data, place, place + len(sign))
    return found


def _places(folded: bytes, sign: bytes) -> Iterator[int]:
    place = folded.find(sign)
    while place >= 0:
        yield place
        place = folded.find(sign, place + 1)


def _look_at(data: bytes, sign: int) -> Iterator[Span]:
    """The look that has its sign here: it begins with the sign, or with one or two letters before it."""
    for start in (sign, sign - 1, sign - 2):
        match = _LOOKS.match(data, start) if start >= 0 else None
        if match is not None:
            yield match.span()
            return


def _named_at(data: bytes, sign: int, end: int) -> Iterator[Span]:
    """The values whose names end about here."""
    start, stop = max(sign - _BEFORE, 0), end + _BEHIND
    for match in _FIELD_HEAD.finditer(data, start, stop):
        value = (_FIELD_VALUE if match["mark"] == b'"' else _NESTED_VALUE).match(data, match.end())
        if value and value[0]:
            yield value.span()
    for head, body in ((_PARAMETER_HEAD, _PARAMETER_VALUE), (_PART_HEAD, _PART_VALUE)):
        for match in head.finditer(data, start, stop):
            value = body.match(data, match.end())
            if value:
                yield value.span()


def _token_at(data: bytes, place: int) -> Iterator[Span]:
    match = _LONG_TOKEN.match(data, place)
    if match is not None:
        yield match.span(1)


def merged(spans: list[Span]) -> Iterator[Span]:
    """The same places without overlaps, in order."""
    if not spans:
        return
    spans = sorted(spans)
    start, end = spans[0]
    for next_start, next_end in spans[1:]:
        if next_start < end:
            end = max(end, next_end)
        else:
            yield start, end
            start, end = next_start, next_end
    yield start, end


__all__ = [
    "QUERY_VALUE",
    "SCHEMED_HEADERS",
    "SHORTEST_ANYWHERE",
    "USERINFO",
    "Span",
    "credential_spans",
    "is_secret_field",
    "is_secret_header",
    "is_secret_parameter",
    "is_worth_hiding",
    "merged",
    "secrets_in_headers",
    "secrets_in_url",
    "spellings",
]
