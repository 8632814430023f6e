"""`shim chat`: asks a model once, and prints the answer as it arrives.

Not the request's making (`chat_request`), the answer's looks (`answer_text`, `answer_json`) nor the words for what went wrong
(`advice`).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from typing import Protocol

from shim.cli.advice import explain
from shim.cli.answer_json import JsonEvents, JsonWhole
from shim.cli.answer_text import AnswerText
from shim.cli.chat_request import request_from
from shim.cli.rendering import UsageError
from shim.client import Client
from shim.model import (
    InvalidRequestError,
    MissingCredentialsError,
    ModelRequest,
    ProviderError,
    StreamDone,
    StreamEvent,
)
from shim.wire import chat as chat_wire


class Display(Protocol):
    """How an answer is shown, event by event."""

    def show(self, event: StreamEvent) -> None:
        """Show one event."""

    def end(self) -> None:
        """Leave the screen tidy, however the answer ended; may be called again."""

    def sum_up(self, done: StreamDone, *, seconds: float) -> None:
        """Say what is to be said of an answer that ended well."""


def chat(arguments: argparse.Namespace) -> int:
    """Ask, print, and return the exit status.

    Raises:
        UsageError: an option or a file that cannot be used; nothing was sent.
        KeyboardInterrupt: Ctrl-C; what had arrived has been printed.
    """
    base_url = arguments.base_url or os.environ.get("OPENAI_BASE_URL") or None
    request = request_from(arguments)
    streamed = not arguments.json if arguments.stream is None else arguments.stream
    display = _display(as_json=arguments.json, streamed=streamed)
    try:
        with _client(arguments, base_url) as client:
            _ask(client, request, display=display, streamed=streamed)
    except InvalidRequestError as error:
        raise UsageError(str(error)) from None
    except (ProviderError, MissingCredentialsError) as error:
        explain(error, model=str(request.model), base_url=base_url)
        return 1
    return 0


def _client(arguments: argparse.Namespace, base_url: str | None) -> Client:
    settings = {"base_url": base_url}
    if arguments.api is not None:
        if arguments.provider == "legacy":
            raise UsageError("--api: the legacy client knows Chat Completions only; add --provider native")
        settings["api"] = arguments.api
    try:
        return Client(arguments.provider, **settings)
    except ImportError as error:  # the extra it needs is missing, and the message names it
        raise UsageError(f"--provider: {error}") from None


def _display(*, as_json: bool, streamed: bool) -> Display:
    if not as_json:
        return AnswerText(sys.stdout, sys.stderr)
    return JsonEvents(sys.stdout) if streamed else JsonWhole(sys.stdout)


def _ask(client: Client, request: ModelRequest, *, display: Display, streamed: bool) -> None:
    started = time.monotonic()
    done: StreamDone | None = None
    try:
        for event in _events(client, request, streamed=streamed):
            display.show(event)
            if isinstance(event, StreamDone):
                done = event
    finally:
        display.end()
    if done is not None:
        display.sum_up(done, seconds=time.monotonic() - started)


def _events(client: Client, request: ModelRequest, *, streamed: bool) -> Iterator[StreamEvent]:
    """The answer's events; those of an answer that came whole are the same, all at once."""
    if streamed:
        with client.stream(request) as stream:
            yield from stream
    else:
        yield from chat_wire.events_of(client.complete(request))
