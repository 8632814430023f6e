"""What both REPL examples share: their command line, and the conversation they keep.

Not the loops, which are what the examples are about (`select_repl`, `asyncio_repl`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import shim
from shim.testing.fake_openai import FakeOpenAI

PROMPT = "> "
MOST_MESSAGES = 200
"""Kept of a conversation; the oldest are forgotten."""


class Conversation:
    """The messages so far. A question counts once its answer, or a part of it, is there."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._messages: list[shim.Message] = []

    def ask(self, question: str) -> shim.ModelRequest:
        """The request for the next question."""
        return shim.ModelRequest(self._model, (*self._messages, shim.user(question)))

    def keep(self, question: str, response: shim.ModelResponse | None) -> None:
        """Remember a question and what was answered; nothing if nothing was, so that it can be asked again."""
        if response is not None and response.text:
            self._messages += [shim.user(question), shim.assistant(response.text)]
            del self._messages[:-MOST_MESSAGES]


def outcome_line(error: shim.ProviderError) -> str:
    """How an answer that was not finished is spoken of."""
    return "\n[stopped]" if error.category == shim.ErrorCategory.CANCELLED else f"\n[{error}]"


def read_arguments(description: str) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--fake", action="store_true", help="talk to a fake API on this machine: no key, no network")
    parser.add_argument("--model", default="gpt-4o-mini")
    return parser.parse_args()


@contextlib.contextmanager
def settings(*, fake: bool) -> Iterator[dict[str, Any]]:
    """The provider's settings: for the real API from the environment, or for a fake one that runs meanwhile."""
    if not fake:
        yield {"base_url": os.environ.get("OPENAI_BASE_URL")}
        return
    with FakeOpenAI(delay=0.1) as server:
        yield {"api_key": "sk-test", "base_url": server.base_url, "proxies": {"no_proxy": "127.0.0.1"}}


def show(text: str) -> None:
    """Print a piece at once."""
    print(text, end="", flush=True)


class LineReader:
    """Cuts what comes from a descriptor into lines, without ever blocking on an unfinished one.

    `on_line` gets each line; `ended` says that no more will come.
    """

    LONGEST_LINE = 1024 * 1024

    def __init__(self, descriptor: int, on_line: Callable[[str], object]) -> None:
        self._descriptor = descriptor
        self._on_line = on_line
        self._rest = b""
        self.ended = False

    def fileno(self) -> int:
        """The descriptor, so that select and asyncio can watch this."""
        return self._descriptor

    def read(self) -> None:
        """Take what there is; call it when the descriptor is readable."""
        data = os.read(self._descriptor, 4096)
        self.ended = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (self.ended or len(self._rest) > self.LONGEST_LINE):
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            if text := line.decode("utf-8", "replace").strip():
                self._on_line(text)
