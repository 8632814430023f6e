"""`Deployment`: Azure's deployments of models.

Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

from typing import Any

from shim.compat.openai_v0.api_resources.abstract import (
    CreateableAPIResource,
    DeletableAPIResource,
    ListableAPIResource,
)
from shim.compat.openai_v0.error import APIError, InvalidRequestError
from shim.compat.openai_v0.util import is_azure


class Deployment(CreateableAPIResource, ListableAPIResource, DeletableAPIResource):
    """Deployments; with any other `api_type` than Azure's every method is an `APIError`."""

    OBJECT_NAME = "deployments"

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> Any:
        """Make one; `model` and `scale_settings` are needed."""
        cls._check_create(kwargs)
        return super().create(*args, **kwargs)

    @classmethod
    def acreate(cls, *args: Any, **kwargs: Any) -> Any:
        """The same without blocking the loop."""
        cls._check_create(kwargs)
        return super().acreate(*args, **kwargs)

    @classmethod
    def list(cls, *args: Any, **kwargs: Any) -> Any:
        """All of them."""
        cls._check_azure(kwargs)
        return super().list(*args, **kwargs)

    @classmethod
    def alist(cls, *args: Any, **kwargs: Any) -> Any:
        """The same without blocking the loop."""
        cls._check_azure(kwargs)
        return super().alist(*args, **kwargs)

    @classmethod
    def delete(cls, *args: Any, **kwargs: Any) -> Any:
        """Delete one."""
        cls._check_azure(kwargs)
        return super().delete(*args, **kwargs)

    @classmethod
    def adelete(cls, *args: Any, **kwargs: Any) -> Any:
        """The same without blocking the loop."""
        cls._check_azure(kwargs)
        return super().adelete(*args, **kwargs)

    @classmethod
    def retrieve(cls, *args: Any, **kwargs: Any) -> Any:
        """Fetch one."""
        cls._check_azure(kwargs)
        return super().retrieve(*args, **kwargs)

    @classmethod
    def aretrieve(cls, *args: Any, **kwargs: Any) -> Any:
        """The same without blocking the loop."""
        cls._check_azure(kwargs)
        return super().aretrieve(*args, **kwargs)

    @classmethod
    def _check_azure(cls, kwargs: dict[str, Any]) -> None:
        if not is_azure(cls._get_api_type_and_version(kwargs.get("api_type"), None)[0]):
            raise APIError("Deployment operations are only available for the Azure API type.")

    @classmethod
    def _check_create(cls, kwargs: dict[str, Any]) -> None:
        cls._check_azure(kwargs)
        for name in ("model", "scale_settings"):
            if kwargs.get(name) is None:
                raise InvalidRequestError(f"Must provide a '{name}' parameter to create a Deployment.", param=name)
        scale = kwargs["scale_settings"]
        if "scale_type" not in scale or (scale["scale_type"].lower() == "manual" and "capacity" not in scale):
            raise InvalidRequestError(
                "The 'scale_settings' parameter contains invalid or incomplete values.", param="scale_settings"
            )
