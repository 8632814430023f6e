"""Receivers for tests of transfers: they write down what they get, and drive until it is there.

Not the callbacks of requests (`tests.helpers.driving.Heard`).
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

import pytest

from shim.native.http_multi import HttpMulti
from shim.native.transfer import HttpRequest, Transfer, TransferFault


class Recorder:
    """A receiver; `act` may do something inside each call."""

    def __init__(self, act: Callable[[str], object] | None = None) -> None:
        self.body = b""
        self.ends: list[TransferFault | None] = []
        self.cancels = 0
        self._act = act

    @property
    def done(self) -> bool:
        """Whether the end came."""
        return bool(self.ends)

    def on_segments(self, transfer: Transfer, segments: list[bytes]) -> int:
        """Take bytes."""
        self.body += b"".join(segments)
        if self._act is not None:
            self._act("segments")
        return sum(map(len, segments))

    def on_end(self, transfer: Transfer, fault: TransferFault | None) -> int:
        """Take the end."""
        self.ends.append(fault)
        if self._act is not None:
            self._act("end")
        return 0

    def on_cancel(self, transfer: Transfer) -> None:
        """Take that it was stopped."""
        self.cancels += 1


def post(url: str, body: bytes = b'{"model":"m","messages":[{"role":"user","content":"Hello"}]}') -> HttpRequest:
    """A request a fake OpenAI takes."""
    headers = ["Content-Type: application/json", "Authorization: Bearer sk-test-key", "Expect:"]
    return HttpRequest(url=f"{url}/chat/completions", headers=headers, body=body)


def turn(multi: HttpMulti, *, at_most: float = 0.05) -> float:
    """Wait as `timeout()` says, but not longer than `at_most`, then perform; the CPU seconds performing took."""
    wait = multi.timeout()
    select.select([multi], [], [], at_most if wait < 0 else min(wait / 1000, at_most))
    began = time.thread_time()
    multi.perform()
    return time.thread_time() - began


def drive(multi: HttpMulti, until: Callable[[], object], *, seconds: float = 10.0) -> int:
    """Turn until the condition holds; how many turns that took."""
    deadline = time.monotonic() + seconds
    turns = 0
    while not until():
        if time.monotonic() > deadline:
            pytest.fail(f"nothing more came within {seconds:g} seconds")
        turn(multi)
        turns += 1
    return turns
