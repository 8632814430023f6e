"""The client: many requests at once, one descriptor for a select() loop, callbacks on the caller's thread.

Not the work itself: threads are workers.py, one exchange is transfer.py, what threads hand over waits in mailbox.py.
The face is that of a curl multi handle: add, wait on the descriptor for at most `timeout()`, `perform()`, `info_read()`.

    client = MultiClient()
    client.add_request(cfg, conv, stream_cb=show, completion_cb=note)
    while client.perform():
        milliseconds = client.timeout()
        select.select(*client.fdset(), None if milliseconds < 0 else milliseconds / 1000)
        client.info_read()
    client.info_read()
    client.close()

Quirks that callers rely on and that stay: every `data:` line is one payload, `event:` and `id:` are ignored, payloads
after `[DONE]` are delivered too, nothing is retried.
"""

from __future__ import annotations

import functools
import itertools
import os
import warnings
from collections import deque
from typing import TYPE_CHECKING

from requests import Session

from legacy_openai.body import build_body
from legacy_openai.connections import ClientSession
from legacy_openai.delivery import Entry, aborted_completion, completion_of
from legacy_openai.errors import ClosedClientError, InvalidConfigError
from legacy_openai.http_request import build_request, check_address, check_kinds
from legacy_openai.mailbox import Mailbox
from legacy_openai.transfer import Transfer
from legacy_openai.workers import Workers

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from types import TracebackType

    import requests
    from typing_extensions import Self

    from legacy_openai.completion import HttpCompletion
    from legacy_openai.config import Config
    from legacy_openai.conversation import Conversation
    from legacy_openai.mailbox import Letter

_UNLIMITED_JOIN = 10.0
"""Seconds that close() waits for a connect without a timeout of its own."""


class MultiClient:
    """Many Chat Completions requests at once. It belongs to one thread; only `wakeup()` may be called from others.

    Args:
        session: a `requests.Session` to use as it is (adapters, proxies, TLS), never closed here. It is used by many
            threads at once, which `requests` allows as long as nobody changes it meanwhile; its connections can only
            be cut once the response headers have arrived. None: an own one, with connections that can always be cut.
        max_concurrency: requests that run at a time, each on a thread of its own; more wait in the order they came.
    """

    def __init__(self, session: requests.Session | None = None, max_concurrency: int = 100) -> None:
        if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1:
            raise InvalidConfigError(f"max_concurrency must be an int of at least 1, not {max_concurrency!r}")
        if session is not None and not isinstance(session, Session):
            raise InvalidConfigError(f"session must be a requests.Session or None, not {type(session).__name__}")
        self._process = os.getpid()
        self._closed = False
        self._performing = False
        self._longest_connect = 0.0
        self._session = ClientSession(max_connections=max_concurrency) if session is None else session
        self._owns_session = session is None
        self._mailbox = Mailbox()
        self._workers = Workers(max_concurrency, functools.partial(_run, session=self._session, mailbox=self._mailbox))
        self._entries: dict[int, Entry] = {}
        self._completions: deque[tuple[Entry, HttpCompletion]] = deque()
        self._ids = itertools.count(1)

    def add_request(
        self,
        cfg: Config,
        conv: Conversation,
        stream_cb: Callable[[bytes], object] | None = None,
        completion_cb: Callable[[HttpCompletion], object] | None = None,
        *,
        limit_reached: bool = False,
        logger: logging.Logger | None = None,
    ) -> int:
        """Start a request, or queue it, and return its id at once.

        Everything is copied before this returns: later changes to `cfg` or `conv` do not reach the request.

        Args:
            cfg: key, model, address, limits.
            conv: the messages; at least one.
            stream_cb: asks for a stream; gets the payload of each `data:` line, bytes as received, from `perform()`.
                Raising aborts this request alone.
            completion_cb: gets the HttpCompletion, once, from `info_read()`.
            limit_reached: the caller's limit of tool calls is used up: sends `tool_choice: "none"`.
            logger: gets one line at DEBUG when the request starts and one when it ends.

        Raises:
            MissingApiKeyError, InvalidApiKeyError, EmptyConversationError, InvalidConfigError,
            UnserializableBodyError: bad input; nothing is sent and nothing called back.
            ClosedClientError: the client is closed.
        """
        self._check_usable()
        check_kinds(cfg, conv, stream_cb=stream_cb, completion_cb=completion_cb)
        streaming = stream_cb is not None
        body = build_body(cfg, conv, streaming=streaming, limit_reached=limit_reached)
        request = build_request(cfg, body, streaming=streaming)
        check_address(request.url, self._session)
        transfer = Transfer(next(self._ids), request)
        entry = Entry(transfer, stream_cb=stream_cb, completion_cb=completion_cb, logger=logger)
        entry.log_start()
        self._longest_connect = max(self._longest_connect, request.connect_timeout or _UNLIMITED_JOIN)
        self._workers.submit(transfer)
        self._entries[transfer.request_id] = entry
        return transfer.request_id

    def fileno(self) -> int:
        """The descriptor to wait on; readable exactly while `perform()` or `info_read()` has something to do."""
        self._check_usable()
        return self._mailbox.fileno()

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The lists for `select.select`: read, write, exceptional."""
        return [self.fileno()], [], []

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called: 0 when something waits, else -1 for no limit."""
        self._check_usable()
        return 0 if self._mailbox.is_signalled else -1

    def wakeup(self) -> None:
        """Make the descriptor readable until the next `perform()`; from any thread, and quiet after `close()`."""
        self._mailbox.wake()

    def perform(self) -> int:
        """Deliver the stream data that waits now; return how many requests have not ended yet.

        A request has ended once its completion waits for `info_read()`.

        Raises:
            ClosedClientError: the client is closed.
            RuntimeError: called from inside a stream_cb.
        """
        self._check_usable()
        if self._performing:
            raise RuntimeError("perform() was called from inside perform(): a stream_cb must not call it")
        self._performing = True
        letters = deque(self._mailbox.collect())
        try:
            while letters:
                self._deliver(letters.popleft(), letters)
        finally:
            self._performing = False
            if letters:
                self._mailbox.put_back(letters)
            self._mailbox.keep_awake(wanted=bool(self._completions))
        return len(self._entries)

    def info_read(self) -> int:
        """Deliver the completions that wait, in the order in which the requests ended; return how many.

        An exception of a completion_cb leaves this method; the completions after it stay for the next call.
        """
        self._check_usable()
        count = 0
        try:
            while self._completions:
                entry, completion = self._completions.popleft()
                count += 1
                if entry.completion_cb is not None:
                    entry.completion_cb(completion)
                del entry, completion
        finally:
            self._mailbox.keep_awake(wanted=bool(self._completions))
        return count

    def remove(self, request_id: int) -> bool:
        """Cancel a request: no callback of it runs after this. False when there is none with that id (any more)."""
        entry = self._entries.pop(request_id, None)
        if entry is None:
            return self._forget_completion(request_id)
        entry.log_end("removed")
        self._stop(entry)
        return True

    def close(self) -> None:
        """Cancel every request, end the threads, close the sockets; a second call does nothing.

        Threads end at once wherever they are, save in a name lookup or a TCP connect (with a session of the caller's
        also: until the response headers are there). Those get the connect timeout and a second; then they are left to
        end by themselves, and neither send nor call back. In a forked child nothing is waited for, and the parent's
        connections stay as they are.
        """
        if not self._closed:
            self._release(join=True)

    def _release(self, *, join: bool) -> None:
        self._closed = True
        entries = list(self._entries.values())
        self._entries.clear()
        self._completions.clear()
        if os.getpid() != self._process:
            # Any lock may have been held when the process forked, those of the session too: take none.
            self._mailbox.close_after_fork()
            return
        for entry in reversed(entries):  # the waiting ones first: no thread that is cut may take one up
            entry.log_end("removed by close()")
            self._stop(entry)
        self._mailbox.close()
        if join:
            self._workers.join(self._longest_connect + 1.0)
        if self._owns_session:
            self._session.close()

    def _stop(self, entry: Entry) -> None:
        entry.ended = True
        if not self._workers.withdraw(entry.transfer):
            entry.transfer.cancel()
        self._mailbox.discard(entry.transfer)

    def _deliver(self, letter: Letter, following: deque[Letter]) -> None:
        """Give a letter to its callbacks; what an interrupt leaves of it goes to the front of `following`."""
        transfer = letter.transfer
        entry = self._entries.get(transfer.request_id)
        if entry is None:
            return
        if letter.payloads is None or entry.stream_cb is None:
            self._end(entry, completion_of(transfer))
            return
        stream_cb, rest = entry.stream_cb, iter(letter.payloads)
        try:
            for payload in rest:
                stream_cb(payload)
                if entry.ended:
                    return
        except Exception as error:  # whatever it is, it ends its own request and no other
            if entry.ended:  # the callback removed its request, or closed the client: no completion can carry this
                raise
            self._abort(entry, error)
            return
        except BaseException:
            following.appendleft(letter._replace(payloads=list(rest)))
            raise
        transfer.make_room(letter.size)

    def _abort(self, entry: Entry, error: Exception) -> None:
        if error.__traceback__ is not None:
            # Without our own frame, which would keep the request alive for as long as the exception is kept.
            error.__traceback__ = error.__traceback__.tb_next
        self._stop(entry)
        self._end(entry, aborted_completion(entry.transfer, error))

    def _end(self, entry: Entry, completion: HttpCompletion) -> None:
        del self._entries[completion.request_id]
        entry.ended = True
        entry.log_end(f"{completion.type.name} (HTTP {completion.http_code})")
        self._completions.append((entry, completion))

    def _forget_completion(self, request_id: int) -> bool:
        for waiting in self._completions:
            if waiting[1].request_id == request_id:
                self._completions.remove(waiting)
                self._mailbox.keep_awake(wanted=bool(self._completions))
                return True
        return False

    def _check_usable(self) -> None:
        if self._closed:
            raise ClosedClientError("this client is closed: make a new MultiClient")
        if os.getpid() != self._process:
            raise ClosedClientError(
                f"this client belongs to process {self._process}: after a fork the child makes a new MultiClient"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._entries)} open, {len(self._completions)} to read"
        return f"<MultiClient {state}>"

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            if os.getpid() == self._process:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self._release(join=False)


def _run(transfer: Transfer, *, session: requests.Session, mailbox: Mailbox) -> None:
    """What a worker does; holds the session and the mailbox, but not the client."""
    transfer.run(session, mailbox)
