"""Drives a MultiClient as an old codebase would: select() on fdset() for timeout(), with a deadline."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING

from legacy_openai import HttpCompletion, MultiClient
from tests.helpers.raw_server import HELLO

if TYPE_CHECKING:
    from collections.abc import Callable

    from legacy_openai import Config

DEADLINE = 15.0


def drive(client: MultiClient, until: Callable[[], object]) -> None:
    """Run the loop until the condition holds."""
    limit = time.monotonic() + DEADLINE
    while not until():
        assert time.monotonic() < limit, "the loop stalled"
        milliseconds = client.timeout()
        seconds = limit - time.monotonic() if milliseconds < 0 else milliseconds / 1000
        select.select(*client.fdset(), max(0.0, seconds))
        client.perform()
        client.info_read()


def ask(cfg: Config, *, stream: bool = True, client: MultiClient | None = None) -> tuple[HttpCompletion, list[bytes]]:
    """One request from start to end: its completion and its payloads."""
    payloads: list[bytes] = []
    completions: list[HttpCompletion] = []
    mine = client or MultiClient()
    try:
        mine.add_request(cfg, HELLO, payloads.append if stream else None, completions.append)
        drive(mine, lambda: completions)
    finally:
        if client is None:
            mine.close()
    return completions[0], payloads


def eventually(condition: Callable[[], object], seconds: float = DEADLINE) -> bool:
    """Wait for something that another thread brings about."""
    limit = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > limit:
            return False
        pause.wait(0.002)
    return True


def threads() -> int:
    """Worker threads alive now."""
    return sum(thread.name == "legacy-openai" for thread in threading.enumerate())


def descriptors() -> int:
    """Open descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the count is all that is wanted
