"""The errors this client raises, each with what went wrong and what to do.

Not the failures of a request on its way: those arrive as an `HttpCompletion` (completion.py), with the
exception of `requests` that caused them (transport_errors.py shapes those).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from legacy_openai.completion import HttpCompletion


class MissingApiKeyError(ValueError):
    """`Config.openai_api_key` is None or empty; raised by `add_request` before anything is sent."""


class InvalidApiKeyError(ValueError):
    """`Config.openai_api_key` cannot stand in an HTTP header; the text never quotes the key."""


class EmptyConversationError(ValueError):
    """The conversation holds no message; raised by `add_request` before anything is sent."""


class InvalidConfigError(ValueError):
    """A field of `Config` cannot be used; the text names the field and what it may be."""


class UnserializableBodyError(ValueError):
    """The request body cannot become JSON; the text names the place in it."""


class ClosedClientError(RuntimeError, ValueError):
    """A closed client was used, or one that belongs to another process.

    A ValueError too, because that is what `fileno()` of a closed file object raises and what event loops expect.
    """


class ResponseTooLargeError(requests.RequestException):
    """A response went over a limit of this client: one line of a stream, or a collected body."""


class LegacyOpenAIError(Exception):
    """`chat_create` failed; `completion` says how."""

    def __init__(self, message: str, completion: HttpCompletion) -> None:
        super().__init__(message, completion)
        self.completion = completion

    def __str__(self) -> str:
        return str(self.args[0])
