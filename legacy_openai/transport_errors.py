"""What can go wrong between here and the server: one shape for each failure, words for it, and no key in it.

Not the errors raised at once (errors.py), and not the answer's own error text (completion.py).

Shapes, whatever way the body was read: `requests.ConnectTimeout`; `requests.ReadTimeout` (before and in mid-body);
`requests.exceptions.SSLError`, `ProxyError`, `ConnectionError`; `ChunkedEncodingError` for a body that broke off, with an
`http.client.IncompleteRead` in its chain when the server ended it early and a `ConnectionResetError` when it was reset;
`ContentDecodingError` for a bad compressed body.
"""

from __future__ import annotations

import http.client
import re
import ssl
from typing import TYPE_CHECKING, Any

import requests
from requests import exceptions as failed
from urllib3 import exceptions as raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from legacy_openai.http_request import HttpRequest

REDACTED = "[redacted]"
_MOST_LINKS = 50
_SHORTEST_REAL_KEY = 8


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and every error behind it: causes, contexts, and those that libraries carry as arguments."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting and len(seen) < _MOST_LINKS:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]


def reading_failure(error: Exception) -> Exception:
    """The `requests` exception for a failure while a body is read; the type alone tells a timeout."""
    if _is_timeout(error):
        return failed.ReadTimeout(error)
    if isinstance(error, requests.RequestException):
        return _with_early_end(error)
    if isinstance(error, ssl.SSLError | raw.SSLError):
        return failed.SSLError(error)
    if isinstance(error, raw.DecodeError):
        return failed.ContentDecodingError(error)
    if isinstance(error, raw.ProtocolError):
        return _with_early_end(failed.ChunkedEncodingError(error))
    return failed.ChunkedEncodingError(raw.ProtocolError(f"Connection broken: {error!r}", error))


def _is_timeout(error: Exception) -> bool:
    """Requests reports a timeout in mid-body as a ConnectionError around urllib3's ReadTimeoutError."""
    return any(isinstance(link, TimeoutError | raw.ReadTimeoutError) for link in (error, *error.args))


def _with_early_end(error: requests.RequestException) -> requests.RequestException:
    """Urllib3 says "Response ended prematurely" in words only; add the exception that says it in kind."""
    known = (http.client.HTTPException, OSError)
    links = [link for link in causes(error) if not isinstance(link, requests.RequestException)]
    if isinstance(error, failed.ChunkedEncodingError) and not any(isinstance(link, known) for link in links):
        error.__cause__ = http.client.IncompleteRead(b"")
    return error


def describe(error: BaseException, request: HttpRequest) -> str:
    """One sentence: what failed, with which host; the key never in it."""
    host = request.host
    if isinstance(error, failed.ConnectTimeout):
        text = f"no connection to {host} within {request.connect_timeout} s"
    elif isinstance(error, failed.ReadTimeout):
        text = f"{host} sent nothing for {request.read_timeout} s"
    elif isinstance(error, failed.ProxyError):
        text = f"the proxy on the way to {host} failed: {_innermost(error)}"
    elif isinstance(error, failed.SSLError):
        text = f"TLS with {host} failed: {_innermost(error)}"
    elif isinstance(error, failed.ChunkedEncodingError):
        text = f"the response of {host} broke off: {_innermost(error)}"
    elif isinstance(error, failed.ConnectionError):
        text = f"the connection to {host} failed: {_innermost(error)}"
    else:
        text = f"the request to {host} failed: {type(error).__name__}: {error}"
    return redacted(text, request.api_key)


def redacted(text: str, api_key: str) -> str:
    """The text without the key. A key too short to be a real one goes only where it stands as a word of its own."""
    if len(api_key) >= _SHORTEST_REAL_KEY:
        return text.replace(api_key, REDACTED)
    return re.sub(rf"(?<![\w.-]){re.escape(api_key)}(?![\w-])", REDACTED, text)


def _innermost(error: BaseException) -> str:
    """The words of the last error that is neither requests' nor urllib3's: those only wrap it."""
    links = list(causes(error))
    if any(
        isinstance(link, http.client.IncompleteRead) and not isinstance(link, raw.InvalidChunkLength) for link in links
    ):
        return "the server ended it early"
    bare = [link for link in links if not isinstance(link, requests.RequestException | raw.HTTPError)]
    innermost = (bare or links)[-1]
    return str(innermost) or type(innermost).__name__


def without_secrets(error: BaseException, api_key: str) -> BaseException:
    """The same error, safe to keep, log and pickle.

    Tracebacks go: their frames hold the headers, and would keep the request alive. The request that `requests` hangs on
    its exceptions loses headers and body. A text that quotes the key is redacted, wherever in the chain it stands.
    """
    for link in list(causes(error)):
        link.__traceback__ = None
        if isinstance(link, requests.RequestException):
            link.response = None
            link.request = _bare(link.request)
        link.args = tuple(redacted(arg, api_key) if isinstance(arg, str) else arg for arg in link.args)
    if any(redacted(text, api_key) != text for link in causes(error) for text in (str(link), repr(link))):
        # A type that builds its text from elsewhere than its arguments: keep its name and the redacted words.
        return requests.RequestException(redacted(f"{type(error).__name__}: {error}", api_key))
    return error


def _bare(request: Any) -> Any:
    """Method and URL of a request, without headers and body."""
    if request is None:
        return None
    bare = requests.PreparedRequest()
    bare.method, bare.url = request.method, request.url
    bare.headers = requests.structures.CaseInsensitiveDict()
    return bare
