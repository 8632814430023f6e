"""Tests of `endpoints.files`: uploads that can be listed, read and deleted."""

from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI, bounded_store
from tests.testing.fake_openai.asking import Got
from tests.testing.fake_openai.uploading import delete, get, upload

JSONL = b'{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "d"}\n'


def send(server: FakeOpenAI, data: bytes = JSONL, *, name: str = "train.jsonl", purpose: str = "fine-tune") -> Got:
    return upload(server, "/v1/files", {"purpose": purpose}, file=(name, data))


def test_an_upload_is_described(server: FakeOpenAI) -> None:
    """The answer is a complete file object, processed already."""
    got = send(server, name="data/train.jsonl").json
    assert got["id"].startswith("file-")
    assert isinstance(got["created_at"], int)
    del got["id"], got["created_at"]
    assert got == {
        "object": "file",
        "purpose": "fine-tune",
        "filename": "train.jsonl",
        "bytes": len(JSONL),
        "status": "processed",
        "status_details": None,
    }


def test_a_file_comes_back_as_it_went(server: FakeOpenAI) -> None:
    """The content is the upload byte for byte, whatever is in it."""
    data = bytes(range(256)) * 3 + b"\r\n--boundary\r\n\r\n--"
    file = send(server, data, purpose="assistants", name="grüße.bin").json
    assert file["filename"] == "grüße.bin"
    got = get(server, f"/v1/files/{file['id']}/content")
    assert (got.headers["content-type"], got.body) == ("application/octet-stream", data)
    assert get(server, f"/v1/files/{file['id']}").json == file


def test_an_empty_file_has_an_empty_content(server: FakeOpenAI) -> None:
    """A file without bytes is kept for a purpose that allows it."""
    file = send(server, b"", purpose="batch").json
    got = get(server, f"/v1/files/{file['id']}/content")
    assert (got.status, got.body) == (200, b"")


def test_files_are_listed(server: FakeOpenAI) -> None:
    """The newest comes first; `purpose`, `limit` and `after` narrow the list."""
    ids = [send(server, purpose=purpose).json["id"] for purpose in ("search", "fine-tune", "search")]
    assert [one["id"] for one in get(server, "/v1/files").json["data"]] == ids[::-1]
    assert [one["id"] for one in get(server, "/v1/files?purpose=fine-tune").json["data"]] == [ids[1]]
    first = get(server, "/v1/files?limit=2").json
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (ids[:0:-1], True)
    rest = get(server, f"/v1/files?limit=2&after={ids[1]}").json
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([ids[0]], False)


def test_a_deleted_file_is_gone(server: FakeOpenAI) -> None:
    """Deleting says so, and nothing of the file is left."""
    identifier = send(server).json["id"]
    assert delete(server, f"/v1/files/{identifier}").json == {"object": "file", "id": identifier, "deleted": True}
    for ask in (get(server, f"/v1/files/{identifier}"), delete(server, f"/v1/files/{identifier}")):
        assert (ask.status, ask.error["param"]) == (404, "id")
        assert ask.error["message"] == f"No such File object: {identifier}"
    assert get(server, "/v1/files").json["data"] == []


@pytest.mark.parametrize(
    ("fields", "files", "param", "code"),
    [
        ({"purpose": "fine-tune"}, {}, "file", "missing_required_parameter"),
        ({}, {"file": ("a.jsonl", JSONL)}, "purpose", "missing_required_parameter"),
        ({"purpose": "fun"}, {"file": ("a.jsonl", JSONL)}, "purpose", "invalid_value"),
        ({"purpose": "search", "ttl": "1"}, {"file": ("a.jsonl", JSONL)}, "ttl", "unknown_parameter"),
        ({"purpose": "fine-tune"}, {"file": ("a.jsonl", b"")}, "file", "empty_file"),
        ({"purpose": "fine-tune"}, {"file": ("a.jsonl", JSONL + b"[1]\n")}, "file", "invalid_file_format"),
        ({"purpose": "fine-tune"}, {"file": ("a.jsonl", b"\xff\n")}, "file", "invalid_file_format"),
    ],
)
def test_a_wrong_upload_is_refused(server: FakeOpenAI, fields: Any, files: Any, param: str, code: str) -> None:
    """What the API would refuse gets a 400 that names the field."""
    got = upload(server, "/v1/files", fields, **files)
    assert (got.status, got.error["param"], got.error["code"]) == (400, param, code)


def test_a_line_that_is_wrong_is_numbered(server: FakeOpenAI) -> None:
    """The error about a file for fine-tuning names the first line that is no object."""
    assert "Line 3 is not a dictionary." in send(server, JSONL + b"nonsense\n").error["message"]


@pytest.mark.parametrize(("bound", "value"), [("MOST_ITEMS", 2), ("MOST_BYTES", 2 * len(JSONL))])
def test_the_memory_is_bounded(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    """Beyond a bound the oldest file is forgotten."""
    monkeypatch.setattr(bounded_store, bound, value)
    ids = [send(server).json["id"] for _ in range(3)]
    assert [one["id"] for one in get(server, "/v1/files").json["data"]] == ids[:0:-1]
