"""The fault matrix over HTTP/2: every cell on the native provider, beside a stream on the same connection, and its tables.

Not the cells (`http2_ends`, `http2_forms`) nor the server (`http2_server`). `matrix` writes the page; `test_http2_matrix` runs
the cells and holds the page against what it sees.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache

import trustme
from msgspec import Struct

from shim.call_options import CallOptions, Deadlines
from shim.model import ModelRequest, user
from shim.native import NativeProvider
from shim.provider import Completion
from tests.faults.http2_answers import Http2Cell
from tests.faults.http2_ends import ends
from tests.faults.http2_forms import forms
from tests.faults.http2_server import BESIDE, FAULTY, Http2Server
from tests.faults.http2_windows import windows
from tests.helpers.driving import Heard, drive
from tests.helpers.providers import MakeNative

MOST_SECONDS = 15.0
"""What a cell may take, on a busy machine; on an idle one each takes some hundredths, or the silence it is given."""
_SILENCE = 0.6  # seconds of it that end a request that will not be ended
_PATIENCE = 6.0  # that end any other: far more than it takes
_BESIDE_SILENCE = 1.5  # that end a stream beside, where the whole connection is silent
_WHOLE = "abcd"  # the text of an answer that came as it should
_numbers = itertools.count(1)

BY_WHAT_HAD_COME = "by what had come"


class CameOverHttp2(Struct, frozen=True, kw_only=True):
    """What a cell came to.

    Attributes:
        category: of the error; "ok" for an answer.
        text: what had been told of the answer's text.
        beside: what the stream beside it on the same connection came to: "whole", or the category of its error.
    """

    category: str
    text: str = ""
    beside: str = ""

    def __str__(self) -> str:
        told = f"{self.category} `{self.text}`" if self.text else self.category
        return f"{told} | {self.beside}"


@cache
def http2_cells() -> tuple[Http2Cell, ...]:
    """All of them, in the order of the table."""
    return (*ends(), *forms(), *windows())


def http2_phases() -> list[str]:
    """The groups of cells, in their order."""
    return list(dict.fromkeys(each.phase for each in http2_cells()))


class Http2Matrix:
    """The native provider against the server of all cells."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self._server = Http2Server(self._authority)
        self._provider: NativeProvider | None = None
        self._opened = ExitStack()

    @contextmanager
    def running(self) -> Iterator[Http2Matrix]:
        """Serve, with a provider."""
        with self._opened, self._server:
            self._ca_file = self._opened.enter_context(self._authority.cert_pem.tempfile())
            yield self
            self._close()

    @property
    def connections(self) -> int:
        """How many the server has taken."""
        return self._server.connections

    def run(self, cell: Http2Cell) -> CameOverHttp2:
        """Run one cell and a request after it; raises AssertionError where a promise is broken."""
        began = time.monotonic()
        came = self.play(cell)
        self.follow(
            may_fail=cell.harms_next or cell.phase == "floods", patience=_SILENCE if cell.harms_next else _PATIENCE
        )
        assert time.monotonic() - began < MOST_SECONDS
        return came

    def play(self, cell: Http2Cell) -> CameOverHttp2:
        """Run one cell alone."""
        self._server.play(cell)
        if cell.opening is not None:
            self._close()  # what is wrong with an opening needs a connection of its own
        provider = self._made()
        beside = None if cell.opening is not None else self._begin_beside(provider, cell)
        words = FAULTY + b" " + b"x" * cell.size
        faulty = _asked(provider, words, stream=cell.stream, patience=_SILENCE if cell.silent else _PATIENCE)
        asked = [faulty] if beside is None else [faulty, beside]
        drive(provider, lambda: all(each.heard.done for each in asked), seconds=MOST_SECONDS)
        assert self._server.plays <= 1, "the request was sent again, unasked"
        return _came(cell, faulty, beside)

    def play_by_hand(self, cell: Http2Cell, **settings: object) -> NativeProvider:
        """Have the server play a cell, and leave it to the caller to ask: a provider with these settings."""
        self._server.play(cell)
        if settings:
            self._close()
            self._provider = MakeNative()(self._server.url, ca_file=self._ca_file, **settings)
        return self._made()

    def follow(self, *, may_fail: bool = False, patience: float = _PATIENCE) -> None:
        """Make a next request, which has to get its own answer.

        What is left of a flood still comes when the faulty one has ended, and may end the connection under a next one, and where
        the window of a whole connection stays shut the next one cannot leave: that is told, and the one after it has another
        connection.
        """
        following = self.ask(patience=patience)
        if may_fail and following.heard.completion.error is not None:
            assert following.heard.completion.error.category in ("network", "protocol", "truncated", "timeout")
            following = self.ask()
        assert following.heard.response.text == following.mark, "the next request got another's answer"

    def ask(self, *, patience: float = _PATIENCE) -> Asked:
        """Make a request, and drive it to its end."""
        asked = _asked(self._made(), b"", stream=False, patience=patience)
        drive(self._made(), lambda: asked.heard.done, seconds=MOST_SECONDS)
        return asked

    def _begin_beside(self, provider: NativeProvider, cell: Http2Cell) -> Asked:
        """A healthy stream that has begun: its connection is the one that the faulty request takes."""
        patience = _BESIDE_SILENCE if cell.end == "silence" else _PATIENCE
        beside = _asked(provider, BESIDE, stream=True, patience=patience)
        drive(provider, lambda: beside.heard.text, seconds=MOST_SECONDS)
        return beside

    def _made(self) -> NativeProvider:
        if self._provider is None:
            self._provider = MakeNative()(self._server.url, ca_file=self._ca_file)
        return self._provider

    def _close(self) -> None:
        provider, self._provider = self._provider, None
        if provider is not None:
            provider.close()


class Asked(Struct):
    """A request, the words that its answer has, and what was heard of it."""

    mark: str
    heard: Heard


def _asked(provider: NativeProvider, words: bytes, *, stream: bool, patience: float) -> Asked:
    mark = f"mark-{next(_numbers)}"
    request = ModelRequest("m", (user(f"{words.decode()} {mark}"),))
    options = CallOptions(deadlines=Deadlines(read=patience))
    heard = Heard()
    if stream:
        provider.start_stream(request, heard.on_event, heard.on_completion, options=options)
    else:
        provider.start_request(request, heard.on_completion, options=options)
    return Asked(mark, heard)


def _came(cell: Http2Cell, faulty: Asked, beside: Asked | None) -> CameOverHttp2:
    completion = faulty.heard.completion  # exactly one
    told_beside = "" if beside is None else _beside(beside)
    if cell.end == "RST":  # what had been handed over before it, the system decides
        category = "ok" if completion.error is None else str(completion.error.category)
        assert category in ("network", "truncated", "ok"), category
        return CameOverHttp2(category=BY_WHAT_HAD_COME, beside="ended with it" if beside is not None else "")
    text = _text(completion)
    assert not cell.stream or faulty.heard.text == text, "the events and the answer differ"
    category = "ok" if completion.error is None else str(completion.error.category)
    if cell.races:
        assert category in cell.races, category
        assert category != "ok" or text == _WHOLE, f"of a whole answer {text!r} was told"
        category, text = " or ".join(cell.races), "" if "ok" in cell.races else text
    elif completion.error is None:
        return CameOverHttp2(category="ok", text="its own" if text == faulty.mark else text, beside=told_beside)
    if cell.text is not None:
        assert text == cell.text, f"of {cell.text!r} that had come, {text!r} was kept"
    return CameOverHttp2(category=category, text=text, beside=told_beside)


def _beside(beside: Asked) -> str:
    """What a stream beside came to: whole, or with its connection, what had come of it kept."""
    completion = beside.heard.completion  # exactly one
    text = _text(completion)
    if completion.error is None:
        assert text == beside.mark, "the stream beside it was harmed"
        return "whole"
    assert text == beside.mark[:3], "what had come of the stream beside it was not kept"
    return str(completion.error.category)


def _text(completion: Completion) -> str:
    if completion.error is None:
        assert completion.response is not None
        return completion.response.text
    partial = completion.error.partial
    return "" if partial is None else partial.text


def http2_come_of(chosen: Sequence[Http2Cell]) -> dict[str, CameOverHttp2]:
    """What each cell came to; raises AssertionError that names the cell where a promise is broken."""
    came = {}
    threads = threading.active_count()
    with Http2Matrix().running() as matrix:
        for cell in chosen:
            try:
                came[cell.key] = matrix.run(cell)
            except AssertionError as broken:  # noqa: PERF203 - the cell has to be named
                raise AssertionError(f"{cell.phase}, {cell.key}: {broken}") from broken
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= threads, "threads were left behind"
    return came


def http2_everything() -> dict[str, dict[str, CameOverHttp2]]:
    """Run all, telling of each phase."""
    came = {}
    for phase in http2_phases():
        sys.stderr.write(f"native over HTTP/2: {phase}\n")
        came[phase] = http2_come_of([each for each in http2_cells() if each.phase == phase])
    return came


_HEAD = """
# HTTP/2

The same over HTTP/2, on the native provider alone: the legacy client speaks HTTP/1.1 only, and never offers another. A server
of raw frames over TLS has begun a healthy stream when the faulty request comes on the same connection, and goes on with it
behind the fault. "Beside" is what became of that stream: "whole", or the category of its error where the connection itself was
lost, with what had come of it kept. What goes wrong with one stream leaves the others whole. No request was sent twice, and the
next one always got its own answer, on that connection where it stands and on another where it does not; behind a flood alone, and
where the window of the whole connection never opens, what is left of it may end a next request too, which is told, and the one
after it has another connection. Openings are run on a connection of their own, with nothing beside; "its own" is the right
answer.

{known}
"""

KNOWN = (
    "RST_STREAM with NO_ERROR is taken by libcurl for a good end: a whole answer cut so is JSON that cannot be read.",
    "A whole answer whose connection ends at once behind it, with no word of TLS, is cut short where libcurl sees both at once.",
    "Streams that GOAWAY says were not processed are errors of the network: to be tried again, and nothing is, unasked.",
    "A stream whose [DONE] had come has ended well, whatever its length said.",
    "An answer that is whole before its request has left ends once libcurl need not send the rest: NO_ERROR says so.",
    "A connection on which nothing came, of any stream, until one was timed out takes no new requests; its streams stay on it.",
)
"""What to know of them, told on the page."""


def http2_page(came: Mapping[str, Mapping[str, CameOverHttp2]]) -> str:
    """Its part of the page; `came` by phase and cell."""
    told = [_HEAD.format(known="\n".join(f"- {each}" for each in KNOWN))]
    for phase in http2_phases():
        told.append(f"\n## HTTP/2: {phase}\n\n| what | native | beside |\n|---|---|---|\n")
        told.extend(f"| {key} | {shown} |\n" for key, shown in came[phase].items())
    return "".join(told)
