"""Tests of the times of a transfer: connect, first byte and end are told, in order, where they were reached."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shim.native.http_multi import HttpMulti
from shim.native.settings import HttpSettings
from shim.testing.fake_openai import FakeOpenAI
from tests.contract.served import refusing_url
from tests.native.recording import Recorder, drive, post

__all__ = ["refusing_url"]


@pytest.fixture
def multi() -> Iterator[HttpMulti]:
    """A client."""
    made = HttpMulti(HttpSettings())
    yield made
    made.close()


def test_connect_first_byte_and_end_are_told(multi: HttpMulti) -> None:
    """A transfer tells when it was connected, had its first byte and ended; on a kept connection there is nothing to connect."""
    with FakeOpenAI() as server:
        first, second = Recorder(), Recorder()
        made = multi.submit(post(server.base_url), first)
        drive(multi, lambda: first.done)
        kept = multi.submit(post(server.base_url), second)
        drive(multi, lambda: second.done)
    assert made.connected is not None
    assert made.first_byte is not None
    assert made.ended is not None
    assert made.started <= made.connected <= made.first_byte <= made.ended
    assert kept.connected is None
    assert kept.first_byte is not None
    assert kept.ended is not None
    assert kept.started <= kept.first_byte <= kept.ended


def test_a_refused_transfer_was_never_connected(multi: HttpMulti, refusing_url: str) -> None:
    """Where no connection came to stand there is an end, and no time of connect."""
    recorder = Recorder()
    transfer = multi.submit(post(refusing_url), recorder)
    drive(multi, lambda: recorder.done)
    assert (transfer.connected, transfer.first_byte) == (None, None)
    assert transfer.ended is not None
