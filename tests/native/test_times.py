"""Tests of the time of a transfer's first byte: when it came, and not when it was asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from shim.native.http_multi import HttpMulti
from shim.native.settings import HttpSettings
from shim.testing.fake_openai import FakeOpenAI, RawResponse
from tests.contract.served import refusing_url
from tests.native.recording import Recorder, drive, post

__all__ = ["refusing_url"]


@pytest.fixture
def multi() -> Iterator[HttpMulti]:
    """A client."""
    made = HttpMulti(HttpSettings())
    yield made
    made.close()


def test_the_first_byte_is_that_of_the_head(multi: HttpMulti) -> None:
    """A head that comes long before its body tells when the first byte came."""
    with FakeOpenAI() as server:
        server.plan(RawResponse((b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", b"hello"), gap=0.3))
        recorder = Recorder()
        transfer = multi.submit(post(server.base_url), recorder)
        drive(multi, lambda: recorder.done)
        ended = time.monotonic()
    assert transfer.first_byte is not None
    assert transfer.started <= transfer.first_byte <= ended - 0.25


def test_a_refused_transfer_has_no_first_byte(multi: HttpMulti, refusing_url: str) -> None:
    """Where no connection came to stand nothing came."""
    recorder = Recorder()
    transfer = multi.submit(post(refusing_url), recorder)
    drive(multi, lambda: recorder.done)
    assert transfer.first_byte is None
