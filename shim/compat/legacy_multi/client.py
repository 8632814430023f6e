"""The legacy client's own face over any provider: add requests, wait on one descriptor, `perform()`, `info_read()`.

Not the translation of requests (`request`), events (`payloads`) and outcomes (`outcome`), and nothing of HTTP: the provider
does the work. The signatures, the errors, the words and the order are those of `legacy_openai.multi_client`; what cannot be the
same is a table in docs/migration_guide.md.

Theory of operation. The provider's own completions are taken inside `perform()`, where the last payload of a stream may still be
due; `info_read()` hands on what that has queued, so each callback comes from where the legacy client has it. The descriptor
tells of the provider's, and of a mailbox of the legacy client's: it is rung by `wakeup()`, kept ringing while completions wait,
and rung by a reminder when the provider's `timeout()` has passed.
"""

from __future__ import annotations

import itertools
import math
import os
import time
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from legacy_openai import ClosedClientError, Config, Conversation, HttpCompletion, InvalidConfigError
from legacy_openai.delivery import Entry
from legacy_openai.http_request import check_kinds
from legacy_openai.mailbox import Mailbox
from legacy_openai.transfer import Transfer
from legacy_openai.transport_errors import without_secrets
from shim.compat.legacy_multi.call import Desk, LegacyCall
from shim.compat.legacy_multi.outcome import refused
from shim.compat.legacy_multi.reminder import Reminder
from shim.compat.legacy_multi.request import Transport, Unit, asked_of, named_conversation, refusals
from shim.poller import READ, make_poller
from shim.provider import Provider

if TYPE_CHECKING:
    import logging
    from types import TracebackType

    from typing_extensions import Self

ProviderOrMaker: TypeAlias = "Provider | Callable[[], Provider]"

# A child that was forked leaves its parent's providers as they are: to destroy one would close the parent's connections and take
# its sockets out of the epoll both have. One for each client that the child closes, and nothing ever reads them.
_LEFT_TO_THE_PARENT: list[Provider] = []


# Where the system has no descriptor that tells of others, a loop that waits for one alone looks at the other so often.
_LOOK_MILLISECONDS = 50


class MultiClient:
    """Many Chat Completions requests at once, by a provider. It belongs to one thread; only `wakeup()` may come from others.

    Args:
        provider: what does the work, or a function that makes it. It belongs to this client, and is closed with it.
        max_concurrency: requests that run at a time; more wait in the order they came.
        unit: names the conversation of a call, for a rollout; the default takes the attribute `conversation_id` of the
            conversation, else of the config. Without a name control serves the call.
        proxies, verify: what the provider was made with, in the words of `Config`: a config that asks for the same passes.

    Raises:
        InvalidConfigError: an argument cannot be used; the text names it.
    """

    def __init__(
        self,
        provider: ProviderOrMaker,
        *,
        max_concurrency: int = 100,
        unit: Unit | None = None,
        proxies: Mapping[str, str] | None = None,
        verify: bool | str | None = None,
    ) -> None:
        check_concurrency(max_concurrency)
        if unit is not None and not callable(unit):
            raise InvalidConfigError(f"unit must be a function of config and conversation, not {type(unit).__name__}")
        self._provider = _made(provider)
        self._process = os.getpid()
        self._closed = False
        self._most = max_concurrency
        self._unit: Unit = unit or named_conversation
        self._transport = Transport(proxies, verify)
        self._desk = Desk()
        self._waiting: deque[LegacyCall] = deque()
        self._ids = itertools.count(1)
        self._mailbox = Mailbox()
        self._reminder = Reminder(self._mailbox.wake)
        self._poller = make_poller()
        for descriptor in (self._mailbox.fileno(), self._provider.fileno()):
            self._poller.watch(descriptor, READ)

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
        """Start a request, or queue it, and return its id at once; as `legacy_openai.MultiClient.add_request`.

        Raises:
            MissingApiKeyError, InvalidApiKeyError, EmptyConversationError, InvalidConfigError,
            UnserializableBodyError: bad input; nothing is sent and nothing called back.
            ClosedClientError: the client is closed.
        """
        self._check_usable()
        check_kinds(cfg, conv, stream_cb=stream_cb, completion_cb=completion_cb)
        asked = asked_of(
            cfg,
            conv,
            streaming=stream_cb is not None,
            limit_reached=limit_reached,
            transport=self._transport,
            unit=self._unit,
        )
        transfer = Transfer(next(self._ids), asked.http)
        entry = Entry(transfer, stream_cb=stream_cb, completion_cb=completion_cb, logger=logger)
        call = LegacyCall(asked, entry, desk=self._desk)
        if self._has_room():
            with refusals():
                self._start(call)
        else:
            self._waiting.append(call)
        entry.log_start()
        self._desk.open[transfer.request_id] = call
        self._settle()
        return transfer.request_id

    def fileno(self) -> int:
        """The descriptor to wait on; readable while `perform()` or `info_read()` has something to do."""
        self._check_usable()
        descriptor = self._poller.fileno()
        return self._provider.fileno() if descriptor is None else descriptor

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The lists for `select.select`: read, write, exceptional."""
        self._check_usable()
        read, write, odd = self._provider.fdset()
        if self._poller.fileno() is not None and len(read) == 1 and not write:
            return [self.fileno()], [], []
        return [*read, self._mailbox.fileno()], write, odd

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called: 0 when something waits, else -1 for no limit."""
        self._check_usable()
        if self._mailbox.is_signalled or self._provider.timeout() == 0 or self._poller.ready():
            return 0
        return -1 if self._poller.fileno() is not None else _LOOK_MILLISECONDS

    def wakeup(self) -> None:
        """Make the descriptor readable until the next `perform()`; from any thread, and quiet after `close()`."""
        self._mailbox.wake()

    def perform(self) -> int:
        """Deliver the stream data that waits now; return how many requests have not ended yet.

        Raises:
            ClosedClientError: the client is closed.
            RuntimeError: called from inside a stream_cb.
        """
        self._check_usable()
        desk = self._desk
        if desk.delivering:
            raise RuntimeError("perform() was called from inside perform(): a stream_cb must not call it")
        desk.delivering = True
        self._mailbox.collect()
        try:
            self._hand_on_owed()
            if not self._closed:
                self._provider.perform()
            if not self._closed:  # a callback may have closed it
                self._provider.info_read()
            self._start_waiting()
        finally:
            desk.delivering = False
            self._settle()
        if desk.escaped:
            raise desk.escaped.popleft()
        return len(desk.open)

    def info_read(self) -> int:
        """Deliver the completions that wait, in the order in which the requests ended; return how many.

        An exception of a completion_cb leaves this method; the completions after it stay for the next call.
        """
        self._check_usable()
        count = 0
        completions = self._desk.completions
        try:
            while completions:
                entry, completion = completions.popleft()
                count += 1
                if entry.completion_cb is not None:
                    entry.completion_cb(completion)
                del entry, completion
        finally:
            self._settle()
        return count

    def remove(self, request_id: int) -> bool:
        """Cancel a request: no callback of it runs after this. False when there is none with that id (any more)."""
        call = self._desk.open.pop(request_id, None)
        if call is None:
            found = self._desk.forget_completion(request_id)
        else:
            found = True
            call.entry.log_end("removed")
            self._stop(call)
            self._start_waiting()
        self._settle()
        return found

    def close(self) -> None:
        """Cancel every request, close the provider; nothing is called back, and a second call does nothing.

        In a forked child the parent's provider and its connections stay as they are.
        """
        if self._closed:
            return
        self._closed = True
        calls = self._desk.clear()
        self._waiting.clear()
        if os.getpid() != self._process:
            # Any lock may have been held when the process forked: take none.
            _LEFT_TO_THE_PARENT.append(self._provider)
            self._mailbox.close_after_fork()
            self._poller.close()
            return
        for call in calls:
            call.entry.log_end("removed by close()")
            call.drop()
        try:
            self._provider.close()
        finally:
            self._reminder.close()
            self._poller.close()
            self._mailbox.close()

    def _has_room(self) -> bool:
        return not self._waiting and len(self._desk.open) < self._most

    def _start(self, call: LegacyCall) -> None:
        asked, provider = call.asked, self._provider
        if asked.streams:
            call.handle = provider.start_stream(asked.request, call.on_event, call.on_completion, options=asked.options)
        else:
            call.handle = provider.start_request(asked.request, call.on_completion, options=asked.options)

    def _start_waiting(self) -> None:
        """Start what has waited for its turn, as far as there is room."""
        while self._waiting and not self._closed and len(self._desk.open) - len(self._waiting) < self._most:
            call = self._waiting.popleft()
            try:
                self._start(call)
            except Exception as error:  # noqa: BLE001 - add_request has returned long ago: its completion says why
                transfer = call.entry.transfer
                told = without_secrets(error, transfer.request.api_key)
                self._desk.end(call.entry, refused(transfer, told))

    def _stop(self, call: LegacyCall) -> None:
        call.drop()
        if os.getpid() != self._process:
            return
        if call.handle is None:
            self._waiting.remove(call)
            return
        self._provider.cancel(call.handle)
        if not self._desk.delivering:
            self._provider.info_read()  # its completion, which nobody is told; what else has ended is queued

    def _hand_on_owed(self) -> None:
        """Hand on what came outside `perform()`, or what an interrupt left there."""
        owing = self._desk.owing
        while owing:
            call = owing[0]
            is_wanted = call.flush()
            if owing and owing[0] is call:  # only now, for an interrupt; a callback may have closed the client
                owing.popleft()
            if not is_wanted and call.handle is not None and not self._closed:
                self._provider.cancel(call.handle)

    def _settle(self) -> None:
        """Bring the descriptor in line with what there is to do."""
        if self._closed or os.getpid() != self._process:
            return
        milliseconds = self._provider.timeout()
        desk = self._desk
        self._mailbox.keep_awake(wanted=milliseconds == 0 or bool(desk.completions or desk.owing or desk.escaped))
        self._reminder.set(time.monotonic() + milliseconds / 1000 if milliseconds > 0 else math.inf)

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
        waits = "closed" if self._closed else f"{len(self._desk.open)} open, {len(self._desk.completions)} to read"
        return f"<MultiClient {waits}>"

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            if os.getpid() == self._process:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self.close()


def check_concurrency(max_concurrency: object) -> None:
    """Refuse a number of requests that is none.

    Raises:
        InvalidConfigError: naming it.
    """
    if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1:
        raise InvalidConfigError(f"max_concurrency must be an int of at least 1, not {max_concurrency!r}")


def _made(provider: Any) -> Provider:
    made = provider if isinstance(provider, Provider) else provider() if callable(provider) else provider
    if not isinstance(made, Provider):
        raise InvalidConfigError(
            f"provider must be a Provider or a function that makes one, not {type(provider).__name__}"
        )
    return made
