"""OpenAI as a `Provider`, spoken directly: start, drive, deliver, cancel, close.

Not the HTTP (`http_multi`), not the bodies (`shim.wire`), and no choice of API (`shim.wire.api_selection`).
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, NoReturn, final, get_args

from msgspec import UNSET
from msgspec.structs import replace

from shim.calls import Call, CallTable, Codec, Ending, StreamCall, find_key
from shim.model import InvalidRequestError, ModelRequest, check_request
from shim.model.checks import kind_of
from shim.native.exchange import Exchange, StreamExchange
from shim.native.http_multi import HttpMulti
from shim.native.http_request import header_lines, make_account
from shim.native.settings import HttpSettings, checked
from shim.native.transfer import HttpRequest, Transfer
from shim.provider import OnCompletion, OnEvent, ProviderClosedError, RequestHandle
from shim.wire import chat, responses
from shim.wire.api_selection import ApiChoice, select_api
from shim.wire.model_traits import refuses_temperature

if TYPE_CHECKING:
    from typing_extensions import Self

_CODECS: dict[str, Any] = {"chat_completions": chat, "responses": responses}
_USER_AGENT = "shim-native/0.1.0"


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
        name: told by handles and in messages.

    Raises:
        InvalidRequestError: a setting cannot be used; the message names it.
        NotImplementedError: the platform has neither epoll nor kqueue.
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
        name: str = "native",
    ) -> None:
        self.name = name
        self._api_key = api_key
        self._api = api
        self._default_temperature = default_temperature
        _check_choice(api)
        _check_temperature(default_temperature)
        self._account = make_account(base_url, organization=organization, project=project, user_agent=_USER_AGENT)
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
        )
        self._multi = HttpMulti(checked(settings))
        self._calls = CallTable()
        self._transfers: dict[int, Transfer] = {}
        self._numbers = itertools.count(1)
        self._closed = False

    def start_request(self, request: ModelRequest, on_completion: OnCompletion) -> RequestHandle:
        """Accept a request; see `Provider`."""
        key = self._key()
        codec, http = self._prepare(request, api_key=key, stream=False)
        call = Call(self._handle(), on_completion, codec=codec, api_key=key)
        return self._submit(call, http, exchange=Exchange(call, multi=self._multi, end=self._finish))

    def start_stream(self, request: ModelRequest, on_event: OnEvent, on_completion: OnCompletion) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        key = self._key()
        codec, http = self._prepare(request, api_key=key, stream=True)
        call = StreamCall(self._handle(), on_completion, on_event=on_event, codec=codec, api_key=key)
        return self._submit(call, http, exchange=StreamExchange(call, multi=self._multi, end=self._finish))

    def fileno(self) -> int:
        """One readable descriptor, for any number of transfers; see `Provider`."""
        self._check_open()
        return self._multi.fileno()

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on; see `Provider`."""
        return [self.fileno()], [], []

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
        """Cancel and deliver what is open, release everything; see `Provider`."""
        if self._closed:
            return
        self._closed = True
        self._transfers.clear()
        self._multi.close()
        self._calls.close()

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

    def _prepare(self, request: ModelRequest, *, api_key: str, stream: bool) -> tuple[Codec, HttpRequest]:
        """Choose the API and write the request; raises before anything is sent."""
        check_request(request)
        request = self._with_default_temperature(request)
        api = select_api(request, api=self._api).api
        codec = _CODECS[api]
        lines = header_lines(self._account, api_key, stream=stream, extra=request.extra_headers)
        body = codec.serialize(request, stream=stream)
        return codec, HttpRequest(url=self._account.addresses[api], headers=lines, body=body)

    def _with_default_temperature(self, request: ModelRequest) -> ModelRequest:
        said = request.temperature is not UNSET or "temperature" in request.extra_body
        if (
            said
            or self._default_temperature is None
            or refuses_temperature(str(request.extra_body.get("model", request.model)))
        ):
            return request
        return replace(request, temperature=self._default_temperature)

    def _submit(self, call: Call, http: HttpRequest, *, exchange: Exchange) -> RequestHandle:
        self._transfers[call.handle.id] = self._multi.submit(http, exchange)
        self._calls.add(call)
        return call.handle

    def _finish(self, call: Call, ending: Ending) -> None:
        self._transfers.pop(call.handle.id, None)
        completion = call.conclude(ending)
        self._calls.end(call, completion)


def _check_choice(api: object) -> None:
    words = get_args(ApiChoice)
    if api not in words:
        shown = repr(api) if isinstance(api, str) else kind_of(api)
        raise InvalidRequestError(f"api is {shown}; give one of {', '.join(words)}", field="api")


def _check_temperature(value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not (number or value is None):
        remedy = "give a finite number, or None to send none"
        raise InvalidRequestError(f"default_temperature is {kind_of(value)}; {remedy}", field="default_temperature")
