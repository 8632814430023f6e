"""The legacy client on the caller's own session: what it sends leaves through there, and the answer is listened to.

Not the client (`legacy_openai`) nor its adapter (`shim.legacy_adapter`), which start, drive and read as ever. Each call brings
its session: the calling thread's, with its `auth`, hooks, adapters and `verify`, as openai 0.28 would have used it. A call and
its request find each other by a header that is taken out again before anything is sent.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, cast

import requests
from msgspec.structs import replace

from shim.compat.openai_v0 import sessions
from shim.compat.openai_v0.transport.heard import Heard
from shim.compat.openai_v0.transport.outgoing import Outgoing
from shim.legacy_adapter import LegacyProvider
from shim.model import ModelRequest
from shim.provider import Provider, RequestHandle

_TICKET = "X-Shim-V0-Call"
_PIECE = 512  # bytes asked for at a time where a stream has no chunks: as 0.28 did


class RelayedCall(Heard):
    """What is heard of a call, and what it takes to send it: the request as 0.28 makes it, and the session."""

    def __init__(self, outgoing: Outgoing, session: requests.Session, **heard: Any) -> None:
        super().__init__(stream=outgoing.stream, **heard)
        self.outgoing = outgoing
        self.session = session

    def send(self, url: str, *, data: bytes, headers: Mapping[str, Any]) -> requests.Response:
        """Send it, and hand on what comes to the legacy client."""
        try:
            response = sessions.send(
                self.session, self.outgoing, stream=self.stream, url=url, headers=headers, data=data
            )
        except BaseException as fault:
            self.fault = fault
            raise
        self.on_head(response.status_code, response.headers)
        return _Relayed(response, self)

    def end(self, *, fault: BaseException | None = None) -> None:
        """Take the end. What reading a session raised, the legacy client has raised from itself: nothing is its own cause."""
        if self.fault is not None and self.fault.__cause__ is self.fault:
            self.fault.__cause__, self.fault.__suppress_context__ = None, False
        super().end(fault=fault)


_calls: weakref.WeakValueDictionary[str, RelayedCall] = weakref.WeakValueDictionary()
_tickets = itertools.count(1)


def ticketed(request: ModelRequest, call: RelayedCall) -> ModelRequest:
    """The request with its call's ticket, by which its session is found whenever a provider comes to send it."""
    ticket = str(next(_tickets))
    _calls[ticket] = call
    return replace(request, extra_headers={**request.extra_headers, _TICKET: ticket})


def relayed_legacy(**settings: Any) -> Provider:
    """Make a legacy provider that sends through the session each call brings; `settings` are `LegacyProvider`'s."""
    return cast("Provider", _RelayedLegacy(LegacyProvider(session=_RelaySession(), **settings)))


def without_tickets(provider: Provider) -> Provider:
    """A provider that is handed the same requests and sends by itself: it sees no tickets."""
    return cast("Provider", _WithoutTickets(provider))


class _RelayedLegacy:
    """Lets a call's bytes wake the provider's loop; all else is the provider's own."""

    def __init__(self, provider: LegacyProvider) -> None:
        self._provider = provider
        self.name = provider.name

    def start_request(self, request: ModelRequest, *callbacks: Any, **options: Any) -> RequestHandle:
        self._note(request)
        return self._provider.start_request(request, *callbacks, **options)

    def start_stream(self, request: ModelRequest, *callbacks: Any, **options: Any) -> RequestHandle:
        self._note(request)
        return self._provider.start_stream(request, *callbacks, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def __repr__(self) -> str:
        return f"<relayed {self._provider!r}>"

    def _note(self, request: ModelRequest) -> None:
        call = _calls.get(request.extra_headers.get(_TICKET) or "")
        if call is None:
            raise TypeError("this provider carries the calls of shim.compat.openai_v0 alone; make another for your own")
        # Bytes that are no payload yet wake no loop; the frozen client's `wakeup` may be called from any thread.
        call.wake_with(self._provider._client.wakeup)  # noqa: SLF001 - the adapter has no public way to it


class _WithoutTickets:
    """Takes the ticket out of each request; all else is the provider's own."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.name = provider.name

    def start_request(self, request: ModelRequest, *callbacks: Any, **options: Any) -> RequestHandle:
        return self._provider.start_request(_without_ticket(request), *callbacks, **options)

    def start_stream(self, request: ModelRequest, *callbacks: Any, **options: Any) -> RequestHandle:
        return self._provider.start_stream(_without_ticket(request), *callbacks, **options)

    def __getattr__(self, name: str) -> Any:
        told = getattr(self._provider, name)
        return (lambda request, **how: told(_without_ticket(request), **how)) if name == "sent_request" else told

    def __repr__(self) -> str:
        return repr(self._provider)


def _without_ticket(request: ModelRequest) -> ModelRequest:
    kept = {name: value for name, value in request.extra_headers.items() if name != _TICKET}
    return replace(request, extra_headers=kept)


class _RelaySession(requests.Session):
    """What the legacy client takes for its session; each request finds its call here."""

    def request(self, method: Any, url: Any, *_args: Any, **given: Any) -> requests.Response:
        headers = dict(given["headers"])
        call = _calls.get(headers.pop(_TICKET, ""))
        if call is None:
            raise requests.exceptions.ConnectionError("the caller has left")
        return call.send(url, data=given["data"], headers=headers)


class _Relayed(requests.Response):
    """An answer as the legacy client reads it: piece by piece, each told to the call first."""

    def __init__(self, response: requests.Response, call: RelayedCall) -> None:
        super().__init__()
        self.status_code = response.status_code
        self.reason = response.reason
        self.headers = response.headers
        self.url = response.url
        self._response = response
        self._call = call

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        pieces = self._pieces()
        while True:
            try:
                piece = next(pieces, None)
            except BaseException as fault:
                self._call.fault = fault
                raise
            if piece is None:
                self._call.is_whole = True
                return
            self._call.bring(piece)
            yield piece

    def _pieces(self) -> Iterator[Any]:
        """As 0.28 read it: a stream as it comes, anything else by its `content`, which is all that stand-ins of tests have."""
        if self._call.is_event_stream:
            yield from self._response.iter_content(_PIECE)
        elif self._response.content:
            yield self._response.content

    def close(self) -> None:
        self._response.close()
