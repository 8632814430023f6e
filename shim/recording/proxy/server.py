"""The recording proxy itself: a listening socket, a thread that serves it, and what happened, counted.

Not a connection (`client`, `upstream_connection`), not the command (`shim.cli.record`). One asyncio loop in one thread serves
every connection, and another thread writes the records.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import h11
from msgspec import Struct

from shim.descriptors import descriptors_for, is_exhausted, shortage
from shim.plain_http import check_address, checked_hosts
from shim.recording.exchange import Exchange, RecordedRequest
from shim.recording.exchange_builder import Recording, SentBody
from shim.recording.finished_exchange import Finished
from shim.recording.proxy import error_responses
from shim.recording.proxy.allowed_hosts import AllowedHosts
from shim.recording.proxy.client_connection import ClientConnection
from shim.recording.proxy.error_responses import ErrorResponse
from shim.recording.proxy.listen_address import BACKLOG, Address
from shim.recording.proxy.passed import Passed
from shim.recording.proxy.transaction import Droppable
from shim.recording.proxy.upstream import Upstream, tls_context
from shim.recording.recorder import MAX_BODY, Recorder
from shim.recording.redaction.redaction import Redaction
from shim.recording.sinks import BackgroundSink

if TYPE_CHECKING:
    import socket

    from typing_extensions import Self

# Two descriptors each, below the 1,024 that many systems give a process.
MAX_CONNECTIONS = 400
_DESCRIPTORS = 6  # the listener, what its loop is made of, and one connection on both sides
# As nginx has it for each read of a head or body; a client that is slower has been cut off.
REQUEST_SECONDS = 60.0


class ProxySettings(Struct, frozen=True, kw_only=True):
    """How a proxy behaves.

    Attributes:
        ca_file: a PEM file of the authorities that vouch for the upstream; None takes those that requests trusts.
        timeout: how long the upstream may be silent, in seconds; None leaves that to the client.
        max_connections: of clients; one more is answered 503.
        max_body: bytes kept of each body; a longer response is recorded as "overflow", and what passes is not bounded.
        allow_remote: listen where other machines reach it.
        allowed_hosts: names, beside this machine's own, under which it may be asked and from whose web pages.
        insecure_hosts: names of hosts, beside this machine, that requests may go on to over plain HTTP.
        request_timeout: how long a request may make no progress, or its head be incomplete, in seconds.
    """

    ca_file: str | None = None
    timeout: float | None = None
    max_connections: int = MAX_CONNECTIONS
    max_body: int = MAX_BODY
    allow_remote: bool = False
    allowed_hosts: tuple[str, ...] = ()
    insecure_hosts: tuple[str, ...] = ()
    request_timeout: float = REQUEST_SECONDS


class ProxyCounts(Struct, frozen=True, kw_only=True):
    """What happened so far: exchanges passed on, of them recorded and not recorded; requests refused."""

    exchanges: int
    recorded: int
    dropped: int
    refused: int


class RecordingProxy:
    """Passes requests on to an upstream and records what is said, for the time of a `with` block.

    Args:
        upstream: where requests go.
        write: takes each exchange, redacted, on a thread of the proxy's (`ExchangeWriter.write`).
        listen: where; port 0 takes a free one.
        redaction: what is taken out of each record.
        on_passed: is told of each exchange after it was recorded, on the same thread.

    Raises:
        ValueError: others could reach the address, and `allow_remote` is not set; or keys would leave it over plain HTTP.
        OSError: on entering: the address cannot be listened on, or the `ca_file` cannot be read.
        RuntimeError: on leaving: the proxy itself failed.
    """

    def __init__(
        self,
        upstream: Upstream,
        write: Callable[[Exchange], object],
        *,
        listen: Address | None = None,
        settings: ProxySettings | None = None,
        redaction: Redaction | None = None,
        on_passed: Callable[[Passed], object] | None = None,
    ) -> None:
        self._settings = settings or ProxySettings()
        self._address = listen or Address("127.0.0.1", 0)
        if not (self._address.is_loopback or self._settings.allow_remote):
            raise ValueError(
                f"{self._address.host} can be reached by other machines, and every caller's key passes through; "
                "give a loopback address such as 127.0.0.1, or allow it with allow_remote (--allow-remote)"
            )
        check_address(
            upstream.origin, insecure_hosts=checked_hosts(self._settings.insecure_hosts), place="the upstream"
        )
        self.upstream = upstream
        self._allowed = AllowedHosts.of((self._address.host, upstream.host, *self._settings.allowed_hosts))
        self._sink = BackgroundSink(write, on_error=self._note_write_failure)
        self._recorder = Recorder(
            self._sink,
            redaction=redaction,
            max_body=self._settings.max_body,
            on_error=self._note_write_failure,
            client="proxy",
        )
        self._on_passed = on_passed
        self._recorded = 0
        self._not_written = 0
        self._write_failure: Exception | None = None
        self._tls: ssl.SSLContext | None = None
        self._links: set[Droppable] = set()
        self._refused = 0
        self._where = ""
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def __repr__(self) -> str:
        return f"<RecordingProxy {f'at {self.base_url}' if self._thread else 'not running'}>"

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("this proxy is running already; make another one")
        if self.upstream.scheme == "https":
            self._tls = tls_context(self._settings.ca_file)
        with descriptors_for("a recording proxy", count=_DESCRIPTORS):
            listener = self._address.listen()
        self._where = self._address.at(listener)
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="shim-record", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already: it failed, which is reported below
                self._loop.call_soon_threadsafe(self._stop.set)
        thread.join()
        self._sink.close()
        if self._failure is not None and error is None:
            raise RuntimeError("the recording proxy failed") from self._failure

    @property
    def base_url(self) -> str:
        """What to give a client as its base URL, for an API below `/v1` or the path of the upstream."""
        return f"http://{self._where}{self.upstream.path or '/v1'}"

    @property
    def counts(self) -> ProxyCounts:
        """What happened so far."""
        tally = self._recorder.tally  # "recorded" there is what the writing thread was given
        return ProxyCounts(
            exchanges=tally.recorded + tally.dropped,
            recorded=self._recorded,
            dropped=tally.dropped + self._not_written,
            refused=self._refused,
        )

    @property
    def write_failure(self) -> Exception | None:
        """Why the first record that could not be written could not; None where there is none."""
        return self._write_failure

    # --- what connections need (`ProxyServices`) ----------------------------------------------------------------------------

    @property
    def timeout(self) -> float | None:
        """How long the upstream may be silent, in seconds."""
        return self._settings.timeout

    @property
    def request_timeout(self) -> float:
        """How long a request may make no progress, in seconds."""
        return self._settings.request_timeout

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Make a connection to the upstream; OSError where there is none.

        The addresses of a host are tried one after the other: asyncio's way to race them (RFC 8305) leaves a socket open
        where it is cancelled, and a client that goes away cancels it.
        """
        await asyncio.get_running_loop().create_connection(
            protocol,
            self.upstream.host,
            self.upstream.port,
            ssl=self._tls,
            server_hostname=None if self._tls is None else self.upstream.host,
        )

    def admit(self, client: Droppable) -> ErrorResponse | None:
        """Take a new client connection in, or say why not."""
        self._links.add(client)
        most = self._settings.max_connections
        return error_responses.crowded(most) if len(self._links) > most else None

    def gone(self, client: Droppable) -> None:
        """Forget a client connection."""
        self._links.discard(client)

    def record(self, request: RecordedRequest, *, pair_id: str | None) -> Recording:
        """Begin to record an exchange, of whose request the head is known."""
        body = SentBody(most=self._settings.max_body)
        return Recording(self._recorder, request=request, body=body, pair_id=pair_id, on_kept=self._kept)

    def unfit(self, request: h11.Request) -> ErrorResponse | None:
        """Why a request is not passed on, None where it is."""
        response = error_responses.unfit(request)  # first: set as a client's HTTP proxy, it is asked under any name
        if response is not None:
            return response
        named = self._allowed.refused_by(request)
        return error_responses.not_allowed(named) if named else None

    def refused(self, response: ErrorResponse) -> None:
        """Count a request that was not passed on."""
        del response
        self._refused += 1

    # --- the records, on the thread that writes them -------------------------------------------------------------------

    def _kept(self, finished: Finished, *, is_kept: bool) -> None:
        if is_kept:
            self._recorded += 1
        else:
            self._not_written += 1
        if self._on_passed is not None:
            try:
                self._on_passed(Passed.of(finished, recorded=is_kept))
            except Exception as failure:  # noqa: BLE001 - who listens is asked no more, and the records are still written
                self._on_passed = None
                self._note_write_failure(failure)

    def _note_write_failure(self, failure: Exception) -> None:
        self._write_failure = self._write_failure or failure

    # --- the loop ---------------------------------------------------------------------------------------------------

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(listener, ready))
        except Exception as failure:  # noqa: BLE001 - the thread's last frame: raised on leaving
            self._failure = self._failure or failure
        finally:
            listener.close()
            ready.set()

    async def _serve(self, listener: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._loop.set_exception_handler(self._fail)
        server = await self._loop.create_server(lambda: ClientConnection(self), sock=listener, backlog=BACKLOG)
        ready.set()
        await self._stop.wait()
        await asyncio.sleep(0)  # what has been accepted gets its protocol, or asyncio forgets its socket
        server.close()
        while self._links:
            for client in tuple(self._links):
                client.drop()
            await asyncio.sleep(0)
        await server.wait_closed()

    def _fail(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        failure = context.get("exception")
        if isinstance(failure, OSError) and is_exhausted(
            failure
        ):  # it accepts again after a second, and those who came wait
            warnings.warn(f"a connection is not accepted yet: {shortage(failure)}", RuntimeWarning, stacklevel=1)
            return
        if not isinstance(failure, BaseException):
            failure = RuntimeError(str(context.get("message")))
        self._failure = self._failure or failure
