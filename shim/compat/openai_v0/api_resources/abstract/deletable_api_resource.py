"""`DeletableAPIResource`: `delete` and `adelete` of an object by its id.

Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote_plus

from shim.compat.openai_v0.api_resources.abstract.api_resource import APIResource


class DeletableAPIResource(APIResource):
    """Something that can be deleted."""

    @classmethod
    def delete(cls, sid: str, api_type: Any = None, api_version: Any = None, **params: Any) -> Any:
        """Delete the object of that id."""
        url = cls.url_of_class(api_type, api_version, tail=f"/{quote_plus(sid)}")
        return cls._static_request("delete", url, api_type=api_type, api_version=api_version, **params)

    @classmethod
    def adelete(cls, sid: str, api_type: Any = None, api_version: Any = None, **params: Any) -> Awaitable[Any]:
        """The same without blocking the loop."""
        url = cls.url_of_class(api_type, api_version, tail=f"/{quote_plus(sid)}")
        return cls._astatic_request("delete", url, api_type=api_type, api_version=api_version, **params)
