"""Transport faults: the legacy client's network errors as categories, in one place.

Not the errors a server answers (`shim.wire.failure`). Source: `legacy_openai.completion`, which says how its exceptions differ.
"""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Callable

from requests import exceptions as failed
from urllib3.exceptions import InvalidHeader

from legacy_openai import HttpCompletion, ResponseTooLargeError
from legacy_openai.transport_errors import causes
from shim.legacy_adapter.sessions import InterimAnswerError
from shim.model import ErrorCategory

# A proxy's refusal that trying again does not change, in the words of http.client and PySocks: the same as the native provider's
# (RFC 1928 6 for the replies 2, 7 and 8 of SOCKS).
_REFUSED_BY_PROXY = re.compile(
    r"Tunnel connection failed: (?!408|425|429)[34]|^0x0[278]: |SOCKS5 authentication failed|authentication methods were rejected"
)
_NOT_SOCKS = re.compile("SOCKS[45] proxy server sent invalid data")
# The server's alert about the certificate that a session shows, or does not (RFC 8446 6.2).
_OURS_REFUSED = re.compile(
    "alert (?:certificate (?:required|expired|revoked|unknown)|bad certificate|unsupported certificate|unknown ca)"
)

# The first match decides. An early end is looked for in the chain, behind requests' ChunkedEncodingError.
_CATEGORIES: tuple[tuple[type[BaseException], ErrorCategory], ...] = (
    (failed.Timeout, ErrorCategory.TIMEOUT),
    (InterimAnswerError, ErrorCategory.PROTOCOL),
    (ResponseTooLargeError, ErrorCategory.PROTOCOL),
    (failed.ContentDecodingError, ErrorCategory.PROTOCOL),
    (failed.InvalidHeader, ErrorCategory.INVALID_REQUEST),
    (failed.InvalidURL, ErrorCategory.INVALID_REQUEST),
    (failed.InvalidSchema, ErrorCategory.INVALID_REQUEST),  # a SOCKS proxy without PySocks, an adapter nobody mounted
)


def category_of(completion: HttpCompletion) -> ErrorCategory:
    """Tell what kind of failure a network error is.

    A body that ended early is truncated; a reset, a refusal, a name that does not resolve or TLS that fails is network;
    an answer that is not HTTP, and a certificate that is not trusted, is protocol: trying again changes neither.
    """
    error = completion.exception
    if error is None:
        return ErrorCategory.NETWORK
    chain = tuple(causes(error))
    if any(isinstance(link, InvalidHeader) for link in chain):
        return (
            ErrorCategory.PROTOCOL
        )  # two lengths in an answer; requests has the same error for a header of the request
    for kind, category in _CATEGORIES:
        if isinstance(error, kind):
            return category
    return next((category for tells, category in _BY_LINK if any(map(tells, chain))), ErrorCategory.NETWORK)


def _is_refusal_of_proxy(link: BaseException) -> bool:
    return isinstance(link, OSError) and _REFUSED_BY_PROXY.search(str(link)) is not None


def _is_of_certificate(link: BaseException) -> bool:
    if isinstance(link, ssl.SSLCertVerificationError):
        return True
    return isinstance(link, ssl.SSLError) and _OURS_REFUSED.search(str(link).lower().replace("_", " ")) is not None


def _is_early_end(link: BaseException) -> bool:
    return isinstance(link, http.client.IncompleteRead)


def _is_not_http(link: BaseException) -> bool:
    # RemoteDisconnected is both a BadStatusLine and a ConnectionResetError: the server hung up without a word.
    if isinstance(link, http.client.HTTPException):
        return not isinstance(link, ConnectionError)
    return isinstance(link, OSError) and _NOT_SOCKS.search(str(link)) is not None


def _is_timeout(link: BaseException) -> bool:
    """Whether it is a timeout that requests has no class for: in sending a request it is told as a connection that failed."""
    return isinstance(link, TimeoutError)


# What a link of the chain tells; the first that any of them tells decides.
_BY_LINK: tuple[tuple[Callable[[BaseException], bool], ErrorCategory], ...] = (
    (_is_refusal_of_proxy, ErrorCategory.INVALID_REQUEST),
    (_is_of_certificate, ErrorCategory.PROTOCOL),
    (_is_early_end, ErrorCategory.TRUNCATED),
    (_is_not_http, ErrorCategory.PROTOCOL),
    (_is_timeout, ErrorCategory.TIMEOUT),
)
