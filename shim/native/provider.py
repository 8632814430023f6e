"""OpenAI as a `Provider`, spoken directly: start, drive, deliver, cancel, close.

Not what is sent (`request_writer`), not the HTTP (`http_multi`), not the reading of bodies (`shim.wire`).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from typing import final

from shim.call_options import ApiKey, CallOptions
from shim.calls import NO_OPTIONS, Call, Codec, ProviderBase, StreamCall, checked_options
from shim.descriptors import descriptors_for
from shim.endpoint import Endpoint
from shim.model import ModelRequest
from shim.model.caps import Caps
from shim.native.http_multi import HttpMulti
from shim.native.receiver import CallReceiver
from shim.native.request_writer import RequestWriter
from shim.native.settings import HttpSettings, checked
from shim.native.transfer import HttpRequest, Transfer
from shim.provider import Completion, OnCompletion, OnEvent, RequestHandle
from shim.transfer_observer import Observe, SentRequest, TransferObserver
from shim.wire.api_selection import ApiChoice

_DESCRIPTORS = 5  # to be made at all: the one descriptor, what rings it, and up to three of libcurl's


@final
class NativeProvider(ProviderBase):
    """OpenAI's API behind the normalized interface, on libcurl; `shim.provider` has the invariants.

    Args:
        api_key: None takes `OPENAI_API_KEY` from the environment, looked up when a request starts; a function is asked then.
        endpoint: where requests go and on whose behalf; None is OpenAI's own.
        base_url, organization, project: its short form.
        api: `chat_completions` or `responses` for every request, or `auto`: as `shim.wire.api_selection` says.
        default_temperature: for a request that sets none; not for models that take no temperature. None sends none.
        max_connections: at a time, 0 for no limit; more requests wait. HTTP/2 carries many on one.
        http2: use HTTP/2 where a TLS server offers it.
        streams_per_connection: requests at a time on one connection of HTTP/2, more make another; None is 20, or 100 where
            `max_connections` has them wait.
        connect_timeout: seconds for name, TCP, proxy and TLS; None waits for ever.
        read_timeout: seconds of silence from the server; None waits for ever.
        proxy: URL; None leaves it to the environment's proxy variables, "" uses none. Where NO_PROXY names a port (host:8080) it
            is read when the provider is made.
        ca_file: PEM; None is what REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE names, else certifi's.
            `verify=False` takes any certificate. A proxy that is spoken to by TLS is trusted alike.
        client_cert, client_key: PEM files, for servers that ask for a certificate.
        insecure_hosts: that may get the key over plain HTTP, beside this machine and those in SHIM_INSECURE_HOSTS; to any other
            nothing is sent without TLS.
        caps: how much one stream may bring; None is `Caps()`, which is more than any model says.
        plain_fdset: have `fdset()` name every socket, as it does where the system has neither epoll nor kqueue. A loop that
            waits for `fileno()` alone is then woken by `timeout()`, up to 50 ms late.
        name: told by handles and in messages.

    Raises:
        InvalidRequestError: a setting cannot be used; the message names it.
        OutOfDescriptorsError: the process has no file descriptors left for it.
    """

    def __init__(
        self,
        *,
        api_key: ApiKey | None = None,
        endpoint: Endpoint | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        api: ApiChoice = "auto",
        default_temperature: float | None = None,
        max_connections: int = 0,
        http2: bool = True,
        streams_per_connection: int | None = None,
        connect_timeout: float | None = 10.0,
        read_timeout: float | None = 600.0,
        proxy: str | None = None,
        ca_file: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        verify: bool = True,
        insecure_hosts: Iterable[str] = (),
        caps: Caps | None = None,
        plain_fdset: bool = False,
        name: str = "native",
    ) -> None:
        super().__init__(name=name, api_key=api_key, insecure_hosts=insecure_hosts, caps=caps)
        self._writer = RequestWriter(
            endpoint=endpoint,
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
            streams_per_connection=streams_per_connection,
            proxy=proxy,
            ca_file=ca_file,
            client_cert=client_cert,
            client_key=client_key,
            verify=verify,
            plain_fdset=plain_fdset,
        )
        checked_settings = checked(settings)
        with descriptors_for("a native provider", count=_DESCRIPTORS):
            self._multi = HttpMulti(checked_settings)
        self._transfers: dict[int, Transfer] = {}
        self._watchers: tuple[Observe, ...] = ()
        self._numbers = itertools.count(1)
        self._sent_up_to = 0  # the requests of these numbers have left

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; see `Provider`."""
        key, codec, http = self._written(request, options, stream=False)
        handle = RequestHandle(self.name, next(self._numbers))
        secret = self._secret(key, extra_headers=request.extra_headers)
        call = Call(handle, on_completion, codec=codec, api_key=secret)
        return self._submit(call, http)

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        key, codec, http = self._written(request, options, stream=True)
        handle, secret = (
            RequestHandle(self.name, next(self._numbers)),
            self._secret(key, extra_headers=request.extra_headers),
        )
        call = StreamCall(
            handle,
            on_completion,
            on_event=on_event,
            codec=codec,
            api_key=secret,
            caps=self._caps,
        )
        return self._submit(call, http)

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
        self._check_process()
        if self._closed:
            return -1
        return 0 if self._calls.waiting else self._multi.timeout()

    def perform(self) -> int:
        """Move the data, deliver stream events; see `Provider`."""
        if os.getpid() != self._process:
            self._check_process()
        if not self._closed:
            self._multi.perform()
        return len(self._calls.open)

    def info_read(self) -> int:
        """Deliver completions; see `Provider`."""
        if not self._calls.completed:  # nearly always
            if os.getpid() != self._process:
                self._check_process()
            return 0
        with self._multi.keep_quiet():
            return super().info_read()

    def poll(self, timeout_ms: int = -1) -> int:
        """Wait on the one descriptor itself, then perform; see `Polling`."""
        if os.getpid() != self._process:
            self._check_process()
        if not self._closed:
            self._multi.wait(0 if self._calls.completed else timeout_ms)
        if not self._closed:  # by a signal's handler, while it waited
            self._multi.perform()
        return len(self._calls.open)

    def wait(self, timeout_ms: int = -1) -> bool:
        """Wait until `perform()` has something to do; see `Polling`."""
        if os.getpid() != self._process:
            self._check_process()
        return not self._closed and self._multi.wait(0 if self._calls.completed else timeout_ms)

    def wakeup(self) -> None:
        """End a wait from any thread; see `Polling`."""
        self._check_process()
        if not self._closed:
            self._multi.wakeup()

    def may_gather(self, hurry: Callable[[], object] | None = None) -> bool:
        """Whether only streams run, all of which have been asked for; see `Gathering`."""
        return super().may_gather(hurry) and self._all_sent()

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all; see `Provider`."""
        self._check_process()
        for call in self._calls.chosen(handle):
            transfer = self._transfers.pop(call.handle.id, None)
            if transfer is not None:  # none: it has ended, and this is called from its last event
                self._multi.cancel(transfer)
            self._calls.end(call, call.cancelled("the request was cancelled"))
            self._multi.wake()  # a loop that waits on the descriptor alone comes to deliver it

    def pause(self, handle: RequestHandle) -> bool:
        """Hold one stream back; see `Pausing`."""
        self._check_process()
        transfer = self._transfer_of(handle)
        if transfer is not None:
            self._multi.pause(transfer)
        return True

    def resume(self, handle: RequestHandle) -> None:
        """Go on with it; see `Pausing`."""
        self._check_process()
        transfer = self._transfer_of(handle)
        if transfer is not None:
            self._multi.resume(transfer)

    def close(self) -> None:
        """Cancel and deliver what is open, release everything; see `Provider`.

        The lookup of a name that was abandoned while it hung cannot be stopped. Closing waits for it 0.2 s at most; a daemon
        thread then lives until the system's `getaddrinfo` returns, releases what libcurl holds, and ends. It calls nothing back.
        """
        if self._closed:
            return
        self._closed = True
        self._is_parents()
        self._transfers.clear()
        self._multi.close()
        self._calls.close()

    def sent_request(self, request: ModelRequest, *, stream: bool, options: CallOptions | None = None) -> SentRequest:
        """Say what would be sent for a request, credentials included, and send nothing.

        Raises:
            MissingCredentialsError, InvalidRequestError, UnsupportedFeatureError: as `start_request` would.
        """
        return self._written(request, options, stream=stream)[2].as_sent()

    def watch(self, observe: Observe) -> Callable[[], None]:
        """Show every request from now on, and what comes back, to an observer; what is returned ends that.

        Args:
            observe: called inside `start_*` with the request as sent; gives the observer of that transfer, or None.
        """
        self._watchers = (*self._watchers, observe)
        return lambda: self._unwatch(observe)

    def _unwatch(self, observe: Observe) -> None:
        self._watchers = tuple(each for each in self._watchers if each is not observe)

    def _transfer_of(self, handle: RequestHandle) -> Transfer | None:
        """The transfer of a request that is under way."""
        return next((self._transfers.get(call.handle.id) for call in self._calls.chosen(handle)), None)

    def _all_sent(self) -> bool:
        """Whether every request has left; only those started since it was last so are looked at."""
        newest = self._sent_up_to
        for number, transfer in reversed(self._transfers.items()):
            if number <= self._sent_up_to:
                break
            if not self._multi.is_sent(transfer):
                return False
            newest = max(newest, number)
        self._sent_up_to = newest
        return True

    def _written(
        self, request: ModelRequest, options: CallOptions | None, *, stream: bool
    ) -> tuple[str, Codec, HttpRequest]:
        options = NO_OPTIONS if options is None else checked_options(options)
        key = self._key(options, endpoint=self._writer.endpoint)
        codec, http = self._writer.write(request, api_key=key, stream=stream, options=options)
        return key, codec, http

    def _submit(self, call: Call, http: HttpRequest) -> RequestHandle:
        observers: list[TransferObserver] | tuple[()] = ()
        if self._watchers:
            asked = [observe(http.as_sent()) for observe in self._watchers]
            observers = [observer for observer in asked if observer is not None]
        receiver = CallReceiver(call, multi=self._multi, completed=self._complete, observers=observers)
        self._transfers[call.handle.id] = self._multi.submit(http, receiver)
        self._calls.add(call)
        return call.handle

    def _complete(self, call: Call, completion: Completion) -> None:
        self._transfers.pop(call.handle.id, None)
        self._calls.end(call, completion)
