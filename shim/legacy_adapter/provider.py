"""The legacy client as a `Provider`: start, drive, deliver, cancel, close.

Not the transforms (`request_transform`, `call`, `shim.calls`) and no HTTP (`legacy_openai`). The legacy client's completions
are read inside `perform()`, where the last event of a stream may still be delivered; `info_read()` hands on what that has
queued, so each callback comes from where `shim.provider` says it does.
"""

from __future__ import annotations

import functools
import math
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, final

import requests

from legacy_openai import (
    HttpCompletion,
    InvalidApiKeyError,
    InvalidConfigError,
    MultiClient,
    UnserializableBodyError,
)
from legacy_openai.body import build_body
from legacy_openai.http_request import build_request, check_address
from legacy_openai.transfer import BUFFER_LIMIT
from shim.call_options import ApiKey, CallOptions
from shim.calls import NO_OPTIONS, Call, ProviderBase, StreamCall, checked_options, endpoint_of
from shim.calls.turn import TURN
from shim.descriptors import descriptors_for
from shim.endpoint import Endpoint
from shim.legacy_adapter.call import EndedCall, stream_callback
from shim.legacy_adapter.repeated_request import RepeatedRequest
from shim.legacy_adapter.request_transform import Settings, carried_endpoint, to_legacy
from shim.legacy_adapter.session_check import check_session
from shim.legacy_adapter.sessions import GuardedSession, OwnSession
from shim.legacy_adapter.shared_mailbox import SharedMailbox
from shim.model import InvalidRequestError, ModelRequest
from shim.model.caps import Caps
from shim.model.checks import kind_of
from shim.poller import wait_for
from shim.provider import OnCompletion, OnEvent, RequestHandle
from shim.wire import chat

_NO_WAIT = -1.0
_DESCRIPTORS = 2  # the pair of sockets by which the legacy client's threads tell its loop
_HELD_BACK = 2 * BUFFER_LIMIT  # bytes that count as waiting to be delivered, so that a thread reads no further


@final
class LegacyProvider(ProviderBase):
    """The existing client behind the normalized interface; `shim.provider` has the invariants.

    Args:
        api_key: None takes `OPENAI_API_KEY` from the environment, looked up when a request starts; a function is asked then.
        endpoint: where requests go and on whose behalf; None is OpenAI's own. The legacy client knows neither deployments nor
            the `api-key` header: such an endpoint is refused.
        base_url, organization, project: its short form.
        default_temperature: for a request that sets none, as the legacy client has it; not for models that take no
            temperature. None sends none.
        session: a `requests.Session` to use as it is, so that transport adapters can be mounted; never closed here. One with
            `auth` or response hooks is refused: the legacy client overrides the first and is emptied by the second.
        max_concurrency: requests that run at a time; more wait in the order they came.
        connect_timeout, read_timeout: seconds, per socket operation; None waits for ever.
        proxies, verify: as `requests` takes them; None leaves them to the environment and the session.
        insecure_hosts: that may get the key over plain HTTP, beside this machine and those in SHIM_INSECURE_HOSTS; to any other
            nothing is sent without TLS.
        caps: how much one stream may bring; None is `Caps()`, which is more than any model says.
        name: told by handles and in messages.
    """

    def __init__(
        self,
        *,
        api_key: ApiKey | None = None,
        endpoint: Endpoint | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        default_temperature: float | None = 0.7,
        session: requests.Session | None = None,
        max_concurrency: int = 100,
        connect_timeout: float | None = 10.0,
        read_timeout: float | None = 600.0,
        proxies: dict[str, str] | None = None,
        verify: bool | str | None = None,
        insecure_hosts: Iterable[str] = (),
        caps: Caps | None = None,
        name: str = "legacy",
    ) -> None:
        super().__init__(name=name, api_key=api_key, insecure_hosts=insecure_hosts, caps=caps)
        self._settings = Settings(
            endpoint=carried_endpoint(
                endpoint_of(endpoint, base_url=base_url, organization=organization, project=project), place="endpoint"
            ),
            default_temperature=default_temperature,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            proxies=proxies,
            verify=verify,
        )
        _check_temperature("default_temperature", default_temperature)
        check_session(session)
        # Looked for before: half made, the legacy client complains on its way out.
        with descriptors_for("a legacy provider", count=_DESCRIPTORS), _renamed_refusals():
            self._client, self._mailbox = _client(session, max_concurrency)
        self._session = self._client._session if session is None else session  # noqa: SLF001 - it has no public way there
        self._held: set[int] = set()
        self._performing = False
        self._ended: deque[EndedCall] = deque()

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; see `Provider`."""
        options = checked_options(options)
        key = self._key(options, endpoint=self._settings.endpoint)
        handle, headers = RequestHandle(self.name, 0), _headers_of(request)
        call = Call(handle, on_completion, codec=chat, api_key=key, extra_headers=headers)
        return self._start(call, request, api_key=key, options=options)

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        options = checked_options(options)
        key = self._key(options, endpoint=self._settings.endpoint)
        handle, headers = RequestHandle(self.name, 0), _headers_of(request)
        call = StreamCall(
            handle,
            on_completion,
            on_event=on_event,
            codec=chat,
            api_key=key,
            extra_headers=headers,
            caps=self._caps,
        )
        return self._start(call, request, api_key=key, options=options, stream_cb=stream_callback(call))

    def repeated(self, request: ModelRequest, *, stream: bool) -> RepeatedRequest:
        """Check and write a request once, to make it again and again in this thread, where the session answers from memory.

        Raises:
            InvalidRequestError, UnsupportedFeatureError: as `start_request` does.
        """
        key = self._key(NO_OPTIONS, endpoint=self._settings.endpoint)
        config, conversation = to_legacy(request, self._settings, api_key=key, stream=stream)
        session = self._client._session  # noqa: SLF001 - the guarded one; it has no public way there
        with _renamed_refusals():
            http = build_request(config, build_body(config, conversation, streaming=stream), streaming=stream)
            check_address(http.url, session)
        return RepeatedRequest(http, client=self._client, session=self._session, name=self.name, caps=self._caps)

    def fileno(self) -> int:
        """One readable descriptor; see `Provider`."""
        self._check_open()
        return self._client.fileno()

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on; see `Provider`."""
        return [self.fileno()], [], []

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called; see `Provider`."""
        if os.getpid() != self._process:
            self._check_process()
        if self._closed:
            return -1
        return 0 if self._calls.completed or self._ended or self._mailbox.is_signalled else -1

    def perform(self) -> int:
        """Deliver stream events, take in what has ended; see `Provider`."""
        if os.getpid() != self._process:
            self._check_process()
        if self._performing:
            raise RuntimeError("perform() was called from inside perform(): a callback must not call it")
        self._performing = True
        try:
            if not self._closed:
                self._client.perform()
            if not self._closed:  # a callback may have closed it
                self._client.info_read()
            left = TURN
            while self._ended and left > 0:
                left -= self._conclude(self._ended[0])
        finally:
            self._performing = False
        return len(self._calls.open)

    def poll(self, timeout_ms: int = -1) -> int:
        """Wait on the one descriptor itself, then perform; see `Polling`."""
        self.wait(timeout_ms)
        return self.perform()

    def wait(self, timeout_ms: int = -1) -> bool:
        """Wait until a thread has left something, or one wakes this up; see `Polling`."""
        if self._performing:
            raise RuntimeError("poll() was called from inside perform(): a callback must not call it")
        limit = self.timeout()  # which refuses a forked child
        return not self._closed and wait_for(self._mailbox.fileno(), limit, timeout_ms)

    def wakeup(self) -> None:
        """End a wait from any thread; see `Polling`."""
        self._check_process()
        self._client.wakeup()

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all; see `Provider`."""
        self._check_process()
        chosen = list(self._calls.chosen(handle))
        for call in reversed(chosen):  # the waiting ones first: no thread that is cut may take one up
            self._client.remove(call.handle.id)
            self._held.discard(call.handle.id)
        for call in chosen:
            self._calls.end(call, call.cancelled("the request was cancelled"))
            self._client.wakeup()  # a loop that waits on the descriptor alone comes to deliver it

    def pause(self, handle: RequestHandle) -> bool:
        """Hold one stream back: its thread stops reading once its buffer of 1 MiB counts as full; see `Pausing`."""
        self._check_process()
        entry = self._entry_of(handle)
        if entry is not None and handle.id not in self._held:
            self._held.add(handle.id)
            entry.transfer.make_room(-_HELD_BACK)
        return True

    def resume(self, handle: RequestHandle) -> None:
        """Go on with it; see `Pausing`."""
        self._check_process()
        entry = self._entry_of(handle)
        if entry is not None and handle.id in self._held:
            self._held.discard(handle.id)
            entry.transfer.make_room(_HELD_BACK)

    def close(self) -> None:
        """Cancel and deliver what is open, release everything; see `Provider`."""
        if self._closed:
            return
        self._closed = True
        self._ended.clear()
        self._is_parents()
        if sys.is_finalizing():
            # Since Python 3.13 a daemon thread stands still from then on: to wait for one is to wait for nothing.
            self._client._longest_connect = _NO_WAIT  # noqa: SLF001 - the legacy client waits that long and a second
        self._client.close()
        self._calls.close()

    @property
    def session(self) -> requests.Session:
        """The session its requests go through, for a tap; the one given, or the legacy client's own."""
        return self._session

    def _entry_of(self, handle: RequestHandle) -> Any:
        """What the legacy client keeps of a request that is under way."""
        under_way = any(self._calls.chosen(handle))
        return self._client._entries.get(handle.id) if under_way else None  # noqa: SLF001 - it has no way to hold one back

    def _start(
        self,
        call: Call,
        request: ModelRequest,
        *,
        api_key: str,
        options: CallOptions,
        stream_cb: Callable[[bytes], None] | None = None,
    ) -> RequestHandle:
        check_session(self.session)  # what was set on it since
        settings = self._settings.for_call(options)
        config, conversation = to_legacy(request, settings, api_key=api_key, stream=stream_cb is not None)
        ended = functools.partial(self._note_end, call)
        with _renamed_refusals():
            call.handle.id = self._client.add_request(config, conversation, stream_cb, ended)
        self._calls.add(call)
        return call.handle

    def _note_end(self, call: Call, http: HttpCompletion) -> None:
        """Be the legacy client's `completion_cb`."""
        self._held.discard(http.request_id)
        self._ended.append(EndedCall(call, http))

    def _conclude(self, ended: EndedCall) -> int:
        """End a call, or read on towards its end; return what that took."""
        completion, taken = None, 0
        if self._calls.holds(ended.call):  # an event of another may have cancelled it
            completion, taken = ended.conclude()
            if completion is not None:
                self._calls.end(ended.call, completion)
        if self._ended:  # only now: an interrupt in its last event leaves it for the next call
            self._ended.popleft()
            if completion is None and self._calls.holds(ended.call):
                self._ended.append(ended)  # behind the others: it is read on
        return taken


def _client(session: requests.Session | None, max_concurrency: int) -> tuple[MultiClient, SharedMailbox]:
    """The legacy client, with a session that gives nobody another's answer, and a mailbox that is emptied in turns."""
    if session is not None:
        is_session = isinstance(session, requests.Session)  # what is none is refused by name
        client = MultiClient(GuardedSession(session) if is_session else session, max_concurrency)
    else:
        client = MultiClient(OwnSession(max_connections=max_concurrency), max_concurrency)
        client._owns_session = True  # noqa: SLF001 - so that it is closed with the client, as one it had made would be
    mailbox: Any = SharedMailbox(client._mailbox)  # noqa: SLF001 - its threads keep the one below
    client._mailbox = mailbox  # noqa: SLF001 - it has no other way to take less than all
    return client, mailbox


def _headers_of(request: object) -> object:
    """The request's own headers; one that is no request has none, and is refused when it is written."""
    return getattr(request, "extra_headers", None)


def _check_temperature(name: str, value: object) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not (number or value is None):
        raise InvalidRequestError(f"{name} is {kind_of(value)}; give a finite number, or None to send none", field=name)


# The legacy client names its own fields; a caller of this provider knows them by these names.
_NAMES: tuple[tuple[str, str], ...] = (
    ("Config.openai_api_key", "api_key"),
    ("Config.openai_base_url", "base_url"),
    ("Config.openai_model", "model"),
    ("Config.openai_organization", "organization"),
    ("Config.openai_project", "project"),
    ("Config.", ""),
)
_PLACE = re.compile(r"[^\s:]+")  # every refusal of the legacy client begins with the field it is about


@contextmanager
def _renamed_refusals() -> Iterator[None]:
    """Turn what the legacy client refuses into our error, in our names."""
    try:
        yield
    except (InvalidApiKeyError, InvalidConfigError, UnserializableBodyError) as error:
        text = str(error)
        for theirs, ours in _NAMES:
            text = text.replace(theirs, ours)
        place = _PLACE.match(text)
        raise InvalidRequestError(text, field=place[0] if place else None) from None
