"""The contract over a provider that talks to a real server: what every such provider's test shares."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from shim.model import ModelRequest, ToolChoice, ToolDefinition, user
from shim.provider import Provider
from shim.testing.contract import Behaviour, ProviderContract
from shim.testing.fake_openai import Behaviour as Planned
from shim.testing.fake_openai import Cut, FakeOpenAI, RawResponse, Stall, Status, Where

SERVE = "from shim.testing.fake_openai import serve; serve(on_ready=lambda url: print(url, flush=True))"
NOT_JSON = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\nconnection: close\r\n\r\n{not json"
)

PLANS: dict[Behaviour, Planned] = {
    Behaviour.HTTP_ERROR: Status(400),
    Behaviour.MALFORMED_BODY: RawResponse((NOT_JSON,)),
    Behaviour.TRUNCATED_STREAM: Cut(after_events=4),
    Behaviour.STALL: Stall(Where.BEFORE_HEADERS),
}
TOOL = ToolDefinition("lookup", parameters={"type": "object", "properties": {"city": {"type": "string"}}})


@pytest.fixture(scope="module")
def plain_server() -> Iterator[str]:
    """A server in a process of its own, whose memory, threads and descriptors are not ours."""
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own interpreter and code
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def refusing_url() -> Iterator[str]:
    """An address where nobody listens: bound, so that nobody else can."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


@pytest.fixture(scope="module")
def misbehaving() -> Iterator[dict[Behaviour, FakeOpenAI]]:
    """One server for each plan, so that what one test leaves of it does not meet another."""
    with ExitStack() as servers:
        yield {behaviour: servers.enter_context(FakeOpenAI()) for behaviour in PLANS}


class ServedContract(ProviderContract):
    """The behaviours, as a fake OpenAI shows them; a subclass makes its provider for an address."""

    leak_count = 600

    def provider(self, base_url: str) -> Provider:
        """Make the provider under test."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _servers(self, plain_server: str, refusing_url: str, misbehaving: dict[Behaviour, FakeOpenAI]) -> None:
        self.plain_server, self.refusing_url, self.misbehaving = plain_server, refusing_url, misbehaving

    def make(self, behaviour: Behaviour) -> Provider:
        """Point a provider at the server that behaves so."""
        return self.provider(self._url(behaviour))

    def request(self, behaviour: Behaviour) -> ModelRequest:
        """Ask for what makes the server behave so."""
        if behaviour is Behaviour.SLOW_STREAM:
            return ModelRequest("fake-paced-100x40", (user("Hello"),))
        if behaviour is Behaviour.TOOL_CALL_STREAM:
            return ModelRequest("gpt-4o-mini", (user("Look it up"),), tools=(TOOL,), tool_choice=ToolChoice.REQUIRED)
        return ModelRequest("gpt-4o-mini", (user("Hello"),))

    def _url(self, behaviour: Behaviour) -> str:
        if behaviour is Behaviour.NETWORK_ERROR:
            return self.refusing_url
        if behaviour not in PLANS:
            return self.plain_server
        server = self.misbehaving[behaviour]
        server.plan(*[PLANS[behaviour]] * 20)
        return server.base_url
