"""The stage of the demo: a fake server, the legacy provider, and the showing of what passes between them.

Not the story (`demo_steps`). What is shown as sent is what the server received, not what the shim meant to send.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shim.cli.demo_output import INDENT, EventLines, ending, json_line, json_lines
from shim.cli.rendering import Printer
from shim.comparison import tap
from shim.legacy_adapter import LegacyProvider
from shim.loops import select_loop
from shim.model import ModelRequest, ModelResponse
from shim.provider import Completion

if TYPE_CHECKING:
    from shim.testing.fake_openai import FakeOpenAI, RecordedRequest

# Seconds between two events: enough for an eye to follow, and the whole demo stays under ten seconds.
EVENT_DELAY = 0.045
# Nothing here takes longer than a moment: a demo that hangs says so instead.
PATIENCE_SECONDS = 5.0
KEY = "sk-demo"
_STYLES = {"match": "green", "mismatch": "bold red"}


class UnexpectedOutcomeError(Exception):
    """Something did not come out as the demo says; the message names it."""


class DemoStage:
    """A server, a provider that talks to it, and a printer."""

    def __init__(self, server: FakeOpenAI, provider: LegacyProvider, *, out: Printer) -> None:
        self.server = server
        self.provider = provider
        self.out = out
        self.folder = Path(tempfile.mkdtemp(prefix="shim-demo-"))  # left there: its files are for the person to look at
        self.recording = self.folder / "recording.jsonl"
        self._tap = tap(provider, self.recording)

    @classmethod
    @contextlib.contextmanager
    def open(cls, out: Printer) -> Iterator[DemoStage]:
        """Start the server on a free port and close everything afterwards."""
        from shim.testing.fake_openai import FakeOpenAI

        with FakeOpenAI(api_key=KEY, delay=EVENT_DELAY) as server:
            provider = LegacyProvider(
                api_key=KEY,
                base_url=server.base_url,
                connect_timeout=PATIENCE_SECONDS,
                read_timeout=PATIENCE_SECONDS,
                proxies={"no_proxy": "127.0.0.1"},  # a proxy from the environment knows nothing of this machine
            )
            stage = cls(server, provider, out=out)
            try:
                yield stage
            finally:
                stage.end_recording()
                provider.close()

    def end_recording(self) -> Path:
        """Stop recording; the file, complete."""
        self._tap.remove()
        return self.recording

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table of the current step."""
        self.out.table(headings, rows, style=lambda cell: _STYLES.get(cell, ""))

    def say(self, text: str, style: str = "") -> None:
        """Print a line of the current step."""
        self.out.line(INDENT + text, style)

    def ask(self, request: ModelRequest) -> Completion:
        """Ask for a whole answer, drive the loop until it is there, and show both."""
        self.say("provider.start_request(request, on_completion)", "cyan")
        completions: list[Completion] = []
        self.provider.start_request(request, completions.append)
        select_loop.run(self.provider, until=lambda: bool(completions))
        self.show_sent(self.server.requests[-1])
        return completions[0]

    def ask_streamed(self, request: ModelRequest) -> Completion:
        """Ask for a stream and show its events while the loop delivers them."""
        self.say("provider.start_stream(request, on_event, on_completion)", "cyan")
        completions: list[Completion] = []
        events = EventLines(self.out)
        seen = self.server.request_count
        self.provider.start_stream(request, events.show, completions.append)
        self.show_sent(*self.received(1, since=seen))
        self.say("events, as they arrive:")
        select_loop.run(self.provider, until=lambda: bool(completions))
        return completions[0]

    def received(self, count: int, *, since: int) -> list[RecordedRequest]:
        """Wait until the server has received `count` more requests than the `since` before, and return them."""
        try:
            return self.server.wait_for_requests(since + count, PATIENCE_SECONDS)[-count:]
        except TimeoutError as late:
            raise UnexpectedOutcomeError(f"the request did not reach the server: {late}") from None

    def show_sent(self, request: RecordedRequest, *, briefly: bool = False) -> None:
        """Show a request as the server received it, its body abridged; `briefly` on one line."""
        agent = request.headers.get("user-agent", "an unnamed client")
        self.say(f"{agent} sent: {request.method} {request.path}")
        for line in json_line(request.json) if briefly else json_lines(request.json):
            self.say(f"  {line}", "dim")
        self.expect(agent.startswith("legacy-openai/"), f"{agent} sent the request, not the legacy client")

    def show_answer(self, response: ModelResponse) -> None:
        """Show a whole answer."""
        self.say(f"came back: {response.text!r}")
        self.say(f"  {ending(response)}", "dim")

    def response_of(self, completion: Completion) -> ModelResponse:
        """The response of a request that was to end well."""
        if completion.response is None:
            raise UnexpectedOutcomeError(f"an answer was expected, and came: {completion.error}")
        return completion.response

    def expect(self, came_true: object, otherwise: str) -> None:
        """Go on only if it came out as said."""
        if not came_true:
            raise UnexpectedOutcomeError(otherwise)
