"""Azure's older way to make pictures: a job is submitted, and its operation asked for until it has succeeded.

`POST /openai/images/generations:submit` answers 202 with an `operation-location`; `GET /openai/operations/images/{id}` has
the pictures. The job is done at once, so the first look at it finds them. Not the pictures themselves (`endpoints.images`).
"""

import uuid
from collections.abc import Callable
from typing import Any

from shim.testing.fake_openai.answers import Answer, json_answer
from shim.testing.fake_openai.azure.errors import not_found
from shim.testing.fake_openai.bounded_store import BoundedStore
from shim.testing.fake_openai.endpoints.images import Images
from shim.testing.fake_openai.question import Question

SUBMIT_PATH = "/openai/images/generations:submit"
OPERATIONS_PATH = "/openai/operations/images"
_DAY = 24 * 60 * 60


class ImageOperations:
    """The operations of one server. `origin` says under which scheme, host and port they are reached."""

    def __init__(self, *, images: Images, origin: Callable[[], str]) -> None:
        self._images = images
        self._origin = origin
        self._operations: BoundedStore[dict[str, Any]] = BoundedStore()

    def submit(self, question: Question) -> Answer:
        """Answer `POST /openai/images/generations:submit`."""
        result = self._images.generated(question)
        identifier = str(uuid.UUID(int=question.stamp.number))
        times = {"created": result["created"], "expires": result["created"] + _DAY}
        self._operations.put(identifier, {"id": identifier, "status": "succeeded", **times, "result": result})
        location = f"{self._origin()}{OPERATIONS_PATH}/{identifier}?{question.request.query}"
        headers = (("operation-location", location), ("retry-after", "1"))
        return json_answer({"id": identifier, "status": "notRunning"}, status=202, headers=headers)

    def retrieve(self, question: Question) -> Answer:
        """Answer `GET /openai/operations/images/{id}`."""
        found = self._operations.get(question.identifier)
        if found is None:
            raise not_found()
        return json_answer(found)

    def delete(self, question: Question) -> Answer:
        """Answer `DELETE /openai/operations/images/{id}` with 204."""
        if self._operations.pop(question.identifier) is None:
            raise not_found()
        return Answer(204, (), ())
