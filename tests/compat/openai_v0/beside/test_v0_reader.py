"""Tests that recorded answers are read by the real openai 0.28, and by nothing else in its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from shim.comparison import Exchange, Outcome
from shim.compat.openai_v0 import V0Reader
from shim.compat.openai_v0.installation import Installation, real_version
from shim.factory import create_comparer
from shim.model import UnsupportedFeatureError
from shim.recording.exchange import Segment
from shim.testing.fake_openai import Cut, FakeOpenAI, RawResponse, rate_limited, server_error, stream_failed
from tests.compat.openai_v0.beside.conftest import ASKED

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
_PIECE = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"1, 2,"}}]}\n\n'


@pytest.mark.skipif(real_version() is not None, reason="here it is")
def test_without_the_real_library_it_says_so() -> None:
    """Ours never reads under the real one's name."""
    with pytest.raises(UnsupportedFeatureError, match=r"openai==0\.28\.1"):
        V0Reader()
    with pytest.raises(UnsupportedFeatureError, match=r"openai==0\.28\.1"):
        create_comparer(control=V0Reader)


def test_answers_and_failures_match_the_native_reading(
    real: Any, fake: FakeOpenAI, install: Callable[..., Installation]
) -> None:
    """What 0.28 reads of answers, refusals, errors inside streams and cuts is what the native provider reads."""
    recorded: list[Exchange] = []
    install(record=recorded.append)
    for behaviour, stream in (
        ((), False),
        ((), True),
        (rate_limited(retry_after=2), False),
        (server_error(), True),
        (stream_failed(after_events=3), True),
        (Cut(after_events=3), True),
    ):
        fake.plan(behaviour)
        _asked(real, stream=stream)
    with create_comparer(control=V0Reader, rungs=("tee",)) as comparer:
        verdicts = [verdict for each in recorded for verdict in comparer.compare(each)]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.MATCH] * 6, [each.message for each in verdicts]


def test_a_stream_without_its_end_is_a_normal_end_to_it(
    real: Any, fake: FakeOpenAI, install: Callable[..., Installation]
) -> None:
    """Where 0.28 takes for whole what is cut short, the tee rung says so."""
    recorded: list[Exchange] = []
    install(record=recorded.append)
    fake.plan(RawResponse((_HEAD, _PIECE)))
    assert len(list(real.ChatCompletion.create(**ASKED, stream=True))) == 1
    session = real.api_requestor._thread_context.session
    reading = V0Reader().read(recorded[0])
    assert (reading.outcome, real.requestssession) == ("response", None)
    assert real.api_requestor._thread_context.session is session
    with create_comparer(control=V0Reader, rungs=("tee",)) as comparer:
        (verdict,) = comparer.compare(recorded[0])
    assert (verdict.outcome, verdict.mismatches[0].path) == (Outcome.MISMATCH, "outcome")


@pytest.mark.parametrize("seen", [b"[DONE]", b'"finish_reason":"stop"', b'"content"'])
def test_an_answer_that_its_caller_closed_broke_nothing(
    real: Any, fake: FakeOpenAI, install: Callable[..., Installation], seen: bytes
) -> None:
    """Where a program stopped reading, at the end or before it, 0.28 raised nothing, and nothing differs."""
    recorded: list[Exchange] = []
    install(record=recorded.append)
    _asked(real, stream=True)
    (whole,) = recorded
    assert whole.response is not None
    body = whole.response.body or b""
    cut = body[: body.index(b"\n\n", body.index(seen)) + 2]
    closed = replace(
        whole, ended="aborted", response=replace(whole.response, segments=(Segment.of(cut, 0.0),), decoded=True)
    )
    with create_comparer(control=V0Reader, rungs=("tee",)) as comparer:
        (verdict,) = comparer.compare(closed)
    assert verdict.outcome == Outcome.MATCH, verdict.message


def _asked(real: Any, *, stream: bool) -> None:
    try:
        list(real.ChatCompletion.create(**ASKED, stream=stream))
    except (real.error.OpenAIError, real.api_requestor.requests.exceptions.RequestException):
        return
