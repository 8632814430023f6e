"""The servers of the bench, each in a process of its own: plain, over HTTP/2 with TLS, by calls, or as lean as can be.

Not the fake API itself (`shim.testing.fake_openai`), nor who is measured against it (`bench.run`). It ends when its standard
input does, and so takes its certificates along.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from bench.lean_server import LeanServer
from bench.peers import ROOT
from shim.testing.fake_openai import FakeOpenAI, Respond, stream_answer

ServerKind: TypeAlias = Literal["plain", "http2", "tools", "lean"]
"""plain: HTTP/1.1. http2: over TLS. tools: HTTP/1.1, each answer a stream of `TOOL_DELTAS` pieces of one call's arguments.
lean: HTTP/1.1, prepared bytes, each event at a moment of its own (`bench.lean_server`)."""

TOOL_DELTAS = 1000
_MOST_ANSWERS = 1000  # of one server: each is planned


class ServerError(Exception):
    """A server did not start; the message is for the table."""


@dataclass(frozen=True)
class Served:
    """A server that runs: its base URL, and the file a client must trust where it speaks TLS."""

    base_url: str
    ca_file: str | None = None


@contextlib.contextmanager
def serving(kind: ServerKind = "plain") -> Iterator[Served]:
    """A server in a process of its own.

    Raises:
        ServerError: it did not start.
    """
    command = [sys.executable, "-m", "bench.serving", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise ServerError("the server did not start; what it said is above")
            yield Served(**json.loads(line))
        finally:
            if process.stdin:
                process.stdin.close()


def tool_payloads(*, deltas: int) -> list[dict[str, Any]]:
    """The chunks of a stream that makes one call, its arguments in so many pieces, as Chat Completions sends them."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        told = {
            "id": f"chatcmpl-{0:029d}",
            "object": "chat.completion.chunk",
            "created": 1_715_367_049,
            "model": "gpt-4o",
        }
        return {**told, "service_tier": "default", "system_fingerprint": "fp_0123456789", "choices": [choice]}

    def piece(arguments: str, **first: Any) -> dict[str, Any]:
        function = {"arguments": arguments, **({"name": "look_up"} if first else {})}
        return chunk({"tool_calls": [{"index": 0, **first, "function": function}]})

    opening = {"role": "assistant", "content": None}
    first = piece("", id="call_0123456789abcdef", type="function")
    # One string, so that what comes is JSON however many pieces there are.
    middle = [piece("0123456789")] * (deltas - 2)
    return [chunk(opening), first, piece('{"city": "'), *middle, piece('"}'), chunk({}, finish="tool_calls")]


def main() -> None:
    """Serve until standard input ends; print the address as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=get_args(ServerKind))
    kind: ServerKind = parser.parse_args().kind
    with LeanServer() if kind == "lean" else _fake_api(kind) as server:
        ca_file = getattr(server, "ca_file", None) if kind == "http2" else None
        print(json.dumps({"base_url": server.base_url, "ca_file": ca_file}), flush=True)
        sys.stdin.read()


def _fake_api(kind: ServerKind) -> FakeOpenAI:
    is_secure = kind == "http2"
    server = FakeOpenAI(tls=is_secure, http2=is_secure)
    if kind == "tools":
        answer = stream_answer(tool_payloads(deltas=TOOL_DELTAS), shared=True)
        server.plan(*[Respond(lambda _request: answer)] * _MOST_ANSWERS)
    return server


if __name__ == "__main__":
    main()
