"""Form bodies as plain values: multipart and urlencoded, so that two of them can be compared field by field.

Not JSON (`canonical`), nor what of a form counts (`wire_rung`). Each client makes up a boundary of its own, anew for each
request, and may put fields in another order; the fields are what a server acts on. RFC 7578 (multipart/form-data), RFC 2046
5.1.1 (its boundaries), and the URL standard's application/x-www-form-urlencoded.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from email.message import Message
from typing import Any, Final
from urllib.parse import parse_qsl

from shim.comparison.canonical import canonical_json

MULTIPART: Final = "multipart/form-data"
URLENCODED: Final = "application/x-www-form-urlencoded"

_LONGEST_TEXT: Final = 1 << 16  # bytes of a field that are compared as text; a longer one is compared by its hash


def plain_body(body: bytes, content_type: str) -> Any:
    """Read a body as plain values: a form as an object of its fields, anything else as JSON.

    Raises:
        UnreadableExchangeError: as `canonical_json`, of what is no form.
    """
    form = form_of(body, content_type)
    return canonical_json(body) if form is None else form


def is_plain(body: bytes, content_type: str) -> bool:
    """Whether a body is a form, or an object of JSON by how it begins."""
    return body.lstrip()[:1] == b"{" or form_of(body, content_type) is not None


def form_of(body: bytes, content_type: str) -> dict[str, Any] | None:
    """The fields of a form by name, those that come more than once as a list; None where the body is no form.

    A field of text is that text. What has a file's name, a type, or is no text is an object that says so.
    """
    if not body or "/" not in content_type:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == URLENCODED:
        return _urlencoded(body)
    return _multipart(body, content_type) if kind == MULTIPART else None


def _urlencoded(body: bytes) -> dict[str, Any] | None:
    try:
        return _by_name(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict"))
    except ValueError:
        return None


def _multipart(body: bytes, content_type: str) -> dict[str, Any] | None:
    boundary = _header(content_type).get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        return None
    named: list[tuple[str, Any]] = []
    for head, data in _parts(body, b"--" + boundary.encode("latin-1", "replace")):
        name = head.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            return None  # of another kind than a form
        named.append((name, _field(head, data)))
    return _by_name(named) if named else None


def _parts(body: bytes, mark: bytes) -> Iterator[tuple[Message, bytes]]:
    """Head and content of each part, up to the closing mark, or as far as the body goes."""
    for piece in (b"\r\n" + body).split(b"\r\n" + mark)[1:]:
        if piece.startswith(b"--"):
            return
        head, _, data = piece.partition(b"\r\n\r\n")
        yield _head(head), data


def _head(lines: bytes) -> Message:
    message = Message()
    for line in lines.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            message[name.strip()] = value.strip()
    return message


def _header(content_type: str) -> Message:
    message = Message()
    message["content-type"] = content_type
    return message


def _field(head: Message, data: bytes) -> Any:
    filename, kind = head.get_filename(), head.get("content-type")
    text = _text(data)
    if filename is None and kind is None and text is not None:
        return text
    said = {"filename": filename, "content_type": kind}
    told: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if text is None:
        return told | {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return told | {"text": text}


def _text(data: bytes) -> str | None:
    if len(data) > _LONGEST_TEXT:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _by_name(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    told: defaultdict[str, list[Any]] = defaultdict(list)
    for name, value in fields:
        told[name].append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in told.items()}


__all__ = ["MULTIPART", "URLENCODED", "form_of", "is_plain", "plain_body"]
