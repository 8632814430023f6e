"""A transfer with somebody watching: its receiver, and an observer that is told the same.

Not the watching itself (`shim.comparison`). An unwatched transfer has none of this, and costs nothing more.
"""

from __future__ import annotations

from shim.native.transfer import Fault, HttpRequest, Receiver, Transfer
from shim.observation import SentRequest, TransferObserver


def sent_request(http: HttpRequest) -> SentRequest:
    """What libcurl sends for a request, its own headers (host, content-length, …) aside; `Name:` has it leave one out."""
    headers = tuple(_header(line) for line in http.headers if line.partition(":")[1:] != (":", ""))
    return SentRequest(method="POST", url=http.url, headers=headers, body=http.body)


def _header(line: str) -> tuple[str, str]:
    """Read a line as libcurl does: `Name;` is an empty header."""
    name, colon, value = line.partition(":")
    return (name, value.strip()) if colon else (name.removesuffix(";"), "")


class Observed:
    """Tells the observer first, then the receiver: what a callback does cannot keep the observer from seeing it."""

    def __init__(self, receiver: Receiver, observer: TransferObserver) -> None:
        self._receiver = receiver
        self._observer = observer
        self._head_told = False
        self._ended = False

    def on_segments(self, transfer: Transfer, segments: list[bytes]) -> None:
        """Take body bytes; a repeated call brings none."""
        if segments:
            self._tell_head(transfer)
            self._observer.on_segments(segments)
        self._receiver.on_segments(transfer, segments)

    def on_end(self, transfer: Transfer, fault: Fault | None) -> None:
        """Take the end; a repeated call is told once."""
        if transfer.status:
            self._tell_head(transfer)
        if fault is None:
            self._tell_end("complete")
        else:
            self._tell_end(fault.kind, fault.message)
        self._receiver.on_end(transfer, fault)

    def on_cancel(self, transfer: Transfer) -> None:
        """Take that it was stopped."""
        if transfer.status:
            self._tell_head(transfer)
        self._tell_end("cancelled")
        self._receiver.on_cancel(transfer)

    def _tell_head(self, transfer: Transfer) -> None:
        if not self._head_told:
            self._head_told = True
            self._observer.on_head(transfer.status, transfer.headers)

    def _tell_end(self, kind: str, message: str = "") -> None:
        if not self._ended:
            self._ended = True
            self._observer.on_end(kind, message)
