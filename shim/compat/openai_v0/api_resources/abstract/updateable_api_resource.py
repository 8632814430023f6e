"""`UpdateableAPIResource`: `modify` and `amodify` of an object by its id.

Names and signatures as in openai 0.28.1; that `amodify` sends PATCH, which its requestor refuses, is as there.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote_plus

from shim.compat.openai_v0.api_resources.abstract.api_resource import APIResource


class UpdateableAPIResource(APIResource):
    """Something that can be changed."""

    @classmethod
    def modify(cls, sid: str, **params: Any) -> Any:
        """Change the object of that id."""
        return cls._static_request("post", f"{cls.class_url()}/{quote_plus(sid)}", **params)

    @classmethod
    def amodify(cls, sid: str, **params: Any) -> Awaitable[Any]:
        """The same without blocking the loop."""
        return cls._astatic_request("patch", f"{cls.class_url()}/{quote_plus(sid)}", **params)
