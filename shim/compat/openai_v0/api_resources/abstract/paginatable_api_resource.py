"""`PaginatableAPIResource`: lists in pages, with a cursor.

Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shim.compat.openai_v0.api_resources.abstract.listable_api_resource import ListableAPIResource

_PAGE = 20


class PaginatableAPIResource(ListableAPIResource):
    """Something that is listed page by page."""

    @classmethod
    def auto_paging_iter(cls, *args: Any, **params: Any) -> Iterator[Any]:
        """All of them, one page fetched after the other."""
        if not params.get("limit"):
            params["limit"] = _PAGE
        while True:
            page = cls.list(*args, **params)
            yield from page.data
            if page.data:
                params["after"] = page.data[-1].id
            if not page.has_more:
                return

    @classmethod
    def list(  # type: ignore[override]  # as in 0.28
        cls,
        limit: Any = None,
        starting_after: Any = None,
        api_key: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        **params: Any,
    ) -> Any:
        """One page."""
        return super().list(
            api_key,
            request_id,
            api_version,
            organization,
            api_base,
            api_type,
            **{**params, "limit": limit, "starting_after": starting_after},
        )

    @classmethod
    async def alist(  # type: ignore[override]  # as in 0.28
        cls,
        limit: Any = None,
        starting_after: Any = None,
        api_key: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        **params: Any,
    ) -> Any:
        """The same without blocking the loop."""
        return await super().alist(
            api_key,
            request_id,
            api_version,
            organization,
            api_base,
            api_type,
            **{**params, "limit": limit, "starting_after": starting_after},
        )
