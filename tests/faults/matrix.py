"""The fault matrix: every cell on both providers, beside a healthy stream and before a next request, and its table.

Not the cells (`cells`). `python -m tests.faults.matrix` runs all and writes `docs/fault_matrix.md`; `test_matrix` runs them and
holds that page against what it sees.
"""

from __future__ import annotations

import itertools
import re
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme
from msgspec import Struct

from shim.model import ModelRequest, user
from tests.faults.cells import BODY, PHASES, Cell, cells
from tests.faults.http2_matrix import http2_everything, http2_page
from tests.helpers.driving import Heard, drive, start
from tests.helpers.providers import AnyProvider, Make, MakeLegacy, MakeNative
from tests.helpers.raw_server import END, SSE, Connection, RawServer, events, json_answer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fault_matrix.md"
MAKERS: dict[str, Make] = {"legacy": MakeLegacy(), "native": MakeNative()}
TRANSPORTS = ("http", "https")
OVER_TLS = frozenset({"breaks off", "falls silent"})
"""The phases that are run over TLS too: the others differ in nothing that TLS could change."""
READ_TIMEOUT = 0.6
MOST_SECONDS = 10.0
"""What a cell may take, on a busy machine; on an idle one each takes some hundredths, or the read timeout."""

_MARK = re.compile(rb"mark-\d+")
_numbers = itertools.count(1)

_TLS_END = "over TLS libcurl sees that the end was none: the connection was cut, with no word of TLS about it"
_OVERLOOKS = (
    "libcurl refuses what Python's http.client overlooks, and the other way round: each reads what it always read"
)

REASONS = {
    "whole: after the head, with no length, FIN": _TLS_END,
    "whole: in the body, with no length, FIN": _TLS_END,
    "whole: in the last chunk, FIN": "http.client does not wait for the blank line behind the last chunk",
    **dict.fromkeys(
        (
            *("whole: a negative length", "stream: a negative length"),
            *("whole: a length that is no number", "stream: a length that is no number"),
            "whole: a length beyond 64 bits",
            *("whole: a status line of HTTP/2", "stream: a status line of HTTP/2"),
            *("whole: a header without a colon", "stream: a header without a colon"),
            *("whole: a NUL in a header", "stream: a NUL in a header"),
        ),
        _OVERLOOKS,
    ),
    **dict.fromkeys(
        ("whole: 101, and then an answer", "stream: 101, and then an answer"),
        "the frozen client takes 101 for the answer, and the adapter says so; libcurl waits for one",
    ),
    "stream: bytes that are no UTF-8 between events": (
        "the legacy client hands over the bytes as received; the standard's reader replaces what is not UTF-8"
    ),
}
"""Where the two providers tell it otherwise: the cell -> why."""


class Came(Struct, frozen=True, kw_only=True):
    """What a cell came to on one provider.

    Attributes:
        category: of the error; "ok" for an answer.
        text: what had been told of the answer's text.
    """

    category: str
    text: str

    def __str__(self) -> str:
        shown = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in self.text)
        return f"{self.category} `{shown}`" if shown else self.category


class Matrix:
    """One provider against the server of all cells; a context manager."""

    def __init__(self, kind: str, transport: str) -> None:
        self._kind = kind
        self._cell: Cell | None = None
        authority = trustme.CA() if transport == "https" else None
        self._authority = authority
        self._server = RawServer([[self._answer]], tls=None if authority is None else _context(authority))

    @contextmanager
    def running(self) -> Iterator[Matrix]:
        """Serve, with a provider."""
        make = MAKERS[self._kind]
        with self._server as server, self._trusted() as trust:
            self.provider = make(server.url, read_timeout=READ_TIMEOUT, **trust)
            with self.provider:
                yield self

    def run(self, cell: Cell) -> Came:
        """Run one cell; raises AssertionError where a promise is broken."""
        self._cell = cell
        began = time.monotonic()
        beside, faulty = _asked(self.provider, stream=True), _asked(self.provider, stream=cell.stream, words="FAULTY")
        drive(self.provider, lambda: faulty.heard.done and beside.heard.done, seconds=MOST_SECONDS)
        assert faulty.heard.completion is not None  # exactly one
        assert beside.heard.response.text == beside.mark, "the stream beside it was harmed"
        following = _asked(self.provider, stream=False)
        drive(self.provider, lambda: following.heard.done, seconds=MOST_SECONDS)
        assert following.heard.response.text == following.mark, "the next request got another's answer"
        assert time.monotonic() - began < MOST_SECONDS
        return _came(faulty.heard, cell)

    def _answer(self, connection: Connection) -> None:
        """Play the cell for its request, and give every other its own words back."""
        while connection.read_request():
            request = connection.server.requests.pop()
            if b"FAULTY" in request:
                self._play(connection)
                continue
            mark = _MARK.findall(request)[-1]
            if b'"stream":true' not in request.replace(b'": ', b'":'):
                connection.sock.sendall(json_answer(_whole(mark)))
                continue
            connection.sock.sendall(SSE)
            for piece in (mark[:3], mark[3:]):
                connection.sock.sendall(events(_piece(piece)))
                time.sleep(0.005)
            connection.sock.sendall(events(_FINISH, b"[DONE]") + END)

    def _play(self, connection: Connection) -> None:
        cell = self._cell
        assert cell is not None
        connection.sock.sendall(cell.sent)
        if cell.end == "silence":
            while connection.sock.recv(65536):
                pass
        if cell.end == "RST":
            time.sleep(0.03)  # what was sent is there before the reset, which throws away what is not
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if cell.end != "stays":
            raise ConnectionAbortedError

    @contextmanager
    def _trusted(self) -> Iterator[dict[str, Any]]:
        if self._authority is None:
            yield {}
            return
        with self._authority.cert_pem.tempfile() as path:
            yield {"verify" if self._kind == "legacy" else "ca_file": path}


class _Asked(Struct):
    mark: str
    heard: Heard


def _asked(provider: AnyProvider, *, stream: bool, words: str = "") -> _Asked:
    mark = f"mark-{next(_numbers)}"
    request = ModelRequest("m", (user(f"{words} {mark}"),))
    return _Asked(mark, start(provider, request, stream=stream))


def _came(heard: Heard, cell: Cell) -> Came:
    completion = heard.completion
    if cell.end == "RST":  # what had been handed over before it, the system decides
        category = "ok" if completion.error is None else str(completion.error.category)
        assert category in ("network", "truncated", *(("ok", "protocol") if _may_be_whole(cell) else ())), category
        return Came(category="by what had come", text="")
    if completion.error is None:
        assert completion.response is not None
        return Came(category="ok", text=completion.response.text)
    partial = completion.error.partial
    text = "" if partial is None else partial.text
    if cell.text is not None:
        assert text == cell.text, f"of {cell.text!r} that had come, {text!r} was kept"
    assert not cell.stream or heard.text == text, "the events and the partial answer differ"
    return Came(category=str(completion.error.category), text=text)


def _may_be_whole(cell: Cell) -> bool:
    """Whether a reset behind these bytes may leave an answer: all of it had been sent, or nobody had said how long it is."""
    return (
        b"[DONE]" in cell.sent
        or BODY in cell.sent
        or (b"\r\n\r\n" in cell.sent.replace(SSE, b"") and b"Length" not in cell.sent)
    )


_FINISH = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


def _piece(text: bytes) -> bytes:
    return b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"%b"}}]}' % text


def _whole(text: bytes) -> bytes:
    return b'{"id":"c","model":"m","choices":[{"message":{"content":"%b"},"finish_reason":"stop"}]}' % text


def _context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def come_of(kind: str, transport: str, chosen: Sequence[Cell]) -> dict[str, Came]:
    """What each cell came to; raises AssertionError that names the cell where a promise is broken."""
    came = {}
    threads = threading.active_count()
    with Matrix(kind, transport).running() as matrix:
        for cell in chosen:
            try:
                came[cell.key] = matrix.run(cell)
            except AssertionError as broken:  # noqa: PERF203 - the cell has to be named
                raise AssertionError(f"{kind} over {transport}, {cell.phase}, {cell.key}: {broken}") from broken
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= threads, "threads were left behind"
    return came


_HEAD = """# The fault matrix

What each thing that a server may do wrong comes to, on both providers. Each cell is run over a raw socket, beside a healthy
stream and before a next request of the same provider. In every one of them the request had exactly one completion, what had come
of its text was kept, the stream beside it was whole, the next request got its own answer, and no thread was left behind.

This page is written by `python -m tests.faults.matrix` from such a run, and a test holds it against every further one. "ok" is an
answer, anything else the category of the error; behind it the text that was told. "By what had come": after a reset the system
decides how much of what was sent is handed over; it is an error of the network, an answer cut short, or, where all of it had
been sent, the answer. The phases {over_tls} are run over TLS too, and come to the same but where both are shown.
"""


def page(came: dict[tuple[str, str], dict[str, dict[str, Came]]]) -> str:
    """The page; `came` by (kind, transport), phase, cell."""
    told = [_HEAD.format(over_tls=" and ".join(f'"{each}"' for each in PHASES if each in OVER_TLS))]
    count = len(cells())
    differ = 0
    for phase in PHASES:
        told.append(f"\n## {phase.capitalize()}\n\n| what | legacy | native |\n|---|---|---|\n")
        for cell in (each for each in cells() if each.phase == phase):
            shown = [_shown(came, kind, phase, cell.key) for kind in MAKERS]
            differ += shown[0] != shown[1]
            told.append(f"| {cell.key.replace('|', ' ')} | {' | '.join(shown)} |\n")
    told.append(
        f"\n## Where they differ\n\nOf {count} cells {differ} are told otherwise.\n\n| what | why |\n|---|---|\n"
    )
    told.extend(f"| {key} | {why} |\n" for key, why in REASONS.items())
    return "".join(told)


def _shown(came: dict[tuple[str, str], dict[str, dict[str, Came]]], kind: str, phase: str, key: str) -> str:
    found = [str(came[kind, transport][phase][key]) for transport in TRANSPORTS if phase in came[kind, transport]]
    return found[0] if len(set(found)) == 1 else f"{found[0]}; over TLS {found[1]}"


def everything() -> dict[tuple[str, str], dict[str, dict[str, Came]]]:
    """Run all, telling of each phase."""
    came: dict[tuple[str, str], dict[str, dict[str, Came]]] = {}
    for kind, transport in itertools.product(MAKERS, TRANSPORTS):
        came[kind, transport] = {}
        for phase in PHASES:
            if transport == "http" or phase in OVER_TLS:
                sys.stderr.write(f"{kind} over {transport}: {phase}\n")
                chosen = [each for each in cells() if each.phase == phase]
                came[kind, transport][phase] = come_of(kind, transport, chosen)
    return came


if __name__ == "__main__":
    PAGE.write_text(page(everything()) + http2_page(http2_everything()), encoding="utf-8")
