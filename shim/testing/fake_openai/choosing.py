"""Turns the answering part of a plan into a framed response; without one, the API answers as it always does.

Not the faults on top of it, which `faults` applies.
"""

import dataclasses

import h11

from shim.model.exhaustive import assert_never
from shim.testing.fake_openai.answers import Answer, status_answer
from shim.testing.fake_openai.api import Api
from shim.testing.fake_openai.behaviours import (
    Answering,
    Burst,
    JsonToStream,
    Paced,
    RawResponse,
    Replay,
    Respond,
    Status,
)
from shim.testing.fake_openai.framing import Script, frame, raw
from shim.testing.fake_openai.ledger import RecordedRequest
from shim.testing.fake_openai.steady import steady_answer
from shim.testing.fixtures import Fixture


def script_for(
    answering: Answering | None, request: RecordedRequest, *, api: Api, connection: h11.Connection
) -> Script:
    """The framed response to a request; whatever a `Respond` function raises passes through."""
    if isinstance(answering, RawResponse):
        return raw(answering.segments, gap=answering.gap)
    if isinstance(answering, Replay):
        script = frame(connection, _without_body_to_head(_recorded(answering.fixture), request))
        return _at_recorded_times(script, answering.fixture) if answering.timed else script
    return frame(connection, _without_body_to_head(_answer(answering, request, api=api), request))


def _answer(
    answering: Status | Respond | JsonToStream | Burst | Paced | None, request: RecordedRequest, *, api: Api
) -> Answer:
    if answering is None:
        return api.answer(request)
    if isinstance(answering, Status):
        return api.stamped(status_answer(answering.code, body=answering.body, headers=answering.headers))
    if isinstance(answering, Respond):
        return answering.function(request)
    if isinstance(answering, JsonToStream):
        return api.answer(request, as_json=True)
    if isinstance(answering, Burst):
        return api.stamped(steady_answer(request.json, events=answering.events, text=answering.text))
    if isinstance(answering, Paced):
        interval = 1 / answering.per_second
        answer = steady_answer(request.json, events=answering.events, text=answering.text, interval=interval)
        return api.stamped(answer)
    assert_never(answering)


def _recorded(fixture: Fixture) -> Answer:
    return Answer(fixture.status, fixture.headers, tuple(segment.data for segment in fixture.segments))


def _at_recorded_times(script: Script, fixture: Fixture) -> Script:
    times = (segment.at for segment in fixture.segments)
    timed = (dataclasses.replace(piece, at=at) for piece, at in zip(script.pieces, times, strict=True))
    return dataclasses.replace(script, pieces=tuple(timed))


def _without_body_to_head(answer: Answer, request: RecordedRequest) -> Answer:
    bodiless = request.method == "HEAD" or answer.status in {204, 304}
    return dataclasses.replace(answer, pieces=()) if bodiless else answer
