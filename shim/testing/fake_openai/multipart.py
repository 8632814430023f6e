"""Reads an upload: the fields and files of a `multipart/form-data` body.

Not what they must be (the endpoints say so). RFC 7578 over RFC 2046: parts between boundary lines, a name in each
`Content-Disposition`; a file name may be RFC 2231 encoded, as urllib3 before 2.0 writes one that is not ASCII. A part with
a file name is a file, and its bytes are kept exactly.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.value_rules import wrong_type

FORM_TYPE = "multipart/form-data"
# More parts than any endpoint has parameters; a body made of boundaries alone ends here.
MAX_PARTS = 256


@dataclass(frozen=True)
class Upload:
    """One file of a form."""

    filename: str
    data: bytes


@dataclass(frozen=True)
class MultipartForm:
    """The fields of a form by name, each a string or, where its name ends in `[]` or it was repeated, a list; and its files.

    Of several files of one name, which pictures to edit may be, the first stands for all.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)


def form_of(content_type: str, body: bytes) -> MultipartForm:
    """Read a body; ApiError 400 says what is wrong with one that is no form."""
    head = _headers([f"content-type: {content_type}"])
    if head.get_content_type() != FORM_TYPE:
        given = f"'{content_type.partition(';')[0].strip()}'" if content_type.strip() else "no Content-Type"
        raise _unreadable(f"the Content-Type must be {FORM_TYPE}, but got {given}")
    boundary = head.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise _unreadable("its Content-Type names no boundary")
    form = MultipartForm()
    for part in _parts(body, boundary.encode("latin-1", "replace")):
        _add(form, part)
    return form


def with_numbers(
    fields: dict[str, Any], *, integers: Iterable[str] = (), decimals: Iterable[str] = ()
) -> dict[str, Any]:
    """The fields with those that are numbers read as such; ApiError 400 for one that is none."""
    read = dict(fields)
    for names, kind, expected in ((integers, int, "an integer"), (decimals, float, "a decimal")):
        for name in names:
            if name in read:
                read[name] = _number(name, read[name], kind=kind, expected=expected)
    return read


def _number(name: str, given: object, *, kind: type[int] | type[float], expected: str) -> float:
    try:
        value = kind(given) if isinstance(given, str) else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise wrong_type(name, given, expected=expected)
    return value


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    delimiter = b"\r\n--" + boundary
    # The first boundary stands at the very beginning, so it is given the line break that every other one has.
    pieces = (b"\r\n" + body).split(delimiter, MAX_PARTS + 2)
    if len(pieces) > MAX_PARTS + 2:
        raise _unreadable(f"it has more than {MAX_PARTS} parts")
    if len(pieces) == 1:
        raise _unreadable("the boundary of its Content-Type does not stand in it")
    *parts, last = pieces[1:]
    if not last.startswith(b"--"):
        raise _unreadable("it ends before its last boundary")
    return parts


def _add(form: MultipartForm, part: bytes) -> None:
    # Blanks may follow a boundary on its line (RFC 2046 section 5.1.1).
    head, blank, data = part.partition(b"\r\n\r\n")
    headers = _headers(head.decode("utf-8", "replace").split("\r\n")[1:])
    name = headers.get_param("name", header="content-disposition")
    if not blank or not isinstance(name, str):
        raise _unreadable("a part of it has no name")
    filename = headers.get_param("filename", header="content-disposition")
    if filename is not None:
        form.files.setdefault(name.removesuffix("[]"), Upload(collapse_rfc2231_value(filename), data))
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _unreadable(f"the field '{name}' is not UTF-8") from None
    _add_field(form.fields, name, text=text)


def _add_field(fields: dict[str, Any], name: str, *, text: str) -> None:
    listed = name.endswith("[]")
    name = name.removesuffix("[]")
    before = fields.get(name)
    if before is None:
        fields[name] = [text] if listed else text
    else:
        fields[name] = [*(before if isinstance(before, list) else [before]), text]


def _headers(lines: list[str]) -> Message:
    message = Message()
    for line in lines:
        name, _, value = line.partition(":")
        message[name.strip()] = value.strip()
    return message


def _unreadable(reason: str) -> ApiError:
    return ApiError(400, f"Could not parse multipart form: {reason}.")
