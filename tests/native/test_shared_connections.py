"""Tests of shim.native.shared_connections: which silence has new requests go elsewhere, how often, and what is kept of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from shim.native.settings import HttpSettings
from shim.native.shared_connections import Ends, SharedConnections, spellings
from shim.native.transfer import Transfer
from tests.native.recording import Recorder

ONE: Ends = ("127.0.0.1", "127.0.0.1", 443, 50_001)
ANOTHER: Ends = ("127.0.0.1", "127.0.0.1", 443, 50_002)


class StandIn:
    """Stands for pycurl and its handle: every request has left at once."""

    POSTTRANSFER_TIME_T = 1

    def getinfo(self, _what: int) -> int:
        """Tell when the request had left: a microsecond after its start."""
        return 1


def connections(**settings: Any) -> SharedConnections:
    """Those of a client."""
    return SharedConnections("ca.pem", settings=HttpSettings(**settings), curl=StandIn())


def on(shared: SharedConnections, ends: Ends, *, patience: float | None = 60.0) -> Transfer:
    """A transfer on a connection, since the moment 0."""
    transfer = Transfer(body=io.BytesIO(), receiver=Recorder(), size=0, patience=patience, started=0.0, since=0.0)
    transfer.easy = StandIn()
    shared.join(transfer, ends, ca_file=shared.ca_file)
    return transfer


@pytest.mark.parametrize(
    ("patience", "connect_timeout", "silence", "gives_up"),
    [
        (5.0, 10.0, 5.1, True),
        (60.0, 10.0, 9.9, False),
        (60.0, 10.0, 10.1, True),
        (60.0, None, 59.9, False),
        (None, 10.0, 10.1, True),
        (None, None, 1e9, False),
    ],
)
def test_the_silence_that_counts(
    patience: float | None, connect_timeout: float | None, silence: float, *, gives_up: bool
) -> None:
    """It is as long as a connection may take to be made, or as the transfer may wait."""
    shared = connections(connect_timeout=connect_timeout)
    stopped, _beside = on(shared, ONE, patience=patience), on(shared, ONE)
    shared.heed_silence(stopped, silence)
    assert (shared.ca_file != "ca.pem") is gives_up


def test_what_another_stream_brings_is_a_sign_of_life() -> None:
    """A connection that answers others is kept, whether they are still on it or have ended."""
    shared = connections()
    stopped, beside, ended = on(shared, ONE), on(shared, ONE), on(shared, ONE)
    assert ended.connection is not None
    ended.connection.heard = 55.0
    shared.leave(ended)
    shared.heed_silence(stopped, 60.0)
    assert shared.ca_file == "ca.pem"
    shared.heed_silence(beside, 66.0)
    assert shared.ca_file != "ca.pem"


def test_a_held_stream_says_nothing_of_its_connection() -> None:
    """Nobody wanted to hear its server."""
    shared = connections()
    stopped, _beside = on(shared, ONE), on(shared, ONE)
    stopped.held = 7
    shared.heed_silence(stopped, 100.0)
    assert shared.ca_file == "ca.pem"


def test_a_connection_with_one_stream_is_closed_with_it() -> None:
    """So nothing has to be kept away from it: nor from what HTTP/1.1 keeps."""
    shared = connections()
    stopped, _elsewhere = on(shared, ONE), on(shared, ANOTHER)
    shared.heed_silence(stopped, 100.0)
    assert shared.ca_file == "ca.pem"


def test_limited_connections_are_not_given_up() -> None:
    """They would hold their places while new requests wait."""
    shared = connections(max_connections=2)
    stopped, _beside = on(shared, ONE), on(shared, ONE)
    shared.heed_silence(stopped, 100.0)
    assert shared.ca_file == "ca.pem"


def test_a_connection_is_given_up_once() -> None:
    """The others that time out on it, or on any made before, take nothing from those made since."""
    shared = connections()
    old = [on(shared, ends) for ends in (ONE, ANOTHER) for _ in range(5)]
    for each in old:
        shared.heed_silence(each, 100.0)
        shared.leave(each)
    assert shared.ca_file == spellings("ca.pem")[1]
    assert not len(shared)


def test_a_request_that_is_sent_again_is_on_one_connection() -> None:
    """It is counted where it is, and where it was no more."""
    shared = connections()
    transfer = on(shared, ONE)
    shared.join(transfer, ANOTHER, ca_file=shared.ca_file)
    assert len(shared) == 1
    shared.leave(transfer)
    shared.leave(transfer)
    assert not len(shared)


def test_the_ways_to_name_a_file_are_few_and_differ(tmp_path: Path) -> None:
    """However often connections are given up, the name is one of some, and all are of one file."""
    (tmp_path / "ca.pem").write_text("certificates")
    ways = spellings(str(tmp_path / "ca.pem"))
    assert len(set(ways)) == len(ways)
    assert {Path(way).read_text() for way in ways} == {"certificates"}
    shared = connections()
    seen = set()
    for _ in range(100):
        stopped, beside = on(shared, ONE), on(shared, ONE)
        seen.add(shared.ca_file)
        shared.heed_silence(stopped, 100.0)
        shared.leave(stopped)
        shared.leave(beside)
    assert seen == set(spellings("ca.pem"))
