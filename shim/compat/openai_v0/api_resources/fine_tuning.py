"""`FineTuningJob`: fine-tuning of chat models.

Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote_plus

from shim.compat.openai_v0.api_resources.abstract import (
    CreateableAPIResource,
    DeletableAPIResource,
    PaginatableAPIResource,
    nested_resource_class_methods,
)


@nested_resource_class_methods("event", operations=["paginated_list"])
class FineTuningJob(PaginatableAPIResource, CreateableAPIResource, DeletableAPIResource):
    """Fine-tuning jobs."""

    OBJECT_NAME = "fine_tuning.jobs"

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
