"""The candidate's answer with the face that the real library reads: a `requests.Response`, or what it asks of aiohttp's.

Not the reading, which the real library does, and not the waiting (`shim.compat.openai_v0.transport.answers`). Upgrades of the
request are undone in the body here, chunk by chunk in a stream.
"""

from __future__ import annotations

import http.client
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from shim.compat.openai_v0.beside.real_library import RealLibrary, broken_stream
from shim.compat.openai_v0.stream_faults import StreamBrokenError
from shim.compat.openai_v0.transport.answers import Answer, AsyncAnswer

if TYPE_CHECKING:
    from shim.migration.upgrades import Upgraded

_EVENT_STREAM = "text/event-stream"
_DATA = b"data:"


class CandidateResponse(requests.Response):
    """A whole answer, or a stream that is read as it comes; closing it ends the call."""

    def __init__(self, answer: Answer, *, url: str, stream: bool, upgraded: Upgraded | None, real: RealLibrary) -> None:
        super().__init__()
        self.status_code = answer.status_code
        self.headers = CaseInsensitiveDict(answer.headers)
        self.url = url
        self.reason = http.client.responses.get(self.status_code, "")
        self.encoding = get_encoding_from_headers(self.headers)
        self.raw = io.BytesIO()  # nothing is read from it; without one there would be no content
        self._real = real
        self._answer: Answer | None = None
        if stream and _EVENT_STREAM in self.headers.get("Content-Type", ""):
            self._answer = answer
            self._line_undone = _line_undo(upgraded)
        else:
            self._content = self._whole(answer, upgraded)
            self._content_consumed = True

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        """The body; that of a stream line by line, as it comes.

        Raises:
            StreamBrokenError: it breaks off.
        """
        if self._answer is None or self._content_consumed:
            yield from super().iter_content(chunk_size, decode_unicode)
            return
        try:
            for line in self._answer.iter_lines():
                yield self._line_undone(line) + b"\n"
        except StreamBrokenError as fault:
            raise broken_stream(fault, self._real, in_async=False) from fault
        self._content_consumed = True

    def close(self) -> None:
        """Want nothing more of it."""
        if self._answer is not None:
            self._answer.close()

    def _whole(self, answer: Answer, upgraded: Upgraded | None) -> bytes:
        try:
            return _body_undone(answer.content, answer.status_code, upgraded)
        except StreamBrokenError as fault:
            words = f"Error communicating with OpenAI: {fault.user_message}"
            raise self._real.error.APIConnectionError(words) from fault


class CandidateAsyncResponse:
    """What the real library asks of an `aiohttp.ClientResponse`.

    Attributes:
        status, headers: of the answer; names of headers in any case.
        content: iterates over the lines of a stream.
    """

    def __init__(self, answer: AsyncAnswer, *, upgraded: Upgraded | None, real: RealLibrary) -> None:
        self.status = answer.status
        self.headers = CaseInsensitiveDict(answer.headers)
        self.content = _Lines(answer, _line_undo(upgraded), real)
        self._answer = answer
        self._upgraded = upgraded
        self._real = real

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            StreamBrokenError: it breaks off; an `asyncio.TimeoutError` too where its time is over.
        """
        try:
            return _body_undone(await self._answer.read(), self.status, self._upgraded)
        except StreamBrokenError as fault:
            raise broken_stream(fault, self._real, in_async=True) from fault

    def release(self) -> None:
        """Want nothing more of it."""
        self._answer.release()

    close = release


class _Lines:
    """The lines of an async stream, each with its end, as aiohttp gives them."""

    def __init__(self, answer: AsyncAnswer, undone: Callable[[bytes], bytes], real: RealLibrary) -> None:
        self._answer = answer
        self._undone = undone
        self._real = real

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for line in self._answer.lines():
                yield self._undone(line) + b"\n"
        except StreamBrokenError as fault:
            raise broken_stream(fault, self._real, in_async=True) from fault


def log_answer(real: RealLibrary, url: str, response: requests.Response) -> None:
    """Log an answer as the real library logs its own; with `openai.log = "debug"` a stream is read to its end, as ever."""
    real.util.log_debug("OpenAI API response", **_told_of(url, response.status_code, response.headers))
    if real.openai.log == "debug":
        real.util.log_debug("API response body", body=response.content, headers=response.headers)


def log_async_answer(real: RealLibrary, url: str, response: CandidateAsyncResponse) -> None:
    """The same for an async one."""
    real.util.log_info("OpenAI API response", **_told_of(url, response.status, response.headers))
    if real.openai.log == "debug":
        real.util.log_debug("API response body", body=response.content, headers=response.headers)


def _told_of(url: str, status: int, headers: CaseInsensitiveDict[str]) -> dict[str, Any]:
    told = {"processing_ms": headers.get("OpenAI-Processing-Ms"), "request_id": headers.get("X-Request-Id")}
    return {"path": url, "response_code": status, **told}


def _body_undone(body: bytes, status: int, upgraded: Upgraded | None) -> bytes:
    """The body in the form the caller knows; an error, and what is no object, stays as it came."""
    answer = None if upgraded is None or status >= 400 else _object_in(body)
    return body if answer is None or upgraded is None else json.dumps(upgraded.undo(answer)).encode()


def _line_undo(upgraded: Upgraded | None) -> Callable[[bytes], bytes]:
    """What gives each line of one stream the form the caller knows."""
    if upgraded is None:
        return lambda line: line
    undo = upgraded.chunk_undo()

    def undone(line: bytes) -> bytes:
        chunk = _object_in(line[len(_DATA) :]) if line.startswith(_DATA) else None
        return line if chunk is None or "error" in chunk else b"data: " + json.dumps(undo(chunk)).encode()

    return undone


def _object_in(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
