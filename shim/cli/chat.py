"""`shim chat`: asks a model once, and prints the answer as it arrives.

Not the request's making (`chat_request`), the answer's looks (`text_output`, `json_output`) nor the words for what went wrong
(`advice`).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, Protocol

from shim.cli.advice import explain, exposed
from shim.cli.chat_request import request_from
from shim.cli.json_output import JsonEvents, JsonWhole
from shim.cli.rendering import UsageError
from shim.cli.text_output import AnswerText
from shim.client import Client
from shim.endpoint import Endpoint
from shim.model import (
    InvalidRequestError,
    MissingCredentialsError,
    ModelRequest,
    ProviderError,
    StreamDone,
    StreamEvent,
)
from shim.plain_http import InsecureAddressError
from shim.wire import chat as chat_wire

_AZURE_VERSION = "2024-10-21"  # the newest that is generally available, not a preview


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
    base_url = arguments.base_url or arguments.azure or os.environ.get("OPENAI_BASE_URL") or None
    for name in ("deployment", "api_version"):
        if getattr(arguments, name) is not None and arguments.azure is None:
            raise UsageError(f"--{name.replace('_', '-')} is Azure's; add --azure RESOURCE")
    request = request_from(arguments)
    streamed = not arguments.json if arguments.stream is None else arguments.stream
    display = _display(as_json=arguments.json, streamed=streamed)
    try:
        with _client(arguments, base_url) as client:
            _ask(client, request, display=display, streamed=streamed)
    except InsecureAddressError as error:
        raise UsageError(exposed(error.host)) from None
    except InvalidRequestError as error:
        raise UsageError(str(error)) from None
    except (ProviderError, MissingCredentialsError) as error:
        explain(error, model=str(request.model), base_url=base_url)
        return 1
    return 0


def _client(arguments: argparse.Namespace, base_url: str | None) -> Client:
    settings: dict[str, Any] = {"base_url": base_url} if arguments.azure is None else _azure(arguments)
    settings["insecure_hosts"] = arguments.insecure_host
    kind = arguments.provider or ("legacy" if arguments.azure is None else "native")
    if arguments.api is not None:
        if kind == "legacy":
            raise UsageError("--api: the legacy client knows Chat Completions only; add --provider native")
        settings["api"] = arguments.api
    try:
        return Client(kind, **settings)
    except ImportError as error:  # the extra it needs is missing, and the message names it
        raise UsageError(f"--provider: {error}") from None


def _azure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings for a deployment at Azure."""
    if arguments.base_url is not None:
        raise UsageError("--azure and --base-url are both given; give one")
    version = arguments.api_version or os.environ.get("OPENAI_API_VERSION") or _AZURE_VERSION
    endpoint = Endpoint.azure(arguments.azure, arguments.deployment or arguments.model, api_version=version)
    return {"endpoint": endpoint, "api_key": os.environ.get("AZURE_OPENAI_API_KEY") or None}


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
