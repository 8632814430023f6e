"""An exception of `requests` or urllib3 as a `TransportFault`: where the exchange broke, and in whose words.

Not the taking out of keys (`redaction`): the words here are as the library said them.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Iterator
from typing import Any

from requests import exceptions as requested
from urllib3 import exceptions as raw

from shim.recording.exchange import TransportFault, error_type

_MOST_LINKS = 50

# What says that no connection stood, and what says that one did: the first of these in the chain of an exception decides.
_NOT_CONNECTED = (
    raw.NewConnectionError,
    raw.ConnectTimeoutError,
    raw.ProxyError,
    raw.SSLError,
    requested.ConnectTimeout,
    requested.ProxyError,
    requested.SSLError,
)
_CONNECTED = (
    raw.ProtocolError,
    raw.ReadTimeoutError,
    raw.ResponseError,
    requested.ReadTimeout,
    requested.RetryError,
    http.client.HTTPException,
    ConnectionResetError,
    BrokenPipeError,
)
_TRANSPORTS = (OSError, http.client.HTTPException, raw.HTTPError)
# The caller asked for what the response does not offer; nothing has happened to it.
_MISUSES = (TypeError, AttributeError, ValueError, RuntimeError)
_REFUSALS = (raw.ResponseNotChunked, raw.BodyNotHttplibCompatible, io.UnsupportedOperation)


def sending_fault(error: BaseException, *, at: float) -> TransportFault:
    """The fault of a request that got no response."""
    told = (link for link in _chain(error) if isinstance(link, _NOT_CONNECTED + _CONNECTED))
    stood = isinstance(next(told, None), _CONNECTED)
    return TransportFault(stage="headers" if stood else "connect", kind=error_type(error), message=str(error), at=at)


def reading_fault(error: BaseException, *, at: float) -> TransportFault:
    """The fault of a body that broke off."""
    return TransportFault(stage="body", kind=error_type(error), message=str(error), at=at)


def breaks_the_body(error: BaseException) -> bool:
    """Whether the transport failed; false where the caller misused the response, which can be read on."""
    if isinstance(error, _REFUSALS):
        return False
    return isinstance(error, _TRANSPORTS) or not isinstance(error, _MISUSES)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those behind it: causes, contexts, and those that libraries carry as arguments."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting and len(seen) < _MOST_LINKS:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
