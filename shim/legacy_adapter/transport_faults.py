"""Transport faults: the legacy client's network errors as categories, in one place.

Not the errors a server answers (`shim.wire.failure`). Source: `legacy_openai.completion`, which says how its exceptions differ.
"""

from __future__ import annotations

import http.client
import re
import ssl

from requests import exceptions as failed
from urllib3.exceptions import InvalidHeader

from legacy_openai import HttpCompletion, ResponseTooLargeError
from legacy_openai.transport_errors import causes
from shim.legacy_adapter.sessions import InterimAnswerError
from shim.model import ErrorCategory

_REFUSED_BY_PROXY = re.compile("Tunnel connection failed: 40[37]")  # http.client's words

# The first match decides. An early end is looked for in the chain, behind requests' ChunkedEncodingError.
_CATEGORIES: tuple[tuple[type[BaseException], ErrorCategory], ...] = (
    (failed.Timeout, ErrorCategory.TIMEOUT),
    (InterimAnswerError, ErrorCategory.PROTOCOL),
    (ResponseTooLargeError, ErrorCategory.PROTOCOL),
    (failed.ContentDecodingError, ErrorCategory.PROTOCOL),
    (failed.InvalidHeader, ErrorCategory.INVALID_REQUEST),
    (failed.InvalidURL, ErrorCategory.INVALID_REQUEST),
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
    if isinstance(error, failed.ProxyError) and any(_REFUSED_BY_PROXY.search(str(link)) for link in chain):
        return ErrorCategory.INVALID_REQUEST
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return ErrorCategory.PROTOCOL
    if any(isinstance(link, http.client.IncompleteRead) for link in chain):
        return ErrorCategory.TRUNCATED
    if any(_is_not_http(link) for link in chain):
        return ErrorCategory.PROTOCOL
    return ErrorCategory.NETWORK


def _is_not_http(link: BaseException) -> bool:
    # RemoteDisconnected is both a BadStatusLine and a ConnectionResetError: the server hung up without a word.
    return isinstance(link, http.client.HTTPException) and not isinstance(link, ConnectionError)
