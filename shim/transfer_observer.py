"""What passes between a transport and the wire, for whoever watches it: the request as sent, the answer as read.

Not the watching (`shim.comparison.tap`) nor a transport (`shim.native`). A watcher must not raise, and must not keep the caller
waiting: it is called on the hot path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct


class SentRequest(Struct, frozen=True, kw_only=True):
    """A request as it is handed to the transport; `headers` include the credentials."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        url = self.url.partition("?")[0]  # a query may hold a key, as a header does
        return f"<SentRequest {self.method} {url}, {len(self.body)} bytes>"


class TransferObserver(Protocol):
    """Who watches one transfer. The calls come in this order: the head once, segments, the end once."""

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the status and the headers of the final answer; not called where none came."""
        ...

    def on_segments(self, segments: Sequence[bytes]) -> None:
        """Take body bytes, split as they were read."""
        ...

    def on_end(self, kind: str, message: str = "") -> None:
        """Take the end: "complete", "cancelled", or the kind of fault with the transport's words."""
        ...


Observe: TypeAlias = Callable[[SentRequest], "TransferObserver | None"]
"""Asked once per request, in `start_*`; None leaves that request unwatched."""
