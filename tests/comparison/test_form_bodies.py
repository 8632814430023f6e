"""Tests of form bodies as plain values: what a server acts on, however a client wrote it down."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import requests

from shim.comparison.form_bodies import form_of, is_plain, plain_body
from shim.recording.exchange import UnreadableExchangeError

URLENCODED = "application/x-www-form-urlencoded"
SOUND = b"RIFF\x00\xff\r\n--no boundary\r\n"


def prepared(**sent: Any) -> tuple[bytes, str]:
    """A body as requests writes it, and its content type."""
    made = requests.Request("POST", "http://localhost/", **sent).prepare()
    body = made.body if isinstance(made.body, bytes) else str(made.body).encode()
    return body, made.headers["Content-Type"]


def test_a_multipart_form_is_its_fields() -> None:
    """Text is told as text, a file by its name, type and hash, a name that comes twice as a list."""
    files = [("file", ("a.wav", SOUND, "audio/wav")), ("notes", ("é.txt", b"words", "text/plain"))]
    body, kind = prepared(
        data=[("model", "whisper-1"), ("granularities[]", "word"), ("granularities[]", "segment")], files=files
    )
    assert form_of(body, kind) == {
        "model": "whisper-1",
        "granularities[]": ["word", "segment"],
        "file": {
            "filename": "a.wav",
            "content_type": "audio/wav",
            "bytes": len(SOUND),
            "sha256": hashlib.sha256(SOUND).hexdigest(),
        },
        "notes": {"filename": "é.txt", "content_type": "text/plain", "text": "words"},
    }


def test_what_clients_make_up_says_nothing() -> None:
    """The boundary and the order of differently named fields are the client's own."""
    one, other = (prepared(data={"a": "1"}, files={"f": b"x"}) for _ in range(2))
    assert one != other
    assert form_of(*one) == form_of(*other)
    by_hand = b'preface\r\n--"x"\r\ncontent-disposition: form-data; name=f; filename=f\r\n\r\nx\r\n--"x"\r\n'
    by_hand += b'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n--"x"--\r\nepilogue'
    assert form_of(by_hand, 'Multipart/Form-Data; charset=utf-8; boundary="\\"x\\""') == form_of(*one)


def test_a_long_field_is_told_by_its_hash() -> None:
    """A field too long to be shown is compared all the same."""
    body, kind = prepared(files={"file": ("a.jsonl", b"{}\n" * 40_000)})
    form = form_of(body, kind) or {}
    assert form["file"]["bytes"] == 120_000
    assert set(form["file"]) == {"filename", "bytes", "sha256"}


def test_an_urlencoded_form_is_its_fields() -> None:
    """Fields are told by name, decoded, empty ones too."""
    assert form_of(b"a=1&b=%C3%A9+x&a=2&c=", f"{URLENCODED}; charset=UTF-8") == {"a": ["1", "2"], "b": "é x", "c": ""}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data"),
        (b"no part of it", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Type: text/plain\r\n\r\nwords\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: attachment\r\n\r\nwords\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"words", URLENCODED),
        (b"a=\xff", URLENCODED),
        (b"a=1", "text/plain"),
        (b"a=1", ""),
    ],
)
def test_what_is_no_form_is_none(body: bytes, kind: str) -> None:
    """What cannot be read as a form is not taken for one, and then is JSON or nothing that can be compared."""
    assert form_of(body, kind) is None
    assert not is_plain(body, kind)
    with pytest.raises(UnreadableExchangeError):
        plain_body(body, kind)


def test_a_form_that_ends_early_is_read_as_far_as_it_goes() -> None:
    """A recording may hold the beginning of a form alone."""
    body, kind = prepared(data={"a": "1", "b": "2"}, files={"f": b"words"})
    assert form_of(body[: body.index(b"words") + 2], kind) == {"a": "1", "b": "2", "f": {"filename": "f", "text": "wo"}}
    assert is_plain(b' {"a": 1}', "application/json")
    assert plain_body(b'{"a": 1}', "application/json") == {"a": 1}
