"""`APIResource`: an object with a URL of its own, which it can be fetched from.

Not the verbs beside fetching, which have a class each beside this one. Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

from collections.abc import Awaitable
from types import FunctionType
from typing import Any
from urllib.parse import quote_plus

from shim.compat.openai_v0 import api_requestor, error, util
from shim.compat.openai_v0.namespace import PACKAGE, setting
from shim.compat.openai_v0.openai_object import OpenAIObject
from shim.compat.openai_v0.util import ApiType, is_azure


class APIResource(OpenAIObject):
    """The base of everything that has an address; `OBJECT_NAME` says which."""

    OBJECT_NAME: str
    api_prefix = ""
    azure_api_prefix = "openai"
    azure_deployments_prefix = "deployments"

    def __init_subclass__(cls) -> None:
        """Show signatures as 0.28 had them, without annotations: old code compares and prints them."""
        super().__init_subclass__()
        for member in vars(cls).values() if cls.__module__.startswith(PACKAGE) else ():
            plain = getattr(member, "__func__", member)
            if isinstance(plain, FunctionType):
                plain.__annotations__ = {}

    @classmethod
    def retrieve(
        cls, id: Any, api_key: Any = None, request_id: Any = None, request_timeout: Any = None, **params: Any
    ) -> Any:
        """Fetch the object of that id."""
        found = cls(id=id, api_key=api_key, **params)
        found.refresh(request_id=request_id, request_timeout=request_timeout)
        return found

    @classmethod
    def aretrieve(
        cls, id: Any, api_key: Any = None, request_id: Any = None, request_timeout: Any = None, **params: Any
    ) -> Awaitable[Any]:
        """Fetch it without blocking the loop."""
        found = cls(id=id, api_key=api_key, **params)
        return found.arefresh(request_id=request_id, request_timeout=request_timeout)

    def refresh(self, request_id: Any = None, request_timeout: Any = None) -> Any:
        """Fetch it again, into this object."""
        url = self.instance_url()
        self.refresh_from(self.request("get", url, request_id=request_id, request_timeout=request_timeout))
        return self

    async def arefresh(self, request_id: Any = None, request_timeout: Any = None) -> Any:
        """The same without blocking the loop."""
        url = self.instance_url(operation="refresh")
        self.refresh_from(await self.arequest("get", url, request_id=request_id, request_timeout=request_timeout))
        return self

    @classmethod
    def class_url(cls) -> str:
        """The path of all objects of the class.

        Raises:
            NotImplementedError: it has no `OBJECT_NAME` of its own.
        """
        if cls is APIResource:
            raise NotImplementedError("APIResource is an abstract class. You should perform actions on its subclasses.")
        path = cls.OBJECT_NAME.replace(".", "/")
        return f"/{cls.api_prefix}/{path}" if cls.api_prefix else f"/{path}"

    @classmethod
    def url_of_class(cls, api_type: Any, api_version: Any, *, tail: str = "") -> str:
        """The path of all objects where `api_type` (None: the module's) has them, `tail` behind it."""
        typed, version = cls._get_api_type_and_version(api_type, api_version)
        if is_azure(typed):
            joint = "&" if "?" in tail else "?"
            return f"/{cls.azure_api_prefix}{cls.class_url()}{tail}{joint}api-version={version}"
        return f"{cls.class_url()}{tail}"

    def instance_url(self, operation: Any = None) -> str:
        """The path of this object.

        Raises:
            InvalidRequestError: it has no id.
        """
        name = quote_plus(self._checked_id())
        if not is_azure(self.typed_api_type):
            return f"{self.class_url()}/{name}"
        version = self.api_version or setting("api_version")
        if not version:
            raise error.InvalidRequestError("An API version is required for the Azure API type.", "api_version")
        if operation:
            place = f"{self.azure_deployments_prefix}/{name}/{operation}"
            return f"/{self.azure_api_prefix}/{place}?api-version={version}"
        return f"/{self.azure_api_prefix}{self.class_url()}/{name}?api-version={version}"

    def _checked_id(self, *, wanted: str = "`str` (or `unicode`)") -> str:
        name = self.get("id")
        if not isinstance(name, str):
            raise error.InvalidRequestError(
                f"Could not determine which URL to request: {type(self).__name__} instance has invalid ID: {name!r}, "
                f"{type(name)}. ID should be of type {wanted}",
                "id",
            )
        return name

    @classmethod
    def _static_request(
        cls,
        method_: str,
        url_: str,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        requestor = api_requestor.APIRequestor(
            api_key, api_base=api_base, api_type=api_type, api_version=api_version, organization=organization
        )
        response, _, api_key = requestor.request(method_, url_, params, request_id=request_id)
        return util.convert_to_openai_object(response, api_key, api_version, organization)

    @classmethod
    async def _astatic_request(
        cls,
        method_: str,
        url_: str,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """What comes is an `OpenAIResponse` and no object, as in 0.28."""
        requestor = api_requestor.APIRequestor(
            api_key, api_base=api_base, api_type=api_type, api_version=api_version, organization=organization
        )
        response, _, _ = await requestor.arequest(method_, url_, params, request_id=request_id)
        return response

    @classmethod
    def _get_api_type_and_version(cls, api_type: Any = None, api_version: Any = None) -> tuple[ApiType, Any]:
        return ApiType.from_str(api_type or setting("api_type")), api_version or setting("api_version")
