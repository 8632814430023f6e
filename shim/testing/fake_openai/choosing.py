"""Turns the answering part of a plan into an answer; without one, the API answers as it always does.

Not its framing (`http.framing`, `http.http2_streams`) nor the faults on top of it, which `http.faults` applies. Bytes that
are to be sent as they are need no answer: `http.framing.raw` takes them.
"""

import dataclasses

from shim.model.exhaustive import assert_never
from shim.testing.fake_openai.address import address_of
from shim.testing.fake_openai.answers import Answer, status_answer
from shim.testing.fake_openai.api import Api
from shim.testing.fake_openai.azure.errors import error_of_status
from shim.testing.fake_openai.behaviours import (
    Burst,
    JsonToStream,
    Paced,
    Replay,
    Respond,
    Status,
    StreamFailure,
)
from shim.testing.fake_openai.chat.steady import steady_answer
from shim.testing.fake_openai.endpoints.completion_objects import steady_completion
from shim.testing.fake_openai.endpoints.completions import COMPLETIONS_PATH
from shim.testing.fake_openai.failing import failing
from shim.testing.fake_openai.ledger import RecordedRequest
from shim.testing.fake_openai.responses.endpoint import RESPONSES_PATH
from shim.testing.fake_openai.responses.steady import steady_events
from shim.testing.fixtures import Fixture

Answerable = Status | Respond | Replay | JsonToStream | Burst | Paced | StreamFailure


def answer_for(answering: Answerable | None, request: RecordedRequest, *, api: Api) -> Answer:
    """The answer to a request; whatever a `Respond` function raises passes through."""
    answer = _answer(answering, request, api=api)
    bodiless = request.method == "HEAD" or answer.status in {204, 304}
    return dataclasses.replace(answer, pieces=()) if bodiless else answer


def _answer(answering: Answerable | None, request: RecordedRequest, *, api: Api) -> Answer:
    if answering is None:
        return api.answer(request)
    azure = address_of(request.path).azure
    if isinstance(answering, Status):
        return api.stamped(_status(answering, azure=azure), azure=azure)
    if isinstance(answering, Respond):
        return answering.function(request)
    if isinstance(answering, JsonToStream):
        return api.answer(request, as_json=True)
    if isinstance(answering, Burst):
        return api.stamped(_steady(request, events=answering.events, text=answering.text), azure=azure)
    if isinstance(answering, Paced):
        interval = 1 / answering.per_second
        return api.stamped(
            _steady(request, events=answering.events, text=answering.text, interval=interval), azure=azure
        )
    if isinstance(answering, StreamFailure):
        return failing(api.answer(request), answering, path=address_of(request.path).path)
    if isinstance(answering, Replay):
        return _recorded(answering.fixture, timed=answering.timed)
    assert_never(answering)


def _status(status: Status, *, azure: bool) -> Answer:
    body = error_of_status(status.code).body if azure and status.body is None else status.body
    return status_answer(status.code, body=body, headers=status.headers)


def _steady(request: RecordedRequest, *, events: int, text: str, interval: float = 0.0) -> Answer:
    make = _STEADY.get(address_of(request.path).path, steady_answer)
    return make(request.json, events=events, text=text, interval=interval)


# How the endpoints stream that are not Chat Completions.
_STEADY = {COMPLETIONS_PATH: steady_completion, RESPONSES_PATH: steady_events}


def _recorded(fixture: Fixture, *, timed: bool) -> Answer:
    pieces = tuple(segment.data for segment in fixture.segments)
    times = tuple(segment.at for segment in fixture.segments) if timed else None
    return Answer(fixture.status, fixture.headers, pieces, times=times)
