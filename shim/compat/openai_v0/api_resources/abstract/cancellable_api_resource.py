"""`CancellableAPIResource`: `cancel` and `acancel` of a job by its id.

Ours alone: openai 0.28.1 has the two methods in each resource, with these signatures.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote_plus

from shim.compat.openai_v0.api_resources.abstract.api_resource import APIResource


class CancellableAPIResource(APIResource):
    """Something that can be stopped."""

    @classmethod
    def cancel(
        cls,
        id: Any,
        api_key: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        **params: Any,
    ) -> Any:
        """Stop one."""
        url = cls.url_of_class(api_type, api_version, tail=f"/{quote_plus(id)}/cancel")
        return cls(id, api_key, **params).request("post", url, request_id=request_id)

    @classmethod
    def acancel(
        cls,
        id: Any,
        api_key: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        **params: Any,
    ) -> Awaitable[Any]:
        """The same without blocking the loop."""
        url = cls.url_of_class(api_type, api_version, tail=f"/{quote_plus(id)}/cancel")
        return cls(id, api_key, **params).arequest("post", url, request_id=request_id)
