"""Tests of `multipart`: forms as clients write them, and anything else refused."""

import contextlib
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from shim.testing.fake_openai import multipart
from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.multipart import MultipartForm, Upload, form_of, with_numbers

TYPE = "multipart/form-data; boundary=b"


def written(fields: dict[str, Any], files: dict[str, Any]) -> tuple[str, bytes]:
    """A form as requests writes it."""
    prepared = requests.Request("POST", "http://x/", data=fields, files=files).prepare()
    assert isinstance(prepared.body, bytes)
    return prepared.headers["content-type"], prepared.body


@given(st.binary(max_size=200), st.text(max_size=50))
def test_bytes_and_texts_come_through(data: bytes, said: str) -> None:
    """Whatever bytes a file has, and whatever text a field has, are read as they were written."""
    said = said.encode("utf-8", "replace").decode()
    form = form_of(*written({"said": said}, {"file": ("a.bin", data)}))
    assert form == MultipartForm({"said": said}, {"file": Upload("a.bin", data)})


@pytest.mark.parametrize("name", ["a b.mp3", "grüße.mp3", 'quo"ted.mp3', "C:\\folder\\a.mp3"])
def test_file_names_come_through(name: str) -> None:
    """A file keeps its name, with blanks and letters beyond ASCII."""
    form = form_of(*written({}, {"file": (name, b"x")}))
    assert form.files["file"].filename.replace("%22", '"').replace("\\\\", "\\") == name


def test_an_encoded_file_name_is_decoded() -> None:
    """A name written as RFC 2231 has it, as urllib3 did before 2.0, is read too."""
    body = (
        b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename*=utf-8''gr%C3%BC%C3%9Fe.mp3\r\n\r\nx\r\n--b--\r\n"
    )
    assert form_of(TYPE, body).files["f"].filename == "grüße.mp3"


def test_repeated_fields_are_lists() -> None:
    """A field that comes twice, or whose name ends in brackets, is a list."""
    form = form_of(*written({"a": ["1", "2"], "b[]": "3", "c": "4"}, {"file": ("x", b"")}))
    assert form.fields == {"a": ["1", "2"], "b": ["3"], "c": "4"}


def test_the_first_of_several_files_stands_for_all() -> None:
    """Files of one name, with brackets or without, are known by the first."""
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="image[]"; filename="%b"\r\n\r\n%b\r\n' % (name, name)
        for name in (b"one", b"two")
    )
    assert form_of(TYPE, body + b"--b--").files == {"image": Upload("one", b"one")}


def test_what_stands_before_and_behind_the_parts_is_left_out() -> None:
    """A preamble, blanks behind a boundary and an epilogue are no content (RFC 2046 section 5.1.1)."""
    body = b'preamble\r\n--b \r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\nepilogue'
    assert form_of(TYPE, body).fields == {"a": "1"}


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("application/json", b"{}", "but got 'application/json'"),
        ("", b"", "but got no Content-Type"),
        ("multipart/form-data", b"", "names no boundary"),
        (TYPE, b"", "does not stand in it"),
        (TYPE, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1', "ends before its last boundary"),
        (TYPE, b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", "a part of it has no name"),
        (TYPE, b'--b\r\nContent-Disposition: form-data; name="a"\r\n--b--', "a part of it has no name"),
        (TYPE, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--', "the field 'a' is not UTF-8"),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes, reason: str) -> None:
    """The error says what is wrong with it."""
    with pytest.raises(ApiError, match="Could not parse multipart form") as caught:
        form_of(content_type, body)
    assert reason in str(caught.value)


def test_parts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A form of very many parts is refused."""
    monkeypatch.setattr(multipart, "MAX_PARTS", 3)
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    assert form_of(TYPE, part * 3 + b"--b--").fields == {"a": ["1", "1", "1"]}
    with pytest.raises(ApiError, match="more than 3 parts"):
        form_of(TYPE, part * 4 + b"--b--")


@given(st.binary(max_size=300).map(lambda data: data.replace(b"B", b"\r\n--b\r\n")))
def test_garbage_is_refused_or_read(data: bytes) -> None:
    """No body whatever fails in another way than the API's error."""
    with contextlib.suppress(ApiError):
        assert isinstance(form_of(TYPE, b"--b\r\n" + data + b"\r\n--b--"), MultipartForm)


def test_numbers_are_read() -> None:
    """Fields that are numbers become numbers, and those that are none are named."""
    assert with_numbers({"n": "2", "t": "0.5", "x": "1"}, integers=("n",), decimals=("t", "u")) == {
        "n": 2,
        "t": 0.5,
        "x": "1",
    }
    for value in ("two", "1.5", "", ["1", "2"]):
        with pytest.raises(ApiError, match="Invalid type for 'n': expected an integer"):
            with_numbers({"n": value}, integers=("n",))
