"""The legacy client as a `Provider`: start, drive, deliver, cancel, close.

Not the transforms (`request_transform`, `call`) and no HTTP (`legacy_openai`). The legacy client's completions are read inside
`perform()`, where the last event of a stream may still be delivered; `info_read()` hands on what that has queued, so each
callback comes from where `shim.provider` says it does.
"""

from __future__ import annotations

import functools
import os
from collections import deque
from typing import TYPE_CHECKING, NoReturn, final

from legacy_openai import (
    HttpCompletion,
    InvalidApiKeyError,
    InvalidConfigError,
    MultiClient,
    UnserializableBodyError,
)
from shim.legacy_adapter.call import Call, StreamCall
from shim.legacy_adapter.request_transform import Settings, to_legacy
from shim.model import InvalidRequestError, MissingCredentialsError, ModelRequest
from shim.provider import Completion, OnCompletion, OnEvent, ProviderClosedError, RequestHandle

if TYPE_CHECKING:
    import requests


_NOTHING_LEFT = object()


@final
class LegacyProvider:
    """The existing client behind the normalized interface; `shim.provider` has the invariants.

    Args:
        api_key: None takes `OPENAI_API_KEY` from the environment, looked up when a request starts.
        base_url: of the API; None is OpenAI's own.
        organization, project: sent as OpenAI's headers when given.
        default_temperature: for a request that sets none, as the legacy client has it; not for models that take no
            temperature. None sends none.
        session: a `requests.Session` to use as it is, so that transport adapters can be mounted; never closed here.
        max_concurrency: requests that run at a time; more wait in the order they came.
        connect_timeout, read_timeout: seconds, per socket operation; None waits for ever.
        proxies, verify: as `requests` takes them; None leaves them to the environment and the session.
        name: told by handles and in messages.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
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
        name: str = "legacy",
    ) -> None:
        self.name = name
        self._api_key = api_key
        self._settings = Settings(
            base_url=base_url,
            organization=organization,
            project=project,
            default_temperature=default_temperature,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            proxies=proxies,
            verify=verify,
        )
        self._client = MultiClient(session, max_concurrency)
        self._open: dict[int, Call] = {}
        self._completed: deque[tuple[OnCompletion, Completion]] = deque()
        self._closed = False

    def start_request(self, request: ModelRequest, on_completion: OnCompletion) -> RequestHandle:
        """Accept a request; see `Provider`."""
        key = self._key()
        return self._start(Call(self.name, on_completion, api_key=key), request, api_key=key)

    def start_stream(self, request: ModelRequest, on_event: OnEvent, on_completion: OnCompletion) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        key = self._key()
        return self._start(StreamCall(self.name, on_completion, on_event=on_event, api_key=key), request, api_key=key)

    def fileno(self) -> int:
        """One readable descriptor; see `Provider`."""
        self._check_open()
        return self._client.fileno()

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on; see `Provider`."""
        return [self.fileno()], [], []

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called; see `Provider`."""
        if self._closed:
            return -1
        return 0 if self._completed else self._client.timeout()

    def perform(self) -> int:
        """Deliver stream events, take in what has completed; see `Provider`."""
        if not self._closed:
            self._client.perform()
        if not self._closed:  # a callback may have closed it
            self._client.info_read()
        return len(self._open)

    def info_read(self) -> int:
        """Deliver completions; see `Provider`."""
        count = 0
        while self._completed:
            on_completion, completion = self._completed.popleft()
            count += 1
            on_completion(completion)
        return count

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all; see `Provider`."""
        calls = list(self._open.values()) if handle is None else [self._open.get(handle.id)]
        for call in calls:
            if call is not None and handle in (None, call.handle):
                self._client.remove(call.handle.id)
                self._end(call, call.cancelled("the request was cancelled"))
                self._client.wakeup()  # a loop that waits on the descriptor alone comes to deliver it

    def close(self) -> None:
        """Cancel and deliver what is open, release everything; see `Provider`."""
        if self._closed:
            return
        self._closed = True
        for call in list(self._open.values()):
            self._end(call, call.cancelled("the provider was closed"))
        self._client.close()
        self._deliver_all()

    def __enter__(self) -> LegacyProvider:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._open)} open, {len(self._completed)} completed"
        return f"<LegacyProvider {self.name!r}: {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a LegacyProvider cannot be pickled: it holds sockets and a key; make one where it is needed")

    def _key(self) -> str:
        self._check_open()
        key = self._api_key or os.environ.get("OPENAI_API_KEY")
        if not key:
            raise MissingCredentialsError("no API key: give api_key, or set OPENAI_API_KEY in the environment")
        return key

    def _check_open(self) -> None:
        if self._closed:
            raise ProviderClosedError(f"provider {self.name!r}")

    def _start(self, call: Call, request: ModelRequest, *, api_key: str) -> RequestHandle:
        stream_cb = call.on_payload if isinstance(call, StreamCall) else None
        config, conversation = to_legacy(request, self._settings, api_key=api_key, stream=stream_cb is not None)
        finish = functools.partial(self._finish, call)
        try:
            call.handle.id = self._client.add_request(config, conversation, stream_cb, finish)
        except InvalidApiKeyError as error:
            raise InvalidRequestError(_renamed(error), field="api_key") from None
        except (InvalidConfigError, UnserializableBodyError) as error:
            raise InvalidRequestError(_renamed(error)) from None
        self._open[call.handle.id] = call
        return call.handle

    def _finish(self, call: Call, http: HttpCompletion) -> None:
        """Be the legacy client's `completion_cb`; it is read inside `perform()`."""
        completion = call.complete(http)
        if call.handle.id in self._open:  # the last event's callback may have cancelled it, or closed the provider
            self._end(call, completion)

    def _end(self, call: Call, completion: Completion) -> None:
        del self._open[call.handle.id]
        self._completed.append((call.on_completion, completion))

    def _delivery_error(self) -> object:
        """Deliver until a callback raises; its exception, or the mark that nothing is left."""
        try:
            self.info_read()
        except Exception as error:  # noqa: BLE001 - raised again when the others have been delivered
            return error
        return _NOTHING_LEFT

    def _deliver_all(self) -> None:
        """Deliver every completion, whatever a callback raises; the first exception is raised at the end."""
        raised = [error for error in iter(self._delivery_error, _NOTHING_LEFT) if isinstance(error, Exception)]
        if raised:
            raise raised[0]


# The legacy client names its own fields; a caller of this provider knows them by these names.
_NAMES: tuple[tuple[str, str], ...] = (
    ("Config.openai_api_key", "api_key"),
    ("Config.openai_base_url", "base_url"),
    ("Config.openai_model", "model"),
    ("Config.openai_organization", "organization"),
    ("Config.openai_project", "project"),
    ("Config.", ""),
)


def _renamed(error: ValueError) -> str:
    text = str(error)
    for theirs, ours in _NAMES:
        text = text.replace(theirs, ours)
    return text
