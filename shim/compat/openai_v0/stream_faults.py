"""How a stream that breaks is told, so that every catcher written for 0.28 catches it.

Not the faults before an answer began, which are `error.Timeout` and `error.APIConnectionError` (`api_requestor`).
openai 0.28 let the exceptions of `requests` through here (`aiohttp`'s for async calls), and old code catches either those or
`openai.error.APIConnectionError`. These are both.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import requests
from urllib3.exceptions import ReadTimeoutError

from shim.compat.openai_v0 import error
from shim.model import ErrorCategory, ProviderError


class StreamBrokenError(
    requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, error.APIConnectionError
):
    """The connection broke, or was silent for too long, after the stream had begun. What came before was given out."""

    def __init__(self, message: Any = "the stream broke") -> None:
        requests.exceptions.RequestException.__init__(self, message)
        error.APIConnectionError.__init__(self, message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.user_message,)


def guarded(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of an answer of `requests`; a break among them is a `StreamBrokenError`."""
    try:
        yield from lines
    except StreamBrokenError:
        raise
    except requests.exceptions.RequestException as fault:
        raise broken(fault) from fault


def caused(raised: BaseException, fault: BaseException) -> BaseException:
    """What is raised for a fault, with that as its cause, where it is not that very fault.

    Nothing is its own cause: who follows the causes of an error, as trackers of errors do, would never come to an end.
    """
    if raised is not fault:
        raised.__cause__ = fault
    return raised


def broken(fault: BaseException) -> BaseException:
    """What to raise to a blocking reader where its stream met this fault."""
    if isinstance(fault, StreamBrokenError) or not isinstance(fault, Exception):
        return fault
    return StreamBrokenError(str(fault))


def broken_async(fault: BaseException) -> BaseException:
    """What to raise to an async reader: an `aiohttp.ClientPayloadError` too where aiohttp is loaded; see `timed_out`."""
    if isinstance(fault, StreamBrokenError) or not isinstance(fault, Exception):
        return fault
    if _is_late(fault):
        return timed_out(str(fault))
    made: BaseException = _with_bases(*_aiohttp_bases())(str(fault))
    return made


def _is_late(fault: Exception) -> bool:
    """Whether it was the transport's own clock that ended the stream: it runs beside the one of the whole call."""
    if isinstance(fault, ProviderError):
        return fault.category == ErrorCategory.TIMEOUT
    return isinstance(fault, requests.exceptions.Timeout) or any(
        isinstance(each, ReadTimeoutError) for each in fault.args
    )


def timed_out(message: str) -> BaseException:
    """What to raise to an async reader whose time is over; 0.28 raised the bare TimeoutError of asyncio."""
    made: BaseException = _with_bases(*_aiohttp_bases(), *dict.fromkeys((asyncio.TimeoutError, TimeoutError)))(message)
    return made


def _aiohttp_bases() -> tuple[type, ...]:
    aiohttp = sys.modules.get("aiohttp")
    payload_error = getattr(aiohttp, "ClientPayloadError", None)
    return (payload_error,) if isinstance(payload_error, type) else ()


@functools.lru_cache(maxsize=8)  # with aiohttp and without, timed out or not
def _with_bases(*bases: type) -> Any:
    return (
        type("StreamBrokenError", (StreamBrokenError, *bases), {"__module__": __name__}) if bases else StreamBrokenError
    )
