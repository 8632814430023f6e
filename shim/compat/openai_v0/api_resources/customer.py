"""`Customer`: an endpoint of somebody's own.

Names as in openai 0.28.1.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from shim.compat.openai_v0.openai_object import OpenAIObject


class Customer(OpenAIObject):
    """Customers' endpoints."""

    @classmethod
    def get_url(cls, customer: Any, endpoint: Any) -> str:
        """The path."""
        return f"/customer/{customer}/{endpoint}"

    @classmethod
    def create(cls, customer: Any, endpoint: Any, **params: Any) -> Any:
        """Post the parameters there."""
        return cls().request("post", cls.get_url(customer, endpoint), params)

    @classmethod
    def acreate(cls, customer: Any, endpoint: Any, **params: Any) -> Awaitable[Any]:
        """The same without blocking the loop."""
        return cls().arequest("post", cls.get_url(customer, endpoint), params)
