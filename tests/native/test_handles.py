"""Tests of shim.native.handles: what a handle of libcurl is told, once or when it changes, and what it lets go of."""

from __future__ import annotations

import io
import time
from collections import deque
from typing import Any

import pytest

from shim.native.handles import NAMES_KEPT, PAUSE_RECEIVING, Handle, Names
from shim.native.routes import HttpRoute
from shim.native.settings import HttpSettings
from shim.native.shared_connections import SharedConnections
from shim.native.transfer import HttpRequest, Transfer
from tests.native.recording import Recorder


class StandIn:
    """Stands for the module of pycurl, where an option is its name, and for a handle, which notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return name

    def setopt(self, option: str, value: Any) -> None:
        """Note it."""
        self.told.append((option, value))

    def unsetopt(self, option: str) -> None:
        """Note it."""
        self.told.append((option, None))

    def getinfo(self, _time: int) -> float:
        """Tell when the first byte came: a second after the start."""
        return 1.0


@pytest.fixture
def curl() -> StandIn:
    """A stand-in."""
    return StandIn()


def handle_of(curl: StandIn) -> Handle:
    """A handle that has been told what never changes."""
    made = new_handle(curl)
    curl.told.clear()
    return made


def new_handle(curl: StandIn, *, full: list[Transfer] | None = None, names: Names | None = None) -> Handle:
    """A handle that is told now what never changes."""
    return Handle(
        {},
        curl=curl,
        easy=curl,
        made=lambda _fd, _purpose: 0,
        touched=deque(),
        full=[] if full is None else full,
        shared=SharedConnections("ca.pem", settings=HttpSettings(), curl=curl),
        names=Names() if names is None else names,
    )


def transfer_of(body: bytes = b"") -> Transfer:
    """A transfer to carry."""
    now = time.monotonic()
    return Transfer(body=io.BytesIO(body), receiver=Recorder(), size=len(body), patience=None, started=now, since=now)


def carried(
    handle: Handle,
    *,
    url: str = "http://h/",
    body: bytes = b"12",
    connect_ms: int = 10_000,
    proxy: str | None = None,
    alone: bool = True,
) -> Transfer:
    """A transfer, given to the handle."""
    transfer = transfer_of(body)
    transfer.alone = alone
    request = HttpRequest(url=url, headers=("Authorization: Bearer sk-secret-1234",), body=body)
    handle.carry(transfer, request, route=HttpRoute(connect_ms, proxy))
    return transfer


def test_a_like_request_costs_no_option(curl: StandIn) -> None:
    """Of a second request with the same address, headers and length libcurl is told nothing."""
    handle = handle_of(curl)
    carried(handle)
    assert {option for option, _ in curl.told} == {
        "URL",
        "HTTPHEADER",
        "POSTFIELDSIZE",
        "CONNECTTIMEOUT_MS",
        "CAINFO",
    }
    handle.rest()
    curl.told.clear()
    carried(handle)
    assert curl.told == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"url": "http://other/"}, [("URL", "http://other/")]),
        ({"body": b"123"}, [("POSTFIELDSIZE", 3)]),
        ({"body": b" " * 40_000}, [("POSTFIELDSIZE", 40_000), ("UPLOAD_BUFFERSIZE", 65_536)]),
        ({"connect_ms": 3000}, [("CONNECTTIMEOUT_MS", 3000)]),
        ({"alone": False}, [("PIPEWAIT", 1)]),
        ({"proxy": "http://p:1"}, [("PROXY", "http://p:1")]),
    ],
    ids=["address", "length", "long body", "limit", "waits for a connection", "proxy"],
)
def test_what_differs_is_told_and_taken_back(curl: StandIn, change: dict[str, Any], expected: object) -> None:
    """Libcurl is told what differs from the request before, and the next request's own again."""
    handle = handle_of(curl)
    carried(handle)
    first = dict(curl.told) | {"UPLOAD_BUFFERSIZE": 16_384, "PIPEWAIT": 0, "PROXY": None}
    curl.told.clear()
    carried(handle, **change)
    assert curl.told == expected
    told = [option for option, _ in curl.told]
    curl.told.clear()
    carried(handle)
    assert curl.told == [(option, first[option]) for option in told]


def test_behind_a_fault_names_are_looked_up_anew(curl: StandIn) -> None:
    """For as long as libcurl may keep what a lookup gave before the fault, and no longer."""
    names = Names()
    handle = new_handle(curl, names=names)
    carried(handle)
    curl.told.clear()
    names.doubt(time.monotonic())
    carried(handle)
    assert curl.told == [("DNS_CACHE_TIMEOUT", 0)]
    names.doubt(time.monotonic() - NAMES_KEPT)
    carried(handle)
    assert curl.told == [("DNS_CACHE_TIMEOUT", 0), ("DNS_CACHE_TIMEOUT", NAMES_KEPT)]


def test_a_transfer_that_started_over_leaves_nothing_behind(curl: StandIn) -> None:
    """The next transfer of a handle may wait for a connection, and take up a kept one, although the last was not to."""
    handle = handle_of(curl)
    carried(handle)
    curl.told.clear()
    handle.start_over()
    handle.rest()
    assert dict(curl.told) == {"PIPEWAIT": 0, "FRESH_CONNECT": 0}
    assert curl.told[1] == ("FRESH_CONNECT", 1)


def test_an_idle_handle_holds_no_transfer_and_sends_nothing(curl: StandIn) -> None:
    """At rest it has no transfer, gives no byte of a body, takes none, and shows no header."""
    handle = new_handle(curl)
    callbacks = dict(curl.told)
    transfer = carried(handle, body=b"body")
    assert callbacks["READFUNCTION"](2) == b"bo"
    assert callbacks["RESOLVER_START_FUNCTION"]() == 0
    assert transfer.looked_up
    handle.rest()
    assert handle.transfer is None
    assert callbacks["READFUNCTION"](2) == b""
    assert callbacks["WRITEFUNCTION"](b"late") is None
    assert transfer.segments == []
    assert "sk-secret-1234" not in repr(handle)


def test_a_head_that_was_cut_is_no_part_of_the_next(curl: StandIn) -> None:
    """Lines of a head that broke off, and trailers behind an answer, are not read with the head that follows."""
    handle = new_handle(curl)
    on_header = dict(curl.told)["HEADERFUNCTION"]
    carried(handle)
    for line in (b"HTTP/1.1 500 No\r\n", b"x-first: 1\r\n"):
        on_header(line)
    handle.start_over()
    for line in (
        b"HTTP/1.1 103 Early\r\n",
        b"x-early: 1\r\n",
        b"\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"x-second: 2\r\n",
        b"\r\n",
    ):
        on_header(line)
    for line in (b"x-trailer: 200 3\r\n", b"\r\n"):
        on_header(line)
    assert handle.transfer is not None
    handle.transfer.read_head()
    assert (handle.transfer.status, dict(handle.transfer.headers)) == (200, {"x-second": "2"})


def test_what_comes_for_the_next_transfer_is_no_head_of_the_last(curl: StandIn) -> None:
    """A transfer that is over without a head has none later, when its handle carries another."""
    handle = new_handle(curl)
    on_header = dict(curl.told)["HEADERFUNCTION"]
    cancelled = carried(handle)
    handle.rest()
    answered = carried(handle)
    for line in (b"HTTP/1.1 200 OK\r\n", b"x-second: 2\r\n", b"\r\n"):
        on_header(line)
    for each in (cancelled, answered):
        each.read_head()
    assert (cancelled.status, answered.status) == (0, 200)


def test_more_short_segments_than_may_wait_pause_the_transfer(curl: StandIn) -> None:
    """A server that sends each byte in a chunk of its own is made to wait, and libcurl is told to keep the byte."""
    full = list[Transfer]()
    handle = new_handle(curl, full=full)
    one = carried(handle)
    on_body = dict(curl.told)["WRITEFUNCTION"]
    answers = [on_body(b"x") for _ in range(3000)]
    assert answers.count(None) == len(one.segments) == 2048
    assert set(answers) == {None, PAUSE_RECEIVING}
    assert full[0] is one


def test_trailers_are_no_second_head() -> None:
    """Lines that libcurl hands on after the head, of a trailer section, leave status and headers as they were."""
    handle = new_handle(StandIn())
    transfer = carried(handle)
    transfer.head.extend([b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n", b"\r\n"])
    transfer.read_head()
    transfer.head.extend([b"X-A: 2\r\n", b"\r\n"])
    transfer.read_head()
    assert (transfer.status, dict(transfer.headers)) == (200, {"x-a": "1"})


def test_what_a_handle_was_told_is_shown_without_its_headers(curl: StandIn) -> None:
    """The key, which stands in a header, is in no repr of what a handle remembers."""
    handle = handle_of(curl)
    request = HttpRequest(url="http://localhost/v1", headers=("Authorization: Bearer sk-not-to-be-shown",), body=b"{}")
    handle.carry(transfer_of(b"{}"), request, route=HttpRoute(1000, None))
    assert "sk-not-to-be-shown" not in repr(handle._told)
    assert "localhost" in repr(handle._told)
