"""`ListableAPIResource`: `list` and `alist` of all objects of a class.

Not lists in pages (`paginatable_api_resource`). Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

from typing import Any

from shim.compat.openai_v0 import api_requestor, util
from shim.compat.openai_v0.api_resources.abstract.api_resource import APIResource


class ListableAPIResource(APIResource):
    """Something that can be listed."""

    @classmethod
    def auto_paging_iter(cls, *args: Any, **params: Any) -> Any:
        """The list, page after page, where what comes can do that."""
        return cls.list(*args, **params).auto_paging_iter()

    @classmethod
    def list(
        cls,
        api_key: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        **params: Any,
    ) -> Any:
        """All of them."""
        requestor = cls._requestor_of(api_key, api_base, api_type, api_version, organization)
        url = cls.url_of_class(api_type, api_version)
        response, _, key = requestor.request("get", url, params, request_id=request_id)
        return cls._listed(response, key, api_version, organization, params)

    @classmethod
    async def alist(
        cls,
        api_key: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        **params: Any,
    ) -> Any:
        """The same without blocking the loop."""
        requestor = cls._requestor_of(api_key, api_base, api_type, api_version, organization)
        url = cls.url_of_class(api_type, api_version)
        response, _, key = await requestor.arequest("get", url, params, request_id=request_id)
        return cls._listed(response, key, api_version, organization, params)

    @classmethod
    def _requestor_of(cls, api_key: Any, api_base: Any, api_type: Any, api_version: Any, organization: Any) -> Any:
        return api_requestor.APIRequestor(
            api_key,
            api_base=api_base or cls.api_base(),
            api_type=api_type,
            api_version=api_version,
            organization=organization,
        )

    @classmethod
    def _listed(cls, response: Any, key: Any, api_version: Any, organization: Any, params: Any) -> Any:
        listed = util.convert_to_openai_object(response, key, api_version, organization)
        listed._retrieve_params = params  # noqa: SLF001 - what a further page asks with
        return listed
