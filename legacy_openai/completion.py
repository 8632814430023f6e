"""What became of a request: the object that `completion_cb` receives.

Not the stream itself (that went to `stream_cb`), and no interpretation of the answer beyond four facts read leniently.

How to tell network errors apart, by `exception`: `requests.ConnectTimeout` and `requests.ReadTimeout` are timeouts (the
latter in mid-stream too); `requests.exceptions.SSLError` and `ProxyError` say what they are; a body that broke off is a
`ChunkedEncodingError`, with an `http.client.IncompleteRead` behind it when the server ended it early, a
`ConnectionResetError` when the connection was reset; `ResponseTooLargeError` is a limit of this client; any exception
that `stream_cb` raised is given as it is. `transport_errors.causes(exception)` walks the chain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple

from requests.structures import CaseInsensitiveDict

_LONGEST_EXCERPT = 300


class CompletionType(Enum):
    """How a request ended."""

    SUCCESS = "success"
    """2xx, read to its end."""
    CLIENT_ERROR = "client_error"
    """4xx. 3xx too: redirects are not followed, because they would carry the key to another address."""
    SERVER_ERROR = "server_error"
    """5xx, and any status outside 2xx to 4xx."""
    NETWORK_ERROR = "network_error"
    """No complete answer: `exception` says why, `http_code` is what had arrived (0: nothing)."""


def type_of_status(http_code: int) -> CompletionType:
    """The type of a completely read answer with this status."""
    hundreds = http_code // 100
    if hundreds == 2:
        return CompletionType.SUCCESS
    return CompletionType.CLIENT_ERROR if hundreds in (3, 4) else CompletionType.SERVER_ERROR


class _Facts(NamedTuple):
    model: str | None = None
    finish_reason: str | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class HttpCompletion:
    """The outcome of one request. `repr` shows no body and no headers."""

    type: CompletionType
    http_code: int = 0
    """HTTP status, 0 when no answer came."""
    headers: Mapping[str, str] = field(default_factory=CaseInsensitiveDict)
    """Response headers, found whatever their case."""
    body: bytes = b""
    """The whole body; for a stream only that of a non-2xx answer or of one that was no event stream."""
    error_message: str = ""
    """For people: the server's own words, or what failed on the way. Empty on success."""
    exception: BaseException | None = None
    """Of a network error: the exception of `requests`, or the one `stream_cb` raised."""
    request_id: int = 0
    """What `add_request` returned."""
    noted_payloads: tuple[bytes, ...] = ()
    """The few stream payloads that may name model, finish reason and usage."""

    @property
    def model(self) -> str | None:
        """The model that answered; None when the answer does not say."""
        return self._facts.model

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended, in the server's word; None when the answer does not say."""
        return self._facts.finish_reason

    @property
    def completion_tokens(self) -> int | None:
        """Tokens generated, as the server counted; None when the answer does not say."""
        return self._facts.completion_tokens

    @cached_property
    def _facts(self) -> _Facts:
        """Read when first asked for: most callers parse the answer themselves."""
        facts = _Facts()
        for document in self.noted_payloads or (self.body,):
            found = _facts_in(_parsed(document))
            facts = facts._replace(**{name: value for name, value in found._asdict().items() if value is not None})
        return facts

    def __repr__(self) -> str:
        return (
            f"HttpCompletion(request_id={self.request_id}, type={self.type.name}, http_code={self.http_code}, "
            f"body={len(self.body)} bytes, error_message={self.error_message!r})"
        )


def _parsed(document: bytes) -> Any:
    """The JSON value, or None: a completion never fails because of what it carries."""
    try:
        return json.loads(document) if document else None
    except (ValueError, RecursionError):
        return None


def _facts_in(value: Any) -> _Facts:
    if not isinstance(value, dict):
        return _Facts()
    usage = value.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return _Facts(
        model=_text(value.get("model")),
        finish_reason=_text(_first_choice(value.get("choices")).get("finish_reason")),
        completion_tokens=tokens if isinstance(tokens, int) and not isinstance(tokens, bool) else None,
    )


def _first_choice(choices: Any) -> dict[str, Any]:
    """The choice with index 0; one without an index counts as that."""
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                return choice
    return {}


def _text(value: Any) -> str | None:
    """Some servers send "" for unknown; that is None here."""
    return value if isinstance(value, str) and value else None


def server_message(http_code: int, *, reason: str, body: bytes) -> str:
    """The words of an error answer; every shape seen in traffic, else status line and the beginning of the text."""
    value = _parsed(body)
    if isinstance(value, dict):
        error = value.get("error")
        nested = error.get("message") if isinstance(error, dict) else error
        for candidate in (nested, value.get("message"), value.get("detail")):
            if isinstance(candidate, str) and candidate:
                return candidate
    status = f"HTTP {http_code} {reason}".strip()
    excerpt = " ".join(body[: 4 * _LONGEST_EXCERPT].decode("utf-8", "replace").split())[:_LONGEST_EXCERPT]
    return f"{status}: {excerpt}" if excerpt else status
