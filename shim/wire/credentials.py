"""What is a credential: by the name of the header, parameter or field that it stands in, or by its looks.

Not what is done about it (`masking` for what is shown, `shim.recording.redaction.key_mask` for what is recorded), nor the table
of names (`shim.model.credential_names`). Looks: the key prefixes of OpenAI ("ek_" for a client's passing key), Groq, xAI and
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
# spelling and is none of the words that do. Where a repetition could be tried from many places it has a bound.
_BEGINNING = rb"(?:(?<![A-Za-z0-9_])|(?<=\\[nrtbf]))"
_TOKEN = rb"(?:[A-Za-z0-9._~+/=\-]|\\/|%2[BFbf]|%3[Dd])"
_NO_TOKEN = rb"(?:authenticat|authori[sz]|certificat|credential|instrument|securit|realm)"
_LOOKS = re.compile(
    _BEGINNING
    + rb"(?:(?i:sk|gsk|xai|pplx)[-_][A-Za-z0-9_\-*]{6,}"
    + rb"|ek_[A-Za-z0-9_\-]{16,}"
    + rb"|eyJ(?=(?P<head>[A-Za-z0-9_\-]{8,400}))(?P=head)(?:\.[A-Za-z0-9_\-]{0,16384}){2,4}"  # taken whole, or not at all
    + rb"|(?:(?i:bearer)(?:\s|%20|\+){1,8}(?=[A-Za-z._~+/\-]{0,200}[0-9])|Bearer\s{1,8}(?!(?i:"
    + _NO_TOKEN
    + rb")))"
    + _TOKEN
    + rb"{8,})"
)
# Each of these looks holds one of these signs once it is folded: in small letters, `_` as `-`. To look for the signs first is
# many times as fast as the pattern.
_SIGNS: Final = (b"k-", b"xai-", b"pplx-", b"bearer", b"eyj")
# How names of fields and parameters end, the quotation mark, backslash or equals sign behind them folded into one.
_NAME_SIGNS: Final = (
    b"key=", b"token=", b"secret=", b"password=", b"passwd=", b"passphrase=", b"pwd=", b"authorization=", b"bearer=",
    b"assertion=", b"credential=", b"credentials=", b"connectionstring=", b"connection-string=", b"cookie=", b"jwt=", b"sig=",
    b"signature=",
)  # fmt: skip
_NAMED: Final = b"="  # what each of these ends with
_ALL_SIGNS: Final = (*_SIGNS, *_NAME_SIGNS)
# What they have in common, to look for less: where none of these stands, none of those does.
_COMMON_SIGNS: Final = (
    *_SIGNS, b"key=", b"token=", b"secret=", b"pass", b"pwd=", b"authorization=", b"assertion=", b"credential",
    b"connectionstring=", b"connection-string=", b"cookie=", b"jwt=", b"sig=", b"signature=",
)  # fmt: skip
_FOLDED: Final = bytes.maketrans(string.ascii_uppercase.encode() + b'_"\\', string.ascii_lowercase.encode() + b"-==")
_IN_NO_SIGN: Final = bytes([byte for byte in range(256) if _FOLDED[byte] not in b"".join(_ALL_SIGNS)])
_LONGEST_NAME: Final = 64

_IS_FIELD = re.compile(FIELD.encode(), re.IGNORECASE)
_IS_PARAMETER = re.compile(FIELD.encode() + rb"|assertion|token|key|sig|[A-Za-z0-9\-]{0,20}signature", re.IGNORECASE)
_FIELD_VALUE = re.compile(rb'"\s*:\s*"((?:[^"\\]|\\.)+)', re.DOTALL)
# JSON within a string of JSON, such as a call's arguments, has each of its quotation marks escaped.
_NESTED_VALUE = re.compile(rb'\\"\s*:\s*\\"((?:[^"\\]|\\/|\\u[0-9a-fA-F]{4}|\\\\(?:\\["\\]|[^"\\]))+)')
_PARAMETER_VALUE = re.compile(rb"=([^&#;\s\"'<>)\\]+)")
_PART_VALUE = re.compile(rb'"[^\r\n]{0,200}\r\n(?:[^\r\n]{1,200}\r\n){0,8}\r\n([^\r\n]+)')  # of a multipart form
# `token` is the name of each word in log probabilities too: there no word is so long and has a digit.
_LONG_TOKEN = re.compile(rb'\\?"\s*:\s*\\?"((?=[A-Za-z._~+/=\-]{0,200}[0-9])[A-Za-z0-9._~+/=\-]{20,})')


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
        if sign not in folded:  # nearly always
            continue
        end = 0
        for place in _places(folded, sign):
            if place >= end:  # else it is within the one before
                span = _look_at(data, place)
                if span is not None:
                    found.append(span)
                    end = span[1]
    if named and _NAMED in folded:
        for sign in _NAME_SIGNS:
            for place in _places(folded, sign):
                match = _value_behind(data, place + len(sign) - 1)
                if match is not None:
                    found.append(match.span(1))
    return found


def may_hold_credentials(data: bytes) -> bool:
    """Whether there is a sign of what `credential_spans` looks for: where there is none, it finds nothing, in no part of it."""
    letters = data.translate(_FOLDED, _IN_NO_SIGN)  # a third shorter mostly, and every sign that stood there still does
    for sign in _COMMON_SIGNS:
        if sign in letters:
            folded = data.translate(_FOLDED)
            return any(sign in folded for sign in _ALL_SIGNS)
    return False


def _places(folded: bytes, sign: bytes) -> Iterator[int]:
    place = folded.find(sign)
    while place >= 0:
        yield place
        place = folded.find(sign, place + 1)


def _look_at(data: bytes, sign: int) -> Span | None:
    """The look that has its sign here: it begins with the sign, or with one or two letters before it."""
    for start in (sign, sign - 1, sign - 2):
        match = _LOOKS.match(data, start) if start >= 0 else None
        if match is not None:
            return match.span()
    return None


def _value_behind(data: bytes, end: int) -> re.Match[bytes] | None:
    """The value of the field or parameter whose name ends here, if that is the name of a credential."""
    if data.startswith(b"=", end):
        name = _name_before(data, end, delimiters=(b"?", b"&", b";"))
        return _PARAMETER_VALUE.match(data, end) if _IS_PARAMETER.fullmatch(name) else None
    name = _name_before(data, end, delimiters=(b'"',))
    if name.lower() == b"token":
        return _LONG_TOKEN.match(data, end)
    if not _IS_FIELD.fullmatch(name):
        return None
    if data.startswith(b"\\", end):
        return _NESTED_VALUE.match(data, end)
    return _FIELD_VALUE.match(data, end) or _PART_VALUE.match(data, end)


def _name_before(data: bytes, end: int, *, delimiters: tuple[bytes, ...]) -> bytes:
    """What stands between a delimiter, or the beginning, and here; nothing where that is far."""
    first = max(end - _LONGEST_NAME, 0)
    begin = max([data.rfind(each, first, end) for each in delimiters])
    return data[begin + 1 : end] if begin >= 0 or first == 0 else b""


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
    "may_hold_credentials",
    "merged",
    "secrets_in_headers",
    "secrets_in_url",
    "spellings",
]
