"""Lets an answer fail inside its body: the first events as usual, then what says that it failed, then a proper end.

Not the faults of transport (`http.faults`). Shapes per the wire facts of both APIs: `response.failed`, an `error` event flat or
nested, and the error object in place of a chunk.
"""

import dataclasses
from typing import Any

import msgspec

from shim.model.exhaustive import assert_never
from shim.testing.fake_openai.answers import STREAM_TYPE, Answer, json_answer, named_sse, sse
from shim.testing.fake_openai.behaviours import FailureForm, StreamFailure
from shim.testing.fake_openai.responses.endpoint import RESPONSES_PATH
from shim.testing.fake_openai.responses.events import Event, numbered
from shim.testing.fake_openai.responses.objects import failed


def failing(answer: Answer, failure: StreamFailure, *, path: str) -> Answer:
    """The answer, failing; one that is refused anyway stays as it is."""
    if answer.status != 200:
        return answer
    streamed = ("content-type", STREAM_TYPE) in answer.headers
    if not streamed:
        return _failed_json(answer, failure, path=path)
    kept = answer.pieces[: min(failure.after_events, len(answer.pieces) - 1)]
    ends = _last_events(answer, failure, start=len(kept)) if path == RESPONSES_PATH else [sse(_error_object(failure))]
    return dataclasses.replace(answer, pieces=(*kept, *ends), shared=False)


def _error_object(failure: StreamFailure) -> dict[str, Any]:
    return {"error": {"message": failure.message, "type": failure.code, "param": None, "code": failure.code}}


def _last_events(answer: Answer, failure: StreamFailure, *, start: int) -> list[bytes]:
    opened = msgspec.json.decode(answer.pieces[0].partition(b"data: ")[2])["response"]
    said = {"code": failure.code, "message": failure.message}
    end: Event = {"type": "response.failed", "response": failed(opened, **said)}
    flat: Event = {"type": "error", **said, "param": None}
    if failure.form is FailureForm.FAILED:
        events = [end]
    elif failure.form is FailureForm.FLAT:
        events = [flat]
    elif failure.form is FailureForm.NESTED:
        events = [{"type": "error", **_error_object(failure)}, end]
    else:
        assert_never(failure.form)
    return [named_sse(event) for event in numbered(events, start=start)]


def _failed_json(answer: Answer, failure: StreamFailure, *, path: str) -> Answer:
    body: dict[str, Any] = _error_object(failure)
    if path == RESPONSES_PATH:
        body = failed(msgspec.json.decode(answer.pieces[0]), code=failure.code, message=failure.message)
    headers = (header for header in answer.headers if header[0] != "content-length")
    return json_answer(body, headers=headers)
