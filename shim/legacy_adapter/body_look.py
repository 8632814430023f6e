"""A look at the first bytes of what is called an event stream: JSON that is called so is collected whole, as what it is.

Not what a body is (`shim.wire.bodies`, which both providers share) nor the reading (`legacy_openai`). The legacy client asks the
content type how to read an answer, and of an event stream it keeps the lines of data alone: of one JSON object nothing is left.
So the headers of such an answer look at its body when they are first asked for that type, which is on the client's worker thread,
with the head noted and the body not begun: a server that falls silent there is met as in any reading of the body.

What is looked at is read below the response, from a second `io.BufferedReader` that stands where http.client's stood.
Used of urllib3: `HTTPResponse._fp`; of http.client: `HTTPResponse.fp`, `chunked` and `chunk_left`. Where one is not as it is
known, nothing is touched.
"""

from __future__ import annotations

import http.client
import io
from typing import TYPE_CHECKING, Any, Final

import urllib3
from requests.structures import CaseInsensitiveDict

from legacy_openai.chunked import ChunkDecoder
from legacy_openai.transport_errors import reading_failure
from shim.legacy_adapter.waiting_reads import WaitingReads, waiting_reads
from shim.wire.bodies import BodyKind, body_kind
from shim.wire.content_encoding import is_identity

if TYPE_CHECKING:
    import requests
    from typing_extensions import Buffer

_CONTENT_TYPE: Final = "content-type"
_EVENT_STREAM: Final = "text/event-stream"
_JSON: Final = "application/json"
_PIECE: Final = 16 * 1024


def look_before_reading(response: requests.Response) -> None:
    """Have the headers of a good answer that is called an event stream, and should be one, tell what it is."""
    inner: Any = _untouched(response.raw)
    if inner is None or not 200 <= response.status_code < 300:
        return
    named = response.headers.get(_CONTENT_TYPE, "").partition(";")[0].strip().lower()
    request_headers: Any = getattr(response.request, "headers", {})  # an adapter of the caller's may name no request
    asked = request_headers.get("Accept")  # so that the legacy client will ask how to read it
    if named == asked == _EVENT_STREAM:
        file = _LookedInto(inner.fp, chunked=inner.chunked, length=inner.length)
        inner.fp = io.BufferedReader(file)
        response.headers = _HeadersOfStream(response.headers, file)


def _untouched(raw: Any) -> Any:
    """The response of http.client below one of urllib3, of whose body nothing was read; None where it is out of the ordinary."""
    if type(raw) is not urllib3.HTTPResponse:
        return None
    inner: Any = raw._fp  # noqa: SLF001 - no public way to the file that is looked into
    is_untouched = (
        type(inner) is http.client.HTTPResponse
        and type(inner.fp) is io.BufferedReader
        and not (inner.chunked and inner.chunk_left is not None)
        and raw.tell() == 0
        and is_identity(raw.headers.get("content-encoding"))
    )
    return inner if is_untouched else None


class _HeadersOfStream(CaseInsensitiveDict[str]):
    """Headers as they came, but that the first who asks for the content type hears of JSON, where that is what the body is."""

    def __init__(self, headers: CaseInsensitiveDict[str], file: _LookedInto) -> None:
        super().__init__(headers)
        self._file: _LookedInto | None = file

    def get(self, name: str, default: Any = None) -> Any:
        """One of them.

        Raises:
            requests.RequestException: the body could not be read, as the legacy client's own reading says.
        """
        file = self._file
        if file is not None and name.lower() == _CONTENT_TYPE:
            self._file = None
            if file.kind() == "json":
                return _JSON
        return super().get(name, default)


class _LookedInto(io.RawIOBase):
    """What is below a response's file: gives what that gives, what was looked at too.

    Args:
        file: of the response. Nothing else of it is held: a cycle would keep a dropped connection open.
        chunked, length: the framing of its body; where it has neither, its connection ends it.
    """

    def __init__(self, file: io.BufferedReader, *, chunked: bool, length: int | None) -> None:
        self._file = file
        self._decoder = ChunkDecoder() if chunked else None
        self._length = None if chunked else length
        self._taken = memoryview(b"")
        self._is_empty = False  # the file: it holds back nothing that it has read
        self._waiting: WaitingReads | None = None

    def kind(self) -> BodyKind | None:
        """What the body is, once enough of it has come to tell; None where it ends before.

        Raises:
            requests.RequestException: it could not be read.
        """
        taken, plain = bytearray(), b""
        kind: BodyKind | None = None
        try:
            while kind is None and not self._is_all(taken) and (data := self._file.read1(_PIECE)):
                self._is_empty = len(data) < _PIECE  # it gave all it had
                taken += data
                plain += data if self._decoder is None else self._decoder.feed(data)
                kind = body_kind(plain, content_type=_EVENT_STREAM)
        except http.client.HTTPException:
            kind = None  # wrongly framed: who reads it meets that
        except OSError as error:
            raise reading_failure(error) from error
        self._taken = memoryview(bytes(taken))
        return kind

    def _is_all(self, taken: bytearray) -> bool:
        """Whether the body has ended: who reads on waits for another answer."""
        return self._decoder.finished if self._decoder is not None else len(taken) == self._length

    def readinto(self, buffer: Buffer, /) -> int | None:
        """Read once."""
        taken = self._taken
        if not taken:
            self._waiting = waiting_reads(self._file) if self._is_empty else None
            step = self._file.readinto1 if self._waiting is None else self._waiting.readinto
            self.readinto = step  # type: ignore[method-assign]  # no other between from now on
            return step(buffer)
        view = memoryview(buffer)
        count = min(len(view), len(taken))
        view[:count] = taken[:count]
        self._taken = taken[count:]
        return count

    _sock = property(lambda self: self._file.raw._sock)  # noqa: SLF001 - the way to a response's socket that many know

    def readable(self) -> bool:
        """As any file that is read."""
        return True

    def fileno(self) -> int:
        """Of the socket."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file below."""
        if not self.closed:
            super().close()
            if self._waiting is not None:
                self._waiting.end()
            self._file.close()
