"""How a request ended, as the legacy client would have told it: a provider's completion to an `HttpCompletion`.

Not the words and types, which are the legacy client's own (`legacy_openai.delivery`, `legacy_openai.transport_errors`): what it
keeps of a transfer is filled in, and it says the rest. The exceptions of `requests` are made anew, by `_FAULTS`: a provider
tells of a fault in a category and in words.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Callable
from http.client import responses as standard_reasons
from typing import TypeAlias

from requests import RequestException
from requests import exceptions as failed
from requests.structures import CaseInsensitiveDict

from legacy_openai import HttpCompletion, ResponseTooLargeError
from legacy_openai.delivery import aborted_completion, completion_of
from legacy_openai.transfer import Transfer
from shim.compat.legacy_multi.payloads import body_of
from shim.model import ErrorCategory, ProviderError
from shim.provider import Completion

# What the codec says of a stream that ended well by HTTP and not by its own words (`shim.wire.chat.stream`).
_NO_END = "the stream ended "

# A fault of the way has these categories, and no body: an error answer has one.
_OF_THE_WAY = frozenset(
    {
        ErrorCategory.TIMEOUT,
        ErrorCategory.NETWORK,
        ErrorCategory.TRUNCATED,
        ErrorCategory.PROTOCOL,
        ErrorCategory.CANCELLED,
        ErrorCategory.ABORTED,
    }
)


def completed(transfer: Transfer, completion: Completion, *, streamed: bool) -> HttpCompletion:
    """Tell how a request ended.

    Args:
        transfer: the legacy client's own note of it.
        completion: the provider's.
        streamed: the answer was an event stream, and has gone to `stream_cb`: the body stays empty.
    """
    transfer.http_code = completion.http_status or 0
    transfer.headers = CaseInsensitiveDict(completion.headers)
    if completion.response is not None:
        transfer.http_code = transfer.http_code or 200
        transfer.body = b"" if streamed else body_of(completion.response)
    elif completion.error is not None and not (streamed and lacks_its_end(completion)):
        _take_error(transfer, completion.error, streamed=streamed)
    transfer.reason = standard_reasons.get(transfer.http_code, "")
    return completion_of(transfer)


def aborted(transfer: Transfer, error: Exception, *, completion: Completion) -> HttpCompletion:
    """Tell of a stream whose `stream_cb` raised `error`."""
    transfer.http_code = completion.http_status or 0
    transfer.headers = CaseInsensitiveDict(completion.headers)
    return aborted_completion(transfer, error)


def refused(transfer: Transfer, error: BaseException) -> HttpCompletion:
    """Tell of a request that had waited its turn, and that the provider did not accept then."""
    transfer.exception = error
    return completion_of(transfer)


def lacks_its_end(completion: Completion) -> bool:
    """Whether a stream came whole by HTTP, and without a finish reason or `[DONE]`: the legacy client saw nothing amiss."""
    error = completion.error
    return error is not None and error.category is ErrorCategory.TRUNCATED and error.message.startswith(_NO_END)


def error_payload(completion: Completion) -> bytes | None:
    """The payload in which a stream told an error: the legacy client hands it on like any other. None where there was none."""
    error = completion.error
    if error is None or error.body is None or not _is_success(error.http_status):
        return None
    return error.body


def _take_error(transfer: Transfer, error: ProviderError, *, streamed: bool) -> None:
    status = error.http_status
    if error.body is not None and status:
        transfer.http_code = status
        transfer.body = b"" if streamed and _is_success(status) else error.body
    elif status and not _is_success(status) and error.category not in _OF_THE_WAY:
        transfer.http_code = status
        told = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
        transfer.body = json.dumps({"error": told}).encode()
    else:
        transfer.exception = _exception_of(error, answered=bool(transfer.http_code))


def _is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


_Fault: TypeAlias = Callable[[str], RequestException]


def _broken(cause: BaseException) -> RequestException:
    broken = failed.ChunkedEncodingError(cause)
    broken.__cause__ = cause
    return broken


def _ended_early(_message: str) -> RequestException:
    return _broken(http.client.IncompleteRead(b""))


def _caused(kind: type[RequestException], cause: Callable[[str], BaseException]) -> _Fault:
    def make(message: str) -> RequestException:
        fault, behind = kind(message), cause(message)
        fault.__cause__ = behind
        return fault

    return make


# Category, whether a head had come (None: either), what the message says -> the exception. The first that fits counts. The
# words are libcurl's and the legacy client's own: another provider's faults keep their category, and lose the finer kind.
_FAULTS: tuple[tuple[ErrorCategory, bool | None, str, _Fault], ...] = (
    (ErrorCategory.TIMEOUT, False, r"sent nothing", failed.ReadTimeout),
    (ErrorCategory.TIMEOUT, False, r"connection|resolv", failed.ConnectTimeout),
    (ErrorCategory.TIMEOUT, None, "", failed.ReadTimeout),
    (ErrorCategory.TRUNCATED, True, "", _ended_early),
    (ErrorCategory.TRUNCATED, None, "", _caused(failed.ConnectionError, http.client.RemoteDisconnected)),
    (ErrorCategory.PROTOCOL, None, r"longer than|larger than", ResponseTooLargeError),
    (ErrorCategory.PROTOCOL, None, r"content-encoding|decompress|gzip|inflat", failed.ContentDecodingError),
    (ErrorCategory.PROTOCOL, None, r"is not JSON|not a chunk", failed.InvalidJSONError),
    (ErrorCategory.PROTOCOL, True, "", lambda message: _broken(http.client.HTTPException(message))),
    (ErrorCategory.PROTOCOL, None, "", _caused(failed.ConnectionError, http.client.BadStatusLine)),
    (ErrorCategory.NETWORK, None, r"proxy|curl error (5|97)\)", failed.ProxyError),
    (ErrorCategory.NETWORK, None, r"TLS|SSL|certificate|curl error (35|60|77)\)", failed.SSLError),
    (
        ErrorCategory.NETWORK,
        None,
        r"curl error 6\)|resolve|Name or service",
        _caused(failed.ConnectionError, socket.gaierror),
    ),
    (
        ErrorCategory.NETWORK,
        None,
        r"curl error 7\)|refused",
        _caused(failed.ConnectionError, lambda _: ConnectionRefusedError(111, "Connection refused")),
    ),
    (ErrorCategory.NETWORK, True, "", lambda message: _broken(ConnectionResetError(message))),
    (ErrorCategory.NETWORK, None, "", _caused(failed.ConnectionError, ConnectionResetError)),
)


def _exception_of(error: ProviderError, *, answered: bool) -> RequestException:
    for category, had_head, words, make in _FAULTS:
        if (
            category is error.category
            and had_head in (None, answered)
            and re.search(words, error.message, re.IGNORECASE)
        ):
            return make(error.message)
    return RequestException(str(error))
