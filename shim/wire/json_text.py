"""JSON text: how bodies are written and read, and what is said when they cannot be.

Not what the bodies mean (`shim.wire.chat`, `shim.wire.responses`, `shim.wire.failure`). RFC 8259. What is sent holds no NaN and
no half of a character. What is received may hold such halves, as every reader of JSON in Python takes them: one that stays
alone becomes U+FFFD, as everywhere where Unicode is decoded. It may hold control characters as they are, too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct

from shim.model import ErrorCategory, InvalidRequestError, ProviderError
from shim.model.checks import kind_of
from shim.model.depth import MAX_DEPTH, is_too_deep
from shim.wire.masking import masked_body

_read = msgspec.json.Decoder().decode
_write = msgspec.json.Encoder().encode
# What both writers write alike. An integer is any, as in both; a flag is of its own type.
_AS_IS: Final = frozenset({str, bool, int, type(None)})
_STRING: Final = frozenset({str})
_UNCARRIED: Final = (TypeError, ValueError, RecursionError)
_BOM = b"\xef\xbb\xbf"
_HALF = re.compile("[\ud800-\udfff]")
# What a model says of a terminal, say, and its server does not escape; a line end inside a text is damage.
_CONTROL = re.compile(rb"[\x00-\x09\x0b\x0c\x0e-\x1f]")
_MAY_BE_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
# A router that answers a plain request from a stream of its own glues the stream's end to the object.
_GLUED_END = re.compile(rb"\s*(?:data:\s*\[DONE\]\s*)+\Z")


class UnreadableJsonError(Exception):
    """Bytes that are no JSON, or are nested too deeply; says why. Never leaves `shim.wire`."""


def merged(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `extra` over `body`; a value of UNSET takes the field away. Neither argument is changed."""
    if not extra:
        return body
    return {key: value for key, value in (body | dict(extra)).items() if value is not UNSET}


class Listed(Struct, frozen=True):
    """A list of a body whose items were written of checked strings.

    Attributes:
        field: its name in the body.
        odd: the positions of the items that hold anything else, too.
        alone: whether what stands beside it is strings, flags and objects of these, too.
    """

    field: str
    odd: Sequence[int] = ()
    alone: bool = False


def encode_body(body: dict[str, Any], *, listed: Listed | None = None) -> bytes:
    """Write a JSON body as UTF-8.

    Args:
        body: the body.
        listed: the list of its messages or items, if it is known that they hold strings alone.

    Raises:
        InvalidRequestError: JSON or UTF-8 cannot carry a value; the message names its top-level field.
    """
    try:
        return _encode(body) if listed is None else _encode_quickly(body, listed)
    except _UNCARRIED:
        return _encode_slowly(body)


def _encode_quickly(body: dict[str, Any], listed: Listed) -> bytes:
    """Write a body with msgspec, which writes strings as the standard library does and many times as fast.

    What may be no string is written as ever, and put between. Raises one of `_UNCARRIED` for what msgspec refuses, which the
    standard library may take (a string of a kind of its own).
    """
    if listed.alone and not listed.odd:
        return _write(body)
    if set(map(type, body)) != {str}:
        raise TypeError("a name is no string")
    whole = listed.field
    fields = {
        name: value if name == whole or type(value) in _AS_IS else _written(value) for name, value in body.items()
    }
    if listed.odd:
        fields[whole] = items = list(body[whole])
        for position in listed.odd:
            items[position] = Raw(_encode(items[position]))
    return _write(fields)


def _written(value: Any) -> Any:
    """A value as msgspec writes it right: as it is, where it holds plain values alone, else as the JSON it is."""
    kind = type(value)
    if kind is float and math.isfinite(value):
        return Raw(float.__repr__(value).encode())
    if (kind is list and _AS_IS.issuperset(map(type, value))) or (
        kind is dict and _AS_IS.issuperset(map(type, value.values())) and _STRING.issuperset(map(type, value))
    ):
        return value
    return Raw(_encode(value))


def _encode_slowly(body: dict[str, Any]) -> bytes:
    try:
        return _encode(body)
    except _UNCARRIED as error:
        field = next((key for key, value in body.items() if not _encodes(value)), "body")
        place = _place_in(body)
        reason = f"{place}: {error}" if place not in ("", field) else str(error)
        raise InvalidRequestError(
            f"{field} holds a value JSON cannot carry ({reason}); give strings, finite numbers, lists and dicts",
            field=field,
        ) from None


def _place_in(body: dict[str, Any]) -> str:
    """The place of the first value that JSON cannot carry, such as `metadata.team`; "" where it is the whole."""
    place: str = ""
    value: Any = body
    for _ in range(MAX_DEPTH):
        inner: Iterable[tuple[object, Any]] = ()
        if isinstance(value, Mapping):
            inner = [(f".{name}" if place else name, each) for name, each in value.items() if isinstance(name, str)]
        elif isinstance(value, (list, tuple)):
            inner = [(f"[{position}]", each) for position, each in enumerate(value)]
        found = next(((name, each) for name, each in inner if not _encodes(each)), None)
        if found is None:
            break
        place, value = f"{place}{found[0]}", found[1]
    return place


def decode_object(body: bytes) -> dict[str, Any]:
    """Read the JSON object of an answer; white space before it (a keep-alive some servers pad with) is allowed.

    Raises:
        ProviderError: category protocol; the message tells what was found instead and where it broke.
    """
    try:
        value = read_json(body)
    except UnreadableJsonError as error:
        found = "an empty body" if not body.strip() else f"not JSON ({error})"
        raise ProviderError(ErrorCategory.PROTOCOL, f"the answer is {found}", body=masked_body(body)) from None
    if not isinstance(value, dict):
        raise ProviderError(
            ErrorCategory.PROTOCOL,
            f"the answer is a JSON {type(value).__name__}, not an object",
            body=masked_body(body),
        )
    return value


def decode_request(body: bytes | str | Mapping[str, Any]) -> dict[str, Any]:
    """Read the JSON object of an existing request: its text, or the object itself. Nothing of it is read leniently.

    Raises:
        InvalidRequestError: it is none, or nested too deeply; the message tells what was found instead and where it broke.
    """
    given: Any = body
    if isinstance(given, (bytes, str)):
        try:
            value: Any = _read(given)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            found = "empty" if not given.strip() else f"not JSON ({error})"
            raise InvalidRequestError(f"the request body is {found}", field="body") from None
    elif isinstance(given, Mapping):
        value = dict(given)
    else:
        remedy = "give its JSON as bytes or str, or the object as a mapping"
        raise InvalidRequestError(f"the request body is {kind_of(given)}; {remedy}", field="body")
    if not isinstance(value, dict):
        raise InvalidRequestError(f"the request body is a JSON {type(value).__name__}, not an object", field="body")
    if _may_be_too_deep(given) and is_too_deep(value):
        raise InvalidRequestError(f"the request body is nested deeper than {MAX_DEPTH} levels", field="body")
    return value


def _may_be_too_deep(text: object) -> bool:
    """Whether a body may be nested too deeply: one with fewer brackets than that cannot be."""
    return not isinstance(text, bytes) or text.count(b"{") + text.count(b"[") > MAX_DEPTH


def read_json(text: bytes) -> Any:
    """Read JSON from a server; a byte order mark before it, half characters in it and a stream's end behind it do no harm.

    Raises:
        UnreadableJsonError: it is none, or nested deeper than `MAX_DEPTH` levels.
    """
    value = read_with_halves(text)
    return without_halves(value) if _MAY_BE_HALF.search(text) else value


def read_with_halves(text: bytes) -> Any:
    """Read JSON as `read_json` does, but leave halves of characters as they are: another payload may bring the other half."""
    try:
        value = _read(text)
    except RecursionError:
        raise UnreadableJsonError(f"nested deeper than {MAX_DEPTH} levels") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        value = _read_again(text, str(error))
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and is_too_deep(value):
        raise UnreadableJsonError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _read_again(text: bytes, reason: str) -> Any:
    """Read what the strict reader refuses and people meet all the same."""
    plain = text.removeprefix(_BOM)
    if plain.lstrip()[:1] == b"{":
        plain = _GLUED_END.sub(b"", plain)
    try:
        if _MAY_BE_HALF.search(plain) or _CONTROL.search(plain):
            return json.loads(plain.decode(), parse_constant=_no_constant, parse_float=_finite, strict=False)
        if plain != text:
            return _read(plain)
        raise UnreadableJsonError(reason)
    except RecursionError:
        raise UnreadableJsonError(f"nested deeper than {MAX_DEPTH} levels") from None
    except (ValueError, msgspec.DecodeError):
        raise UnreadableJsonError(reason) from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if math.isfinite(value):
        return value
    raise ValueError(f"{number} is out of range")


def without_halves(value: Any) -> Any:
    """Replace lone halves of characters by U+FFFD in all text of a value no deeper than `MAX_DEPTH`, and join pairs of them."""
    if isinstance(value, str):
        return joined_halves(value) if _HALF.search(value) else value
    if isinstance(value, dict):
        return {without_halves(name): without_halves(inner) for name, inner in value.items()}
    return [without_halves(inner) for inner in value] if isinstance(value, list) else value


def joined_halves(text: str) -> str:
    """Join halves that stand side by side into their character; what stays alone becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class HalfCharacters:
    """Holds back the first half of a character at the end of a piece of text, until the next piece brings the other.

    A server that cuts its text by UTF-16 units and writes each piece as JSON sends them so. `held` is true while it holds any.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[tuple[Any, ...], str] = {}

    @property
    def held(self) -> bool:
        """Whether half a character waits for the other."""
        return bool(self._held)

    def whole(self, place: tuple[Any, ...], piece: str) -> str:
        """Take a piece of the text at `place`; return it with what was held before it, without a half at its end."""
        held = self._held.pop(place, "") if piece else ""
        text = held + piece
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held[place] = text[-1]
            text = text[:-1]
        return joined_halves(text) if held or _HALF.search(text) else text

    def rest(self) -> list[tuple[Any, ...]]:
        """The places where a half stayed alone; nothing is held any more."""
        places = list(self._held)
        self._held.clear()
        return places


def _encode(value: object) -> bytes:
    return _encode_text(value).encode()


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):  # a schema may be any mapping
        return dict(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _encodes(value: object) -> bool:
    try:
        _encode(value)
    except _UNCARRIED:
        return False
    return True


# The standard library's encoder: msgspec's writes NaN as null, which would change a request silently.
_encode_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_dict).encode
