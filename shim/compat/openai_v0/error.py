"""The errors of openai 0.28: flat below `OpenAIError`, with the constructors as callers use and subclass them.

Not this project's own errors (`shim.model.errors`), and not the choice of a class for a status (`api_requestor`).
Constructors take what 0.28.1 takes, by position too: old code makes these itself, in tests and in its own retries.
"""

from __future__ import annotations

from typing import Any

from shim.compat.openai_v0.namespace import part

_UNREADABLE = "<Could not decode body as utf-8. Please contact us through our help center at help.openai.com.>"


class OpenAIError(Exception):
    """The root of them all.

    Attributes:
        user_message: the message without the request's id.
        http_body, http_status, headers: of the answer; None, None and empty where there was none.
        json_body: the decoded body; `error` is what stands under "error" in it, an `ErrorObject`.
        code: as the server said it; filled for `InvalidRequestError` alone.
        request_id, organization: of the headers `request-id` and `openai-organization`.
    """

    def __init__(
        self,
        message: Any = None,
        http_body: Any = None,
        http_status: int | None = None,
        json_body: Any = None,
        headers: Any = None,
        code: Any = None,
    ) -> None:
        super().__init__(message)
        self._message = message
        self.http_body = _as_text(http_body)
        self.http_status = http_status
        self.json_body = json_body
        self.headers = headers or {}
        self.code = code
        self.request_id = self.headers.get("request-id")
        self.error = self.construct_error_object()
        self.organization = self.headers.get("openai-organization")

    @property
    def user_message(self) -> Any:
        """The message as it was given."""
        return self._message

    def construct_error_object(self) -> Any:
        """What stands under "error" in the body as an `ErrorObject`, None where no object does."""
        told = self.json_body.get("error") if isinstance(self.json_body, dict) else None
        return part("api_resources.error_object").ErrorObject.construct_from(told) if isinstance(told, dict) else None

    def __str__(self) -> Any:  # a message that is no text is a TypeError, as in 0.28
        message = self._message or "<empty message>"
        return message if self.request_id is None else f"Request {self.request_id}: {message}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._told()})"

    def _told(self) -> str:
        return f"message={self._message!r}, http_status={self.http_status!r}, request_id={self.request_id!r}"


class APIError(OpenAIError):
    """The server failed, or answered something that cannot be read."""


class TryAgain(OpenAIError):  # noqa: N818 - the name in 0.28
    """Status 409; `create` sends such a request again."""


class Timeout(OpenAIError):  # noqa: N818 - the name in 0.28
    """A time limit passed before the answer began."""


class APIConnectionError(OpenAIError):
    """No answer came: no connection, or one that broke. `should_retry` is what the caller of the constructor said."""

    def __init__(
        self,
        message: Any,
        http_body: Any = None,
        http_status: int | None = None,
        json_body: Any = None,
        headers: Any = None,
        code: Any = None,
        should_retry: bool = False,
    ) -> None:
        OpenAIError.__init__(self, message, http_body, http_status, json_body, headers, code)
        self.should_retry = should_retry


class InvalidRequestError(OpenAIError):
    """The server refuses the request (400, 404, 415), or it cannot be sent; `param` names the parameter."""

    def __init__(
        self,
        message: Any,
        param: Any,
        code: Any = None,
        http_body: Any = None,
        http_status: int | None = None,
        json_body: Any = None,
        headers: Any = None,
    ) -> None:
        super().__init__(message, http_body, http_status, json_body, headers, code)
        self.param = param

    def _told(self) -> str:
        return (
            f"message={self._message!r}, param={self.param!r}, code={self.code!r}, "
            f"http_status={self.http_status!r}, request_id={self.request_id!r}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        told = (self.code, self.http_body, self.http_status, self.json_body, self.headers)
        return type(self), (self._message, self.param, *told)


class AuthenticationError(OpenAIError):
    """The key is missing or wrong (401)."""


class PermissionError(OpenAIError):
    """The key may not do this (403)."""


class RateLimitError(OpenAIError):
    """Too many requests, or no credit (429)."""


class ServiceUnavailableError(OpenAIError):
    """The server is overloaded (503)."""


class InvalidAPIType(OpenAIError):  # noqa: N818 - the name in 0.28
    """`api_type` is none that exists, or one that has no such operation."""


class SignatureVerificationError(OpenAIError):
    """A signature that does not fit; raised by callers alone."""

    def __init__(self, message: Any, sig_header: Any, http_body: Any = None) -> None:
        super().__init__(message, http_body)
        self.sig_header = sig_header

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._message, self.sig_header, self.http_body)


def _as_text(body: Any) -> Any:
    if not body or not hasattr(body, "decode"):
        return body
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return _UNREADABLE
