"""What the endpoints that take files have in common: a requestor, the path, form fields.

Not the endpoints (`audio`, `image`, `file`) nor the multipart body, which `requests` writes.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from shim.compat.openai_v0 import api_requestor, util
from shim.compat.openai_v0.namespace import setting

_BINARY = "application/octet-stream"


class Account(Struct):
    """On whose behalf a call goes out, as its caller said it; None where the module's settings count."""

    api_key: Any = None
    api_base: Any = None
    api_type: Any = None
    api_version: Any = None
    organization: Any = None

    def requestor(self) -> Any:
        """What sends for it."""
        return api_requestor.APIRequestor(
            self.api_key,
            api_base=self.api_base or setting("api_base"),
            api_type=self.api_type,
            api_version=self.api_version,
            organization=self.organization,
        )

    def made(self, response: Any, key: Any, *, version: Any) -> Any:
        """The answer as objects that know it."""
        return util.convert_to_openai_object(response, key, version, self.organization)


def form_file(field: str, content: Any, *, name: str) -> tuple[str, Any]:
    """A file of a form."""
    return field, (name, content, _BINARY)


def form_field(field: str, value: Any) -> tuple[str, Any]:
    """A plain field of a form."""
    return field, (None, value)
