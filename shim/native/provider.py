"""OpenAI as a `Provider`, spoken directly: start, drive, deliver, cancel, close.

Not what is sent (`request_writer`), not the HTTP (`http_multi`), not the reading of bodies (`shim.wire`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, final

from shim.calls import Call, CallTable, Ending, StreamCall, find_key
from shim.model import ModelRequest
from shim.native.exchange import Exchange, StreamExchange
from shim.native.http_multi import HttpMulti
from shim.native.observed import Observed, sent_request
from shim.native.request_writer import RequestWriter
from shim.native.settings import HttpSettings, checked
from shim.native.transfer import HttpRequest, Receiver, Transfer
from shim.observation import Observe, SentRequest
from shim.provider import OnCompletion, OnEvent, ProviderClosedError, RequestHandle
from shim.wire.api_selection import ApiChoice

if TYPE_CHECKING:
    from typing_extensions import Self


@final
class NativeProvider:
    """OpenAI's API behind the normalized interface, on libcurl; `shim.provider` has the invariants.

    Args:
        api_key: None takes `OPENAI_API_KEY` from the environment, looked up when a request starts.
        base_url: of the API; None is OpenAI's own.
        organization, project: sent as OpenAI's headers when given.
        api: `chat_completions` or `responses` for every request, or `auto`: as `shim.wire.api_selection` says.
        default_temperature: for a request that sets none; not for models that take no temperature. None sends none.
        max_connections: at a time, 0 for no limit; more requests wait. HTTP/2 carries many on one.
        http2: use HTTP/2 where a TLS server offers it.
        connect_timeout: seconds for name, TCP, proxy and TLS; None waits for ever.
        read_timeout: seconds of silence from the server; None waits for ever.
        proxy: URL; None leaves it to the environment's proxy variables, "" uses none.
        ca_file: PEM; None is certifi's. `verify=False` takes any certificate.
        client_cert, client_key: PEM files, for servers that ask for a certificate.
        plain_fdset: have `fdset()` name every socket, as it does where the system has neither epoll nor kqueue. A loop that
            waits for `fileno()` alone is then woken by `timeout()`, up to 50 ms late.
        name: told by handles and in messages.

    Raises:
        InvalidRequestError: a setting cannot be used; the message names it.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        api: ApiChoice = "auto",
        default_temperature: float | None = None,
        max_connections: int = 0,
        http2: bool = True,
        connect_timeout: float | None = 10.0,
        read_timeout: float | None = 600.0,
        proxy: str | None = None,
        ca_file: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        verify: bool = True,
        plain_fdset: bool = False,
        name: str = "native",
    ) -> None:
        self.name = name
        self._api_key = api_key
        self._writer = RequestWriter(
            base_url=base_url,
            organization=organization,
            project=project,
            api=api,
            default_temperature=default_temperature,
        )
        settings = HttpSettings(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_connections=max_connections,
            http2=http2,
            proxy=proxy,
            ca_file=ca_file,
            client_cert=client_cert,
            client_key=client_key,
            verify=verify,
            plain_fdset=plain_fdset,
        )
        self._multi = HttpMulti(checked(settings))
        self._calls = CallTable()
        self._transfers: dict[int, Transfer] = {}
        self._watchers: tuple[Observe, ...] = ()
        self._numbers = itertools.count(1)
        self._closed = False

    def start_request(self, request: ModelRequest, on_completion: OnCompletion) -> RequestHandle:
        """Accept a request; see `Provider`."""
        key = self._key()
        codec, http = self._writer.write(request, api_key=key, stream=False)
        call = Call(self._handle(), on_completion, codec=codec, api_key=key, extra_headers=request.extra_headers)
        return self._submit(call, http, exchange=Exchange(call, multi=self._multi, end=self._finish))

    def start_stream(self, request: ModelRequest, on_event: OnEvent, on_completion: OnCompletion) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        key = self._key()
        codec, http = self._writer.write(request, api_key=key, stream=True)
        call = StreamCall(
            self._handle(),
            on_completion,
            on_event=on_event,
            codec=codec,
            api_key=key,
            extra_headers=request.extra_headers,
        )
        return self._submit(call, http, exchange=StreamExchange(call, multi=self._multi, end=self._finish))

    def fileno(self) -> int:
        """One readable descriptor, for any number of transfers; see `Provider`."""
        self._check_open()
        return self._multi.fileno()

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on; see `Provider`."""
        self._check_open()
        return self._multi.fdset()

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called; see `Provider`."""
        if self._closed:
            return -1
        return 0 if self._calls.waiting else self._multi.timeout()

    def perform(self) -> int:
        """Move the data, deliver stream events; see `Provider`."""
        if not self._closed:
            self._multi.perform()
        return len(self._calls)

    def info_read(self) -> int:
        """Deliver completions; see `Provider`."""
        return self._calls.deliver()

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all; see `Provider`."""
        for call in self._calls.chosen(handle):
            transfer = self._transfers.pop(call.handle.id, None)
            if transfer is not None:  # none: it has ended, and this is called from its last event
                self._multi.cancel(transfer)
            self._calls.end(call, call.cancelled("the request was cancelled"))
            self._multi.wake()  # a loop that waits on the descriptor alone comes to deliver it

    def close(self) -> None:
        """Cancel and deliver what is open, release everything; see `Provider`.

        The lookup of a name that was abandoned while it hung cannot be stopped. Closing waits for it 0.2 s at most; a daemon
        thread then lives until the system's `getaddrinfo` returns, releases what libcurl holds, and ends. It calls nothing back.
        """
        if self._closed:
            return
        self._closed = True
        self._transfers.clear()
        self._multi.close()
        self._calls.close()

    def sent_request(self, request: ModelRequest, *, stream: bool) -> SentRequest:
        """Say what would be sent for a request, credentials included, and send nothing.

        Raises:
            MissingCredentialsError, InvalidRequestError, UnsupportedFeatureError: as `start_request` would.
        """
        return sent_request(self._writer.write(request, api_key=self._key(), stream=stream)[1])

    def watch(self, observe: Observe) -> Callable[[], None]:
        """Show every request from now on, and what comes back, to an observer; what is returned ends that.

        Args:
            observe: called inside `start_*` with the request as sent; gives the observer of that transfer, or None.
        """
        self._watchers = (*self._watchers, observe)
        return lambda: self._unwatch(observe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._calls)} open, {self._calls.waiting} completed"
        return f"<NativeProvider {self.name!r}: {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a NativeProvider cannot be pickled: it holds sockets and a key; make one where it is needed")

    def _key(self) -> str:
        self._check_open()
        return find_key(self._api_key)

    def _check_open(self) -> None:
        if self._closed:
            raise ProviderClosedError(f"provider {self.name!r}")

    def _handle(self) -> RequestHandle:
        return RequestHandle(self.name, next(self._numbers))

    def _unwatch(self, observe: Observe) -> None:
        self._watchers = tuple(each for each in self._watchers if each is not observe)

    def _submit(self, call: Call, http: HttpRequest, *, exchange: Exchange) -> RequestHandle:
        receiver: Receiver = exchange
        for observe in self._watchers:
            observer = observe(sent_request(http))
            receiver = receiver if observer is None else Observed(receiver, observer)
        self._transfers[call.handle.id] = self._multi.submit(http, receiver)
        self._calls.add(call)
        return call.handle

    def _finish(self, call: Call, ending: Ending) -> None:
        self._transfers.pop(call.handle.id, None)
        completion = call.conclude(ending)
        self._calls.end(call, completion)
