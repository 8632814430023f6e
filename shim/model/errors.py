"""Errors: what can go wrong, in one vocabulary for every provider.

Not the reading of error bodies (`shim.wire.failure`) nor of transport faults (each provider translates its own, in one place).
Names follow openai-python where it has one; `ProviderError` picks its subclass from the category, as `OSError` does from errno.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from shim.model.depth import is_too_deep, pruned
from shim.model.headers import Headers

if TYPE_CHECKING:
    from shim.model.response import ModelResponse


class ErrorCategory(str, Enum):
    """What kind of failure it was; compares equal to its string value."""

    AUTH = "auth"
    PERMISSION = "permission"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    SERVER = "server"
    TIMEOUT = "timeout"
    CONTENT_FILTER = "content_filter"
    NETWORK = "network"
    TRUNCATED = "truncated"
    PROTOCOL = "protocol"
    CANCELLED = "cancelled"
    ABORTED = "aborted"
    UNKNOWN = "unknown"

    __str__ = str.__str__


_RETRYABLE = frozenset(
    {
        ErrorCategory.RATE_LIMIT,
        ErrorCategory.SERVER,
        ErrorCategory.TIMEOUT,
        ErrorCategory.NETWORK,
        ErrorCategory.TRUNCATED,
    }
)
# 408 Request Timeout and 409 Conflict are worth another try whatever category their body suggests (openai-python retries both).
_RETRYABLE_STATUS = frozenset({408, 409})


class ShimError(Exception):
    """The root of every error this package raises or delivers on purpose."""


class MissingCredentialsError(ShimError):
    """No API key was given or found; raised at once, nothing was sent."""


class InvalidRequestError(ShimError, ValueError):
    """A request that cannot be sent as it is; raised at once, nothing was sent. `field` names the place."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


class UnsupportedFeatureError(InvalidRequestError):
    """A field the chosen API cannot express; raised at once, nothing was sent and nothing dropped."""

    def __init__(self, message: str, *, field: str | None = None, api: str | None = None) -> None:
        super().__init__(message, field=field)
        self.api = api


class ProviderError(ShimError):
    """A request that was accepted and failed.

    Constructing it yields the subclass of its category, so `except RateLimitError` works whoever raised it.

    Attributes:
        category: the `ErrorCategory`.
        message: human text, safe to log: it never holds an API key.
        http_status: of the response, None where there was none; 200 for an error inside a stream.
        code, type, param: as the server named them; an integer code is kept as its digits.
        request_id: the server's `x-request-id`.
        retry_after_ms: milliseconds the server asked to wait, None where it did not say.
        body: the error body as received, None where there was none.
        headers: of the response, found whatever the case of their names, credentials masked; empty where there was none.
        partial: what had arrived of the response before it failed.
    """

    def __new__(  # noqa: PYI034 - the base class yields an instance of one of its subclasses
        cls, category: ErrorCategory | str = ErrorCategory.UNKNOWN, *_args: Any, **_fields: Any
    ) -> ProviderError:
        """Pick the subclass for `category` when the base class itself is called."""
        chosen = _BY_CATEGORY[ErrorCategory(category)] if cls is ProviderError else cls
        return super().__new__(chosen)

    def __init__(
        self,
        category: ErrorCategory | str,
        message: str,
        *,
        http_status: int | None = None,
        code: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's own name for the field
        param: str | None = None,
        request_id: str | None = None,
        retry_after_ms: int | None = None,
        body: bytes | None = None,
        partial: ModelResponse | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.category = ErrorCategory(category)
        self.message = message
        self.http_status = http_status
        self.code = code
        self.type = type
        self.param = param
        self.request_id = request_id
        self.retry_after_ms = retry_after_ms
        self.body = body
        self.partial = partial
        self.headers = Headers(headers)

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed when sent again."""
        return self.category in _RETRYABLE or self.http_status in _RETRYABLE_STATUS

    def __str__(self) -> str:
        status = f" (HTTP {self.http_status})" if self.http_status else ""
        return f"{self.category.value}{status}: {self.message}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(self.__dict__)
        if is_too_deep(self.partial):  # pickle recurses; the error must come through all the same
            state["partial"] = pruned(self.partial)
        return _rebuild, (type(self), self.args, state)


class AuthenticationError(ProviderError):
    """The key is missing, wrong or revoked (401)."""


class PermissionDeniedError(ProviderError):
    """The key may not do this (403)."""


class RateLimitError(ProviderError):
    """Too many requests or tokens just now (429)."""


class QuotaExceededError(ProviderError):
    """The account has no credit left; waiting does not help (429 `insufficient_quota`, 402)."""


class BadRequestError(ProviderError):
    """The server refused the request as malformed or out of range (400, 413, 415, 422)."""


class NotFoundError(ProviderError):
    """No such model, deployment or path (404)."""


class InternalServerError(ProviderError):
    """The server failed (5xx)."""


class APITimeoutError(ProviderError):
    """A time limit passed: connecting, reading, or the server's own (408)."""


class ContentFilterError(ProviderError):
    """The content filter refused the prompt or the answer."""


class APIConnectionError(ProviderError):
    """The connection could not be made, or broke before the answer was complete."""


class TruncatedError(ProviderError):
    """The answer ended early: the body stopped without its end. `partial` holds what had arrived."""


class ProtocolError(ProviderError):
    """The server answered something that is not the protocol."""


class RequestCancelledError(ProviderError):
    """The caller cancelled the request, or closed the provider under it."""


class StreamAbortedError(ProviderError):
    """The caller's `on_event` raised; its exception is the `__cause__`."""


class UnknownProviderError(ProviderError):
    """A failure none of the other categories describes."""


_BY_CATEGORY: dict[ErrorCategory, type[ProviderError]] = {
    ErrorCategory.AUTH: AuthenticationError,
    ErrorCategory.PERMISSION: PermissionDeniedError,
    ErrorCategory.RATE_LIMIT: RateLimitError,
    ErrorCategory.QUOTA: QuotaExceededError,
    ErrorCategory.INVALID_REQUEST: BadRequestError,
    ErrorCategory.NOT_FOUND: NotFoundError,
    ErrorCategory.SERVER: InternalServerError,
    ErrorCategory.TIMEOUT: APITimeoutError,
    ErrorCategory.CONTENT_FILTER: ContentFilterError,
    ErrorCategory.NETWORK: APIConnectionError,
    ErrorCategory.TRUNCATED: TruncatedError,
    ErrorCategory.PROTOCOL: ProtocolError,
    ErrorCategory.CANCELLED: RequestCancelledError,
    ErrorCategory.ABORTED: StreamAbortedError,
    ErrorCategory.UNKNOWN: UnknownProviderError,
}


def _rebuild(cls: type[ShimError], args: tuple[Any, ...], state: dict[str, Any]) -> ShimError:
    """Restore a pickled error without calling its keyword-only constructor."""
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error
