"""The limit: a bare pycurl loop with msgspec, as little as can read an answer at all. No errors, events, accumulation.

Not a way to write a client: it is what the native provider (`native`) is held against.
"""

from __future__ import annotations

import contextlib
import json
import select
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pycurl

from bench.clients import measure


class Message(msgspec.Struct, frozen=True):
    """The one field read, of a delta or of a whole message."""

    content: str | None = None


class Choice(msgspec.Struct):
    """The one field read."""

    delta: Message = Message()
    message: Message = Message()


class Chunk(msgspec.Struct):
    """The one field read."""

    choices: list[Choice]


decode = msgspec.json.Decoder(Chunk).decode


class Reader:
    """Splits events and gathers the text of one stream."""

    def __init__(self, job: measure.Job) -> None:
        self.job = job
        self.started = time.monotonic()
        self.rest = b""
        self.text: list[str] = []

    def on_body(self, data: bytes) -> None:
        """Be libcurl's write callback."""
        *events, self.rest = (self.rest + data).split(b"\n\n")
        for event in events:
            payload = event[6:]
            if payload == b"[DONE]":
                continue
            chunk = decode(payload)
            if chunk.choices and chunk.choices[0].delta.content:
                if not self.text:
                    self.job.first(self.started)
                self.text.append(chunk.choices[0].delta.content)
                self.job.events += 1


class Collector:
    """Collects one whole answer after the other."""

    def __init__(self, job: measure.Job) -> None:
        self.job = job
        self.body: list[bytes] = []

    def on_end(self) -> None:
        """Read the answer."""
        self.job.events += bool(decode(b"".join(self.body)).choices[0].message.content)
        self.body.clear()


_MASKS = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}


class BareLoop:
    """One multi handle on one epoll."""

    def __init__(self, _job: measure.Job) -> None:
        self.poller = select.epoll()
        self.timer = -1
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def stream(self, job: measure.Job) -> None:
        """Stream all at once."""
        body = json.dumps(measure.question(job))
        self._drive({_easy(job, body, write=Reader(job).on_body): _nothing for _ in range(job.streams)}, times=1)

    def ask(self, job: measure.Job) -> None:
        """Ask for all, so many at a time."""
        body = json.dumps(measure.question(job))
        collectors = [Collector(job) for _ in range(job.streams)]
        self._drive({_easy(job, body, write=one.body.append): one.on_end for one in collectors}, times=job.rounds)

    def close(self) -> None:
        """Release everything."""
        self.multi.close()
        self.poller.close()

    def _drive(self, endings: dict[Any, Callable[[], None]], *, times: int) -> None:
        """Perform each handle so many times, and call its function at each end."""
        left = dict.fromkeys(endings, times)
        for easy in endings:
            self.multi.add_handle(easy)
        while left:
            ready = self.poller.poll(self.timer / 1000 if self.timer >= 0 else None)
            for fd, mask in ready:
                self.multi.socket_action(fd, pycurl.CSELECT_OUT if mask & select.EPOLLOUT else pycurl.CSELECT_IN)
            if not ready:
                self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            _, succeeded, failed = self.multi.info_read()
            measure.expect_none([message for _, _, message in failed])
            for easy in succeeded:
                endings[easy]()
                self.multi.remove_handle(easy)
                left[easy] -= 1
                if left[easy]:
                    self.multi.add_handle(easy)
                else:
                    del left[easy]

    def _on_socket(self, event: int, fd: int, *_: object) -> None:
        if event == pycurl.POLL_REMOVE:
            with contextlib.suppress(OSError):  # closed already, and so forgotten already
                self.poller.unregister(fd)
            return
        try:
            self.poller.modify(fd, _MASKS[event])
        except FileNotFoundError:
            self.poller.register(fd, _MASKS[event])

    def _on_timer(self, milliseconds: int) -> None:
        self.timer = milliseconds


def _nothing() -> None:
    """End a stream: its reader has it all."""


def _easy(job: measure.Job, body: str, *, write: Callable[[bytes], None]) -> Any:
    easy = pycurl.Curl()
    easy.setopt(pycurl.URL, f"{job.base_url}/chat/completions")
    easy.setopt(pycurl.HTTPHEADER, [f"Authorization: Bearer {job.api_key}", "Content-Type: application/json"])
    easy.setopt(pycurl.POSTFIELDS, body)
    easy.setopt(pycurl.WRITEFUNCTION, write)
    if job.ca_file is not None:
        easy.setopt(pycurl.CAINFO, job.ca_file)
        easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        easy.setopt(pycurl.PIPEWAIT, 1)  # streams of one connection, where the server lets them be
    easy.setopt(pycurl.NOSIGNAL, 1)  # else libcurl sets SIGPIPE aside around every call: three system calls
    return easy


if __name__ == "__main__":
    measure.run(BareLoop)
