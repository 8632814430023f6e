"""The server itself: a context manager for tests, and `serve` for a process of its own.

Not what it answers (`fake_openai.api`) or how a connection runs (`accepted_connection`, `http1`, `http2`). One asyncio
loop in one background thread serves every connection, so thousands of slow streams cost a timer each. It refuses to
listen on anything but loopback.
"""

import asyncio
import contextlib
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from shim.descriptors import descriptors_for
from shim.testing.fake_openai.api import Api
from shim.testing.fake_openai.behaviours import Behaviour
from shim.testing.fake_openai.http.accepted_connection import AcceptedConnection
from shim.testing.fake_openai.http.shared import Shared
from shim.testing.fake_openai.http.tls_options import TlsOptions
from shim.testing.fake_openai.ledger import Ledger, RecordedRequest
from shim.testing.fake_openai.plans import Plans

if TYPE_CHECKING:
    from typing_extensions import Self

BACKLOG = 4096
# Leaving drops every connection at once; only a planned function that never returns can take longer.
DESCRIPTORS = 5  # the listener, what its loop is made of, and one connection
EXIT_SECONDS = 5.0


class FakeOpenAI:
    """A loopback server for the time of a `with` block.

    `api_key`: the only key accepted; None accepts any, and none. `port`: 0 takes a free one. `models`: names or shell
    patterns of the models that exist. `deployments`: those of the Azure deployments that exist; None for any name.
    `delay`: seconds between the events of a default stream.
    `tls`: speak TLS with a certificate made on the spot, which `ca_file` vouches for; `client_certificate`: accept only
    clients that show one it has signed, such as `client_cert_file`; `http2`: offer HTTP/2 in the handshake.
    Raises ValueError for a host that is not loopback or for TLS options without `tls`, ModuleNotFoundError if the extra
    `testing` is not installed whole, OSError if the port is taken. Leaving ends every connection, and
    raises RuntimeError if a planned function had failed.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        models: Sequence[str] | None = None,
        deployments: Sequence[str] | None = None,
        delay: float = 0.0,
        tls: bool = False,
        client_certificate: bool = False,
        http2: bool = False,
    ) -> None:
        self._host = loopback(host)
        self._port = port
        self._tls_options = TlsOptions(tls=tls, client_certificate=client_certificate, http2=http2)
        self._ledger = Ledger()
        self._plans = Plans(http2=http2)
        api = Api(
            api_key=api_key, models=models, delay=delay, deployments=deployments, origin=lambda: self.azure_endpoint
        )
        self._shared = Shared(api, self._plans, self._ledger)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def __repr__(self) -> str:
        state = f"at {self.base_url}" if self._thread else "not running"
        return f"<FakeOpenAI {state}>"

    def __enter__(self) -> "Self":
        if self._thread is not None:
            raise RuntimeError("this server is running already; make another one")
        with descriptors_for("a fake OpenAI", count=DESCRIPTORS):
            listener = _listener(self._host, self._port)
        self._port = listener.getsockname()[1]
        try:
            self._shared.tls = self._tls_options.begin()
        except BaseException:
            listener.close()
            raise
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="fake-openai", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed already: it failed, which is reported below
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(EXIT_SECONDS)
        self._tls_options.end()
        if thread.is_alive():
            raise RuntimeError("the fake server did not stop: a function given to Respond is still running")
        if self._ledger.failures and error is None:
            raise RuntimeError("the fake server failed while it answered") from self._ledger.failures[0]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def base_url(self) -> str:
        """What to give a client: `http://127.0.0.1:PORT/v1`, or `https://` with TLS."""
        return f"{self.azure_endpoint}/v1"

    @property
    def azure_endpoint(self) -> str:
        """What to give a client of Azure OpenAI: `http://127.0.0.1:PORT`, or `https://` with TLS."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._tls_options.scheme}://{host}:{self._port}"

    @property
    def ca_file(self) -> str:
        """The PEM file a client must trust; it is there as long as the server runs. RuntimeError without TLS."""
        return str(self._tls_options.certificates.ca_file)

    @property
    def client_cert_file(self) -> str:
        """A client's certificate that the server accepts, in PEM. RuntimeError without TLS."""
        return str(self._tls_options.certificates.client_cert_file)

    @property
    def client_key_file(self) -> str:
        """The private key to `client_cert_file`, in PEM. RuntimeError without TLS."""
        return str(self._tls_options.certificates.client_key_file)

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far in arrival order; beyond 10,000 (or 64 MiB of bodies) the oldest are forgotten."""
        return self._ledger.requests

    @property
    def request_count(self) -> int:
        """How many requests came, forgotten ones included."""
        return self._ledger.total_requests

    @property
    def connections_opened(self) -> int:
        """How many connections were ever accepted."""
        return self._ledger.connections_opened

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return self._ledger.open_connections

    @property
    def planned(self) -> int:
        """How many planned behaviours nobody has met yet."""
        return len(self._plans)

    def plan(self, *behaviours: Behaviour | Iterable[Behaviour]) -> None:
        """Queue behaviours: each is met by one coming request (a fault at `Where.ACCEPT` by one coming connection).

        A tuple is one request's combination, such as `(server_error(), Slow(0.2))`. First in, first out; requests
        beyond the queue get the default answer. TypeError or ValueError for what is no behaviour or does not combine.
        """
        self._plans.add(behaviours)

    def wait_for_requests(self, count: int, timeout: float = 5.0) -> list[RecordedRequest]:
        """Block until `count` requests have come in all, and return those kept; TimeoutError after `timeout` seconds."""
        ledger = self._ledger
        ledger.wait(lambda: ledger.total_requests >= count, what=f"{count} requests", timeout=timeout)
        return ledger.requests

    def wait_for_open_connections(self, count: int, timeout: float = 5.0) -> None:
        """Block until exactly `count` connections are open; TimeoutError after `timeout` seconds."""
        ledger = self._ledger
        ledger.wait(lambda: ledger.open_connections == count, what=f"{count} open connections", timeout=timeout)

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(listener, ready))
        except Exception as failure:  # noqa: BLE001 - the thread's last frame: reported on leaving
            self._ledger.fail(failure)
        finally:
            listener.close()
            ready.set()

    async def _serve(self, listener: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._loop.set_exception_handler(self._report)
        server = await self._loop.create_server(
            lambda: AcceptedConnection(self._shared), sock=listener, backlog=BACKLOG
        )
        ready.set()
        await self._stop.wait()
        # asyncio forgets a socket that it has accepted but not yet connected when the server closes: those tasks come first.
        while accepting := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.gather(*accepting, return_exceptions=True)
        server.close()
        while self._shared.connections:
            for connection in tuple(self._shared.connections):
                connection.drop()
            await asyncio.sleep(0)
        await server.wait_closed()

    def _report(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        failure = context.get("exception")
        if not isinstance(failure, BaseException):
            failure = RuntimeError(str(context.get("message")))
        self._ledger.fail(failure)


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    api_key: str | None = None,
    models: Sequence[str] | None = None,
    delay: float = 0.0,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Run a server until SIGINT or SIGTERM; `on_ready` is called with its base URL once it listens. Prints nothing.

    For the main thread of a process of its own: signal handlers are set meanwhile and restored afterwards.
    """
    server = FakeOpenAI(api_key=api_key, port=port, host=host, models=models, delay=delay)
    stop = threading.Event()
    with _signals_set(stop), server:
        if on_ready is not None:
            on_ready(server.base_url)
        stop.wait()


def loopback(host: str) -> str:
    """The loopback address a host stands for; ValueError for any other, so that no test server is ever reachable from outside."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        inside = ipaddress.ip_address(address).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise ValueError(f"host must be a loopback address such as 127.0.0.1 or ::1, not {host!r}")
    return address


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


@contextlib.contextmanager
def _signals_set(stop: threading.Event) -> Iterator[None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
