"""One request of the legacy client that is made again and again, in the calling thread: checked and written once.

Not the provider (`provider`), whose requests run on threads, nor what becomes of an answer (`call`, `shim.calls`). For sessions
that answer from memory, as a replay does: there is nothing to wait for, so a thread and what wakes it are all cost.

Theory of operation. The legacy client's `Transfer.run` does a whole exchange and leaves what it reads in the mailbox it is given.
Given this one, each letter is delivered at once, by the client's own `_deliver`, before the next byte is read: the same code
reads, cuts, bounds, aborts and words the answer, in the same order. Where events are only kept, nobody can tell whether payloads
were delivered one by one: then the client delivers what it has read at once as one.
"""

from __future__ import annotations

from collections import deque
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from legacy_openai.body_reader import READ_SIZE
from legacy_openai.delivery import Entry
from legacy_openai.transfer import Transfer
from shim.calls import Call, Codec, StreamCall
from shim.legacy_adapter.call import EndedCall, letter_callback, stream_callback
from shim.legacy_adapter.session_check import check_session
from shim.provider import Completion, OnEvent, ProviderClosedError, RequestHandle
from shim.wire import chat
from shim.wire.masking import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import requests

    from legacy_openai import HttpCompletion, MultiClient
    from legacy_openai.http_request import HttpRequest
    from legacy_openai.mailbox import Letter
    from shim.model import StreamEvent
    from shim.model.caps import Caps


_ENDS_LINE = methodcaller("endswith", b"\n")


class RepeatedRequest:
    """A request that is ready to be sent. Belongs to its provider's thread, and is of no use once that is closed.

    Args:
        http: what is sent.
        client: the legacy client, whose session it goes through.
        session: the caller's session, looked at before each.
        name: of the provider.
        caps: how much one stream may bring.

    Attributes:
        codec: what reads the answers, unless a run is given another.
    """

    codec: Codec = chat

    def __init__(
        self, http: HttpRequest, *, client: MultiClient, session: requests.Session, name: str, caps: Caps
    ) -> None:
        self._http = http
        self._client = client
        self._session = session
        self._name = name
        self._caps = caps
        self._secret = Secret(http.api_key)
        self._one_by_one, self._together = (_SameThread(client, together=together) for together in (False, True))

    def joined(self, pieces: Sequence[bytes]) -> Iterator[bytes]:
        """Join pieces of a body where the legacy client cannot tell: up to what it reads at once, those that each end a line.

        It keeps nothing over the end of a line, so it finds the same payloads in the same order; and it is frozen.
        """
        if pieces and sum(map(len, pieces)) <= READ_SIZE and all(map(_ENDS_LINE, pieces)):  # nearly always
            yield b"".join(pieces)
            return
        lines: list[bytes] = []
        size = 0
        for piece in pieces:
            ends_line = _ENDS_LINE(piece)
            if lines and not (ends_line and size + len(piece) <= READ_SIZE):
                yield b"".join(lines)
                lines, size = [], 0
            if ends_line:
                lines.append(piece)
                size += len(piece)
            else:
                yield piece
        if lines:
            yield b"".join(lines)

    def run(
        self, on_event: OnEvent | None = None, *, codec: Codec | None = None, keep: list[StreamEvent] | None = None
    ) -> Completion:
        """Send it and read the answer to its end; blocks as long as the session does.

        Args:
            on_event: gets the events as they are read; it or `keep` is given exactly where the request asks for a stream.
            codec: reads this answer; one that does as `codec` does.
            keep: where the events go in place of that, several at once.

        Raises:
            UnsupportedFeatureError: the session has got what the legacy client cannot honour.
            ProviderClosedError: the provider was closed, before or by `on_event`.
        """
        client = self._client
        if client._closed:  # noqa: SLF001 - it has no public way to be asked
            raise ProviderClosedError(f"provider {self._name!r}")
        check_session(self._session)
        call, stream_cb = self._call(on_event, codec or self.codec, keep=keep)
        transfer = Transfer(next(client._ids), self._http)  # noqa: SLF001 - as its `add_request` does
        call.handle.id = transfer.request_id
        ended: list[HttpCompletion] = []
        entry = Entry(transfer, stream_cb=stream_cb, completion_cb=ended.append, logger=None)
        client._entries[transfer.request_id] = entry  # noqa: SLF001 - as its `add_request` does
        mailbox: Any = self._one_by_one if keep is None else self._together  # the client asks one for `post` alone
        transfer.run(client._session, mailbox)  # noqa: SLF001 - as its threads do
        return self._concluded(EndedCall(call, self._taken(entry)))

    def _call(self, on_event: OnEvent | None, codec: Codec, *, keep: list[StreamEvent] | None) -> tuple[Call, Any]:
        """The call, and what the client calls back with payloads."""
        handle, secret = RequestHandle(self._name, 0), self._secret
        on_event, on_events = (on_event, None) if keep is None else (keep.append, keep.extend)
        if on_event is None:
            return Call(handle, _ignore, codec=codec, api_key=secret), None
        call = StreamCall(
            handle,
            _ignore,
            on_event=on_event,
            on_events=on_events,
            codec=codec,
            api_key=secret,
            caps=self._caps,
        )
        return call, stream_callback(call) if keep is None else letter_callback(call)

    def _taken(self, entry: Entry) -> HttpCompletion:
        """The completion of a request that has ended, out of those that wait for `info_read`."""
        waiting = self._client._completions  # noqa: SLF001 - those of others stay for their `info_read`
        if not waiting or waiting[-1][0] is not entry:
            raise ProviderClosedError(f"provider {self._name!r}")
        completion = waiting.pop()[1]
        interrupt = entry.transfer.exception
        if interrupt is not None and not isinstance(interrupt, Exception):
            raise interrupt  # on a thread of its own no KeyboardInterrupt and its like would have met it
        return completion

    def _concluded(self, ended: EndedCall) -> Completion:
        while True:
            completion, _taken = ended.conclude()
            if completion is not None:
                return completion


class _SameThread:
    """Stands for the mailbox: what is left in it is delivered before the one who left it goes on."""

    def __init__(self, client: MultiClient, *, together: bool) -> None:
        self._client = client
        self._together = together

    def post(self, letter: Letter) -> None:
        """Deliver a letter; what an interrupt leaves of it is of no use to anyone."""
        payloads: Any = letter.payloads
        if self._together and payloads:
            letter = letter._replace(payloads=[payloads])
        self._client._deliver(letter, deque())  # noqa: SLF001 - what its `perform` does with each letter


def _ignore(_completion: Completion) -> None:
    """Stand in for `on_completion`: the completion is what `run` returns."""
