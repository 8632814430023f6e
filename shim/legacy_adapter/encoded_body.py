"""Bodies with a content-encoding, undone within bounds for the legacy client; and `read1` for an old urllib3.

Not the undoing itself (`shim.wire.content_encoding`), which both providers share, nor the reading (`legacy_openai`). urllib3
before 2.6 decodes without any bound. The legacy client asks a response of urllib3 for `read1`, which 1.26 lacks, and for `stream`
where another object stands for it (a tap's): a response is given its own of both.
Used of urllib3: `HTTPResponse._fp` as the legacy client does, and with 1.26 `_error_catcher` and `_fp_bytes_read`.
"""

from __future__ import annotations

import http.client
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import urllib3
from urllib3.exceptions import DecodeError

from shim.model import ErrorCategory, ProviderError
from shim.wire.content_encoding import ContentDecoder, decoder_of, is_identity

if TYPE_CHECKING:
    import requests

_Read1: TypeAlias = Callable[[int], bytes]

_HAS_READ1 = hasattr(urllib3.HTTPResponse, "read1")
_IS_BOUNDED = hasattr(getattr(urllib3.response, "ContentDecoder", None), "has_unconsumed_tail")  # urllib3 2.6 and newer


def undo_here(response: requests.Response, *, leave_others: bool) -> None:
    """Have the encoding of a body undone here, as it is read.

    Args:
        response: of whose body nothing has been read.
        leave_others: leave an encoding that is not undone here to a urllib3 that can, within bounds of its own; else
            reading such a body is an error.
    """
    raw: Any = response.raw
    content: Any = response._content  # noqa: SLF001 - False until the body is read; there is no other way to know
    if content is not False or not isinstance(raw, urllib3.HTTPResponse) or not hasattr(raw._fp, "read1"):  # noqa: SLF001 - see above
        return
    encoding: str | None = raw.headers.get("content-encoding")
    if is_identity(encoding) and _HAS_READ1:
        return
    decoder, refused = None, None
    try:
        decoder = decoder_of(encoding)
    except ProviderError as error:
        if leave_others and _IS_BOUNDED and str(encoding).strip().lower() in raw.CONTENT_DECODERS:
            return
        refused = error
    body = _Body(_read1_of(raw), decoder=decoder, refused=refused)
    given: Any = raw  # a response's own ways, in place of its class's
    given.read1, given.stream = body.read1, body.stream


class _Body:
    """A body as it is read: decoded, or refused."""

    def __init__(self, read1: _Read1, *, decoder: ContentDecoder | None, refused: ProviderError | None) -> None:
        self._read1 = read1
        self._decoder = decoder
        self._refused = refused

    def read1(self, amt: int = -1, *, decode_content: bool | None = None) -> bytes:
        """What has arrived, decoded whatever is asked; empty at the end."""
        del decode_content
        if self._refused is not None:
            raise DecodeError(self._refused.message)
        while True:
            decoder = self._decoder
            if decoder is None:
                return self._read1(amt)
            if decoder.fault is not None:
                raise DecodeError(decoder.fault.message)
            had_more = decoder.has_more
            data = b"" if had_more else self._read1(amt)
            most = amt if amt > 0 else None  # a few bytes may be gigabytes: what is left comes with the next calls
            try:
                plain = decoder.feed(data, most=most) if data or had_more else decoder.finish()
            except ProviderError as error:
                raise _as_urllib3_says(error) from None
            if plain or not (data or had_more):
                return plain

    def stream(self, amt: int = 2**16, *, decode_content: bool | None = None) -> Iterator[bytes]:
        """The same, piece by piece."""
        while data := self.read1(amt, decode_content=decode_content):
            yield data


def _as_urllib3_says(error: ProviderError) -> Exception:
    if error.category is ErrorCategory.TRUNCATED:
        return http.client.IncompleteRead(b"")
    return DecodeError(error.message)


def _read1_of(raw: Any) -> _Read1:
    """How to read what has arrived, encoded. It does not hold `raw`, which will hold it."""
    if type(raw) is not urllib3.HTTPResponse:  # what stands for one, and notes what is read
        if hasattr(raw, "read1"):
            noting = raw.read1
            return lambda amt: noting(amt, decode_content=False)
        pieces = raw.stream(2**16, decode_content=False)
        return lambda _amt: next(pieces, b"")
    response = weakref.ref(raw)
    if _HAS_READ1:
        return lambda amt: urllib3.HTTPResponse.read1(_living(response), amt, decode_content=False)
    return lambda amt: _read1_of_old(_living(response), amt)


def _living(response: weakref.ref[Any]) -> Any:
    raw = response()
    if raw is None:
        raise ValueError("the response this body belongs to is gone")
    return raw


def _read1_of_old(raw: Any, amt: int) -> bytes:
    """What urllib3 2 does in `read1`."""
    file = raw._fp  # noqa: SLF001 - see above
    if getattr(file, "closed", False):
        return b""
    with raw._error_catcher():  # noqa: SLF001 - see above
        data: bytes = file.read1(amt)
        if not data:
            file.close()
            if raw.length_remaining:
                raise http.client.IncompleteRead(b"", raw.length_remaining)
        elif raw.length_remaining == len(data):
            file.close()
    raw._fp_bytes_read += len(data)  # noqa: SLF001 - see above
    if raw.length_remaining is not None:
        raw.length_remaining -= len(data)
    return data
