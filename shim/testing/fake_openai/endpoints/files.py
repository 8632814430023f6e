"""The endpoints of `/v1/files`: uploads, kept for as long as the server runs and within bounds.

A file is processed as soon as it is there. Per the API reference of Files; what is meant for fine-tuning must be JSONL.
"""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import msgspec

from shim.testing.fake_openai.answers import Answer, ApiError, json_answer
from shim.testing.fake_openai.bounded_store import BoundedStore
from shim.testing.fake_openai.multipart import Upload
from shim.testing.fake_openai.paging import page
from shim.testing.fake_openai.question import Question, Stamp
from shim.testing.fake_openai.value_rules import Rule, check_fields, missing, text

FILES_PATH = "/v1/files"
PURPOSES = (
    "fine-tune", "fine-tune-results", "answers", "search", "classifications", "assistants", "batch", "vision", "user_data",
    "evals",
)  # fmt: skip

# `model` was sent by the client of 2021, and is not looked at.
PARAMETERS: dict[str, Rule] = {"purpose": text(*PURPOSES), "model": text()}


@dataclass(frozen=True)
class StoredFile:
    """A file: the object that describes it, and its bytes."""

    described: dict[str, Any]
    data: bytes


class Files:
    """The files of one server."""

    def __init__(self) -> None:
        self._files: BoundedStore[StoredFile] = BoundedStore()
        self._kept = 0

    def upload(self, question: Question) -> Answer:
        """Answer `POST /v1/files`: a form with `purpose` and `file`."""
        form = question.form()
        check_fields(form.fields, PARAMETERS, required=("purpose",))
        file = form.files.get("file")
        if file is None:
            raise missing("file")
        purpose = form.fields["purpose"]
        if purpose == "fine-tune":
            _check_jsonl(file)
        name = PurePath(file.filename.replace("\\", "/")).name or "file"
        kept = self.keep(name, file.data, purpose=purpose, stamp=question.stamp)
        return json_answer(kept, status=201 if question.azure else 200)

    def list(self, question: Question) -> Answer:
        """Answer `GET /v1/files`, newest first."""
        query = question.query
        purpose = query.get("purpose")
        newest_first = [one.described for one in self._files][::-1]
        fitting = [one for one in newest_first if purpose in {None, one["purpose"]}]
        return json_answer(page(fitting, query, limit=10_000, most=10_000))

    def retrieve(self, question: Question) -> Answer:
        """Answer `GET /v1/files/{id}`."""
        return json_answer(self.found(question.identifier).described)

    def content(self, question: Question) -> Answer:
        """Answer `GET /v1/files/{id}/content` with the bytes."""
        file = self.found(question.identifier)
        name = file.described["filename"].encode("ascii", "replace").decode("ascii").replace('"', "'")
        headers = (
            ("content-type", "application/octet-stream"),
            ("content-length", str(len(file.data))),
            ("content-disposition", f'attachment; filename="{name}"'),
        )
        return Answer(200, headers, (file.data,) if file.data else ())

    def delete(self, question: Question) -> Answer:
        """Answer `DELETE /v1/files/{id}`."""
        self.found(question.identifier)
        self._files.pop(question.identifier)
        if question.azure:
            return Answer(204, (), ())
        return json_answer({"object": "file", "id": question.identifier, "deleted": True})

    def found(self, identifier: str, *, param: str = "id") -> StoredFile:
        """The file of an id; ApiError 404 for one that is not there, 400 where another parameter than the path names it."""
        file = self._files.get(identifier)
        if file is None:
            raise ApiError(404 if param == "id" else 400, f"No such File object: {identifier}", param=param)
        return file

    def keep(self, name: str, data: bytes, *, purpose: str, stamp: Stamp) -> dict[str, Any]:
        """Keep a file, and return the object that describes it."""
        self._kept += 1
        described: dict[str, Any] = {
            "object": "file",
            "id": f"file-{self._kept:024d}",
            "purpose": purpose,
            "filename": name,
            "bytes": len(data),
            "created_at": stamp.created,
            "status": "processed",
            "status_details": None,
        }
        self._files.put(described["id"], StoredFile(described, data), size=len(data))
        return described


def _check_jsonl(file: Upload) -> None:
    lines = [line for line in file.data.splitlines() if line.strip()]
    if not lines:
        raise ApiError(400, "File is empty. Please check your file.", param="file", code="empty_file")
    for number, line in enumerate(lines, 1):
        try:
            fine = isinstance(msgspec.json.decode(line), dict)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            fine = False
        if not fine:
            message = (
                "Expected file to have JSONL format, where every line is a valid JSON dictionary. "
                f"Line {number} is not a dictionary."
            )
            raise ApiError(400, message, param="file", code="invalid_file_format")
