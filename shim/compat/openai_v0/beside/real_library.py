"""The real openai 0.28: its modules, and its own exceptions for what goes wrong below HTTP.

Not ours (`shim.compat.openai_v0.error`). Nothing is imported before an installation asks for it.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from msgspec import Struct

from shim.compat.openai_v0.version import stands_beside
from shim.model import ErrorCategory, ProviderError, UnsupportedFeatureError

NAME = "openai"


class RealLibrary(Struct, frozen=True):
    """The modules that are needed of it."""

    openai: Any
    api_requestor: Any
    error: Any
    util: Any

    @property
    def requestor(self) -> Any:
        """The class that every request goes through."""
        return self.api_requestor.APIRequestor


def real_library() -> RealLibrary:
    """Import it.

    Raises:
        UnsupportedFeatureError: there is none, or it is no 0.27 or 0.28.
    """
    try:
        found = [importlib.import_module(f"{NAME}{part}") for part in ("", ".api_requestor", ".error", ".util")]
    except ImportError as missing:
        raise UnsupportedFeatureError(
            f"the real openai 0.28 cannot be imported ({missing}); install openai==0.28.1, or install(real=False)",
            field="real",
        ) from missing
    version = getattr(found[0].version, "VERSION", None)  # 0.27.0 has no __version__
    if not stands_beside(version):
        raise UnsupportedFeatureError(
            f"the openai that is imported is {version}, no 0.27 or 0.28; install openai==0.28.1, or install(real=False)",
            field="real",
        )
    return RealLibrary(*found)


_replays = threading.local()


@contextmanager
def replaying() -> Iterator[None]:
    """Have this thread's calls of the library be its own alone meanwhile: neither moved nor recorded."""
    _replays.now = True
    try:
        yield
    finally:
        _replays.now = False


def is_replaying() -> bool:
    """Whether this thread is in there."""
    return getattr(_replays, "now", False)


def raised_for(fault: BaseException, real: RealLibrary) -> BaseException:
    """What the real library raises to a blocking caller where no answer came."""
    if isinstance(fault, TimeoutError):  # what handlers of SIGALRM raise
        late: BaseException = real.error.Timeout(f"Request timed out: {fault}")
        return late
    if not isinstance(fault, ProviderError):
        return fault
    if fault.category == ErrorCategory.TIMEOUT:
        made: BaseException = real.error.Timeout(f"Request timed out: {fault.message}")
    elif fault.category == ErrorCategory.PROTOCOL and fault.http_status is not None:
        made = real.error.APIError(fault.message, http_status=fault.http_status)
    else:
        made = real.error.APIConnectionError(f"Error communicating with OpenAI: {fault.message}")
    return made


def raised_for_async(fault: BaseException, real: RealLibrary) -> BaseException:
    """The same to an async caller, in the shorter words it has there."""
    if isinstance(fault, asyncio.TimeoutError | TimeoutError):
        late: BaseException = real.error.Timeout("Request timed out")
        return late
    if isinstance(fault, ProviderError) and fault.category == ErrorCategory.TIMEOUT:
        return raised_for_async(TimeoutError(), real)
    made = raised_for(fault, real)
    if isinstance(made, real.error.APIConnectionError):
        made = real.error.APIConnectionError("Error communicating with OpenAI")
    return made


def broken_stream(fault: BaseException, real: RealLibrary, *, in_async: bool) -> BaseException:
    """What a reader is raised where its stream broke: the exceptions of `requests` (and aiohttp), and the library's, in one.

    openai 0.28 lets the first through, and old code catches the one or the other.
    """
    if not isinstance(fault, Exception):
        return fault
    bases: list[type] = []
    if in_async:
        bases.append(real.api_requestor.aiohttp.ClientPayloadError)
        if isinstance(fault, asyncio.TimeoutError | TimeoutError):
            bases += dict.fromkeys((asyncio.TimeoutError, TimeoutError))
    made: BaseException = _broken_class(real.error.APIConnectionError, tuple(bases))(str(fault))
    return made


@functools.lru_cache(maxsize=8)  # blocking and async, late and cut, of one library
def _broken_class(connection_error: type, others: tuple[type, ...]) -> Any:
    def __init__(self: Any, message: str = "the stream broke") -> None:  # noqa: N807 - it becomes the method of that name
        requests.exceptions.RequestException.__init__(self, message)
        connection_error.__init__(self, message)  # type: ignore[misc]  # a class of exceptions, as any other

    requested = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)
    body = {"__init__": __init__, "__module__": __name__, "__doc__": "The stream broke, or was silent for too long."}
    return type("StreamBrokenError", (*requested, connection_error, *others), body)
