"""`ErrorObject`: what stands under "error" in a body, as an object.

Not the exceptions (`error`). As in openai 0.28.1, `message` and `type` are always there.
"""

from __future__ import annotations

from typing import Any

from shim.compat.openai_v0.openai_object import OpenAIObject
from shim.compat.openai_v0.util import merge_dicts


class ErrorObject(OpenAIObject):
    """An error as the server told it."""

    def refresh_from(
        self,
        values: Any,
        api_key: Any = None,
        api_version: Any = None,
        api_type: Any = None,
        organization: Any = None,
        response_ms: int | None = None,
    ) -> None:
        """Take these items in the place of all that are there."""
        super().refresh_from(
            merge_dicts({"message": None, "type": None}, values),
            api_key=api_key,
            api_version=api_version,
            api_type=api_type,
            organization=organization,
            response_ms=response_ms,
        )
