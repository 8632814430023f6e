"""Tests of shim.calls.answer_headers: fields found without reading all, joined, masked, and never shown bare."""

from __future__ import annotations

import pickle
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.calls import AnswerHeaders, MaskedHeaders
from shim.model.headers import Headers
from shim.wire.masking import MASK, Secret

KEY = "sk-test-do-not-show"
STATUS = b"HTTP/1.1 200 OK: fine\r\n"
RAW = (
    b"Content-Type: text/event-stream\r\nX-Request-Id: req_1 \r\nVary: a\r\nvary: b\r\nX-Echo: is sk-test-do-not-show\r\n"
    b"Set-Cookie: session=hidden\r\nEmpty:\r\nSpaced : yes\r\nno field\r\n\r\n"
)
READ = {
    "content-type": "text/event-stream",
    "x-request-id": "req_1",
    "vary": "a, b",
    "x-echo": f"is {KEY}",
    "set-cookie": "session=hidden",
    "empty": "",
    "spaced": "yes",
}
SHOWN = READ | {"x-echo": f"is {MASK}", "set-cookie": MASK}
_PARTS = st.sampled_from(
    [
        b"vary",
        b"Vary",
        b"VARY:",
        b"x-vary:",
        b": ",
        b":",
        b" ",
        b"\r",
        b"\n",
        b"\r\n",
        b"b",
        b"\xc4",
        b"\xa0",
        b"\x85",
        b"\x0b",
        b"\x1c",
        b"",
    ]
)


def masked() -> MaskedHeaders:
    """The headers above as a caller is told them, none of them read yet."""
    return MaskedHeaders(AnswerHeaders(STATUS + RAW), Secret(KEY))


def plainly_read(raw: bytes) -> dict[str, str]:
    """The fields of a head, read line by line."""
    fields: dict[str, list[str]] = {}
    for line in raw.decode("latin-1").split("\n"):
        if ":" in line:
            name, value = line.split(":", 1)
            fields.setdefault(name.strip().lower(), []).append(value.strip())
    return {name: ", ".join(values) for name, values in fields.items()}


@pytest.mark.parametrize("name", [*READ, *(name.title() for name in READ)])
def test_a_field_is_found_whatever_the_case_of_its_name(name: str) -> None:
    """Each field is found by its name in any case, with repeated ones joined, before and after all are read."""
    headers = AnswerHeaders(STATUS + RAW)
    assert headers[name] == READ[name.lower()]
    assert dict(headers) == READ
    assert headers[name] == READ[name.lower()]


@pytest.mark.parametrize(
    "name", ["absent", "", "no field", "session", "Ä", "content-type: text/event-stream\r\nx-request-id"]
)
@pytest.mark.parametrize("headers", [AnswerHeaders(STATUS + RAW), masked()], ids=["as they came", "masked"])
def test_what_is_no_field_is_not_found(headers: Mapping[str, str], name: str) -> None:
    """A name that no field has gives the default, and by index a KeyError."""
    assert headers.get(name, "none") == "none"
    assert name not in headers
    with pytest.raises(KeyError):
        headers[name]


@given(st.lists(_PARTS).map(b"".join))
def test_a_field_looked_for_is_the_field_read(raw: bytes) -> None:
    """Whatever a head holds, looking for one field gives what reading it line by line does."""
    expected = plainly_read(raw)
    for name in ("vary", "x-vary", "b", "varyb", "b vary"):
        assert AnswerHeaders(STATUS + raw).get(name) == expected.get(name)
    assert dict(AnswerHeaders(STATUS + raw)) == expected


@pytest.mark.parametrize("name", READ)
def test_a_caller_gets_each_field_masked(name: str) -> None:
    """The key, cookies and other credentials are covered in each field that is asked for, before and after all are read."""
    headers = masked()
    assert headers[name.upper()] == SHOWN[name]
    assert headers == SHOWN
    assert headers[name.upper()] == SHOWN[name]
    assert len(headers) == len(SHOWN)


def test_headers_are_shown_and_pickled_without_credentials() -> None:
    """Neither a repr nor a pickle of headers has the key, masked or as they came, read before or not."""
    for headers in (masked(), AnswerHeaders(STATUS + RAW)):
        assert KEY not in repr(headers)
    assert KEY.encode() not in pickle.dumps(masked())
    again = pickle.loads(pickle.dumps(masked()))  # noqa: S301 - our own
    assert type(again) is Headers
    assert again == SHOWN
