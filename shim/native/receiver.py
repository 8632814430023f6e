"""Receives a transfer for a call: undoes its content-encoding, shows it to observers, and has the call's reader read it.

Not the transfer (`http_multi`) and not the reading (`shim.calls.answer_reader`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from shim.calls import BODY_LIMIT, AnswerFault, AnswerReader, Call, StreamCall, Wanted, reader_of
from shim.model import ErrorCategory, ProviderError
from shim.native.http_multi import HttpMulti
from shim.native.transfer import Transfer, TransferFault
from shim.provider import Completion
from shim.transfer_observer import TransferObserver
from shim.wire.content_encoding import ContentDecoder, decoder_of

# How long a server may take between the last event and the end of the body; the legacy client's limit.
DRAIN_SECONDS: Final = 2.0
_PIECE: Final = 16 * 1024  # decoded and read at a time

OnCompleted: TypeAlias = Callable[[Call, Completion], None]


class CallReceiver:
    """The `Receiver` of one call's transfer. Observers are told first: what a callback does cannot keep them from seeing it.

    Args:
        call: whose answer this is.
        multi: what carries it.
        completed: takes the call's completion; called once, but for interrupts.
        observers: who watches.
    """

    __slots__ = (
        "_call",
        "_completed",
        "_decoder",
        "_encoded",
        "_has_head",
        "_is_told",
        "_multi",
        "_observers",
        "_reader",
    )

    def __init__(
        self, call: Call, *, multi: HttpMulti, completed: OnCompleted, observers: Sequence[TransferObserver] = ()
    ) -> None:
        self._call = call
        self._multi = multi
        self._completed = completed
        self._observers = observers
        self._reader: AnswerReader = reader_of(call)
        self._decoder: ContentDecoder | None = None
        self._encoded: deque[bytes]  # received, and still to be decoded; there with a decoder
        self._has_head = False
        self._is_told = False  # observers have been told the end

    def on_segments(self, transfer: Transfer, segments: list[bytes]) -> int:
        """Take body bytes, and deliver the events they complete."""
        fault = None if self._has_head else self._take_head(transfer)
        if self._decoder is None and not self._observers and fault is None:  # nearly always
            wanted = self._reader.feed(segments)
            if wanted != "more":
                self._heed(wanted, transfer)
            return self._reader.fed
        if fault is not None:
            segments = []  # in an encoding nobody here reads
        if self._decoder is None:
            return self._read(transfer, segments, fault=fault)
        self._encoded.extend(segments)
        taken = len(self._encoded[0]) if self._encoded and not self._decoder.has_more else 0
        plain, fault = self._next_decoded(self._decoder)
        transfer.is_behind = fault is None and (bool(self._encoded) or self._decoder.has_more)
        return taken + self._read(transfer, [plain] if plain else [], fault=fault)

    def on_end(self, transfer: Transfer, fault: TransferFault | None) -> int:
        """Take the end."""
        if transfer.status and not self._has_head:
            self._take_head(transfer)
        cause = None if fault is None else AnswerFault(ErrorCategory(fault.kind), fault.message)
        if cause is None and self._decoder is not None:
            decoder, self._decoder = self._decoder, None  # an interrupt in the last event repeats this call
            try:
                held = decoder.finish()
            except ProviderError as error:
                cause = AnswerFault(error.category, error.message)
            else:
                self._show_segments([held] if held else [])
                if held:
                    self._reader.feed([held])
        if self._observers:
            kind, message = ("complete", "") if cause is None else (cause.category.value, cause.message)
            self._show_end(kind, message)
        self._completed(self._call, self._reader.conclude(cause))
        return self._reader.collected

    def on_cancel(self, transfer: Transfer) -> None:
        """Take that it was stopped; who stops a transfer tells its call."""
        if transfer.status and not self._has_head:
            self._take_head(transfer)
        self._show_end("cancelled")

    def _take_head(self, transfer: Transfer) -> AnswerFault | None:
        """Take the head; the fault where its body cannot be read."""
        self._has_head = True
        self._reader.head(transfer.status, transfer.headers, at=transfer.first_byte)
        for observer in self._observers:
            observer.on_head(transfer.status, transfer.headers)
        encoding = transfer.headers.get("content-encoding")
        if not encoding:
            return None
        limit = None if isinstance(self._call, StreamCall) else BODY_LIMIT
        try:
            self._decoder = decoder_of(encoding, limit=limit)
        except ProviderError as error:
            return AnswerFault(error.category, error.message)
        if self._decoder is not None:
            self._encoded = deque()
        return None

    def _next_decoded(self, decoder: ContentDecoder) -> tuple[bytes, AnswerFault | None]:
        """What the next encoded bytes give, a piece of it at most; and why there is no more."""
        plain = b""
        try:
            if decoder.has_more:
                plain = decoder.feed(b"", most=_PIECE)
            elif self._encoded:
                plain = decoder.feed(self._encoded.popleft(), most=_PIECE)
            if decoder.fault is not None:
                raise decoder.fault
        except ProviderError as error:
            self._encoded.clear()
            return plain, AnswerFault(error.category, error.message)
        return plain, None

    def _read(self, transfer: Transfer, segments: Sequence[bytes], *, fault: AnswerFault | None) -> int:
        if segments and self._observers:
            self._show_segments(segments)
        wanted = self._reader.feed(segments)
        if fault is not None and wanted == "more":
            wanted = self._reader.stop(fault)
        self._heed(wanted, transfer)
        return self._reader.fed

    def _heed(self, wanted: Wanted, transfer: Transfer) -> None:
        if wanted == "end":
            self._multi.expect_end(transfer, within=DRAIN_SECONDS)
        elif wanted == "nothing":
            # Cancelled last, so that an interrupt in its last event leaves the transfer, and this is called again.
            self._completed(self._call, self._reader.conclude())
            self._multi.cancel(transfer)

    def _show_segments(self, segments: Sequence[bytes]) -> None:
        for observer in self._observers:
            observer.on_segments(segments)

    def _show_end(self, kind: str, message: str = "") -> None:
        if not self._is_told:
            self._is_told = True
            for observer in self._observers:
                observer.on_end(kind, message)
