"""A successful answer before it becomes an object: its JSON, and the headers that came with it.

Not the object that callers get (`openai_object`). Names as in openai 0.28.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class OpenAIResponse:
    """The decoded body `data`, and what the headers say."""

    def __init__(self, data: Any, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.data = data

    @property
    def request_id(self) -> str | None:
        """The header `request-id`; OpenAI sends `x-request-id`, so with it this is None, as ever."""
        return self._headers.get("request-id")

    @property
    def retry_after(self) -> int | None:
        """The header `retry-after` in whole seconds; ValueError where it is a date."""
        seconds = self._headers.get("retry-after")
        return None if seconds is None else int(seconds)

    @property
    def operation_location(self) -> str | None:
        """Where Azure keeps the result of a job."""
        return self._headers.get("operation-location")

    @property
    def organization(self) -> str | None:
        """The organization that was charged."""
        return self._headers.get("OpenAI-Organization")

    @property
    def response_ms(self) -> int | None:
        """Milliseconds the server worked."""
        milliseconds = self._headers.get("Openai-Processing-Ms")
        return None if milliseconds is None else round(float(milliseconds))
