"""Tests of what may be shown of an exchange: no query and no key, and what passed rather than what was kept."""

from __future__ import annotations

from typing import Any

import pytest

from shim.recording.exchange import Exchange, RecordedRequest
from shim.recording.exchange_builder import Recording, SentBody
from shim.recording.finished_exchange import Finished
from shim.recording.proxy.passed import Passed
from shim.recording.proxy.server import RecordingProxy
from shim.recording.proxy.upstream import Upstream
from shim.recording.recorder import Recorder
from shim.recording.sinks import CallableSink

UPSTREAM = Upstream.parse("http://127.0.0.1:9")


def shown(*pieces: bytes, url: str = "http://h/v1/x?q=1", **settings: Any) -> Passed:
    """What is shown of an exchange with these pieces."""
    told: list[Passed] = []

    def kept(finished: Finished, *, is_kept: bool) -> None:
        told.append(Passed.of(finished, recorded=is_kept))

    recorder = Recorder(CallableSink(lambda _exchange: None), client="proxy", **settings)
    request = RecordedRequest(method="GET", url=url)
    recording = Recording(recorder, request=request, body=SentBody(most=10), on_kept=kept)
    recording.head(200, reason="", headers=())
    recording.note_all(list(pieces), at=recording.started)
    recording.end("complete")
    (passed,) = told
    return passed


def test_what_is_shown_has_no_query_and_no_key() -> None:
    """What may be shown of an exchange holds neither its query nor what looks like a key in its path."""
    assert shown(url="http://h/v1/sk-0123456789abcdef?key=1").path == "/v1/[masked key]"


@pytest.mark.parametrize(
    ("pieces", "length", "ended"), [((b"1", b"2"), 2, "complete"), ((b"12345", b"67"), 7, "overflow")]
)
def test_what_passed_is_counted(pieces: tuple[bytes, ...], length: int, ended: str) -> None:
    """The length is of what passed, also where less of it was kept."""
    passed = shown(*pieces, max_body=3)
    assert (passed.length, passed.ended, passed.status, passed.recorded) == (length, ended, 200, True)


def test_who_listens_cannot_stop_the_records() -> None:
    """A listener that raises is asked no more, and every record is still written."""
    written: list[Exchange] = []
    asked: list[Passed] = []

    def listen(told: Passed) -> None:
        asked.append(told)
        raise ValueError("closed")

    proxy = RecordingProxy(UPSTREAM, written.append, on_passed=listen)
    with proxy:
        for _ in range(3):
            proxy.record(RecordedRequest(method="GET", url="http://h/"), pair_id=None).end("aborted")
    assert (len(written), len(asked), str(proxy.write_failure)) == (3, 1, "closed")


def test_a_failing_disk_is_told_and_the_rest_goes_on() -> None:
    """A record that cannot be written is counted, the first reason kept, and later ones are written again."""
    failures: list[Any] = [OSError(28, "No space left on device"), OSError(5, "other")]
    written: list[Exchange] = []
    told: list[Passed] = []

    def write(exchange: Exchange) -> None:
        if failures:
            raise failures.pop(0)
        written.append(exchange)

    proxy = RecordingProxy(UPSTREAM, write, on_passed=told.append)
    with proxy:
        for _ in range(3):
            proxy.record(RecordedRequest(method="GET", url="http://h/"), pair_id=None).end("aborted")
    counts = proxy.counts
    assert (counts.exchanges, counts.recorded, counts.dropped, len(written)) == (3, 1, 2, 1)
    assert str(proxy.write_failure) == "[Errno 28] No space left on device"
    assert [each.recorded for each in told] == [False, False, True]
