"""`CreateableAPIResource`: `create` and `acreate` by a POST of the parameters.

Not the resources with an engine (`engine_api_resource`). Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

from typing import Any

from shim.compat.openai_v0 import api_requestor, util
from shim.compat.openai_v0.api_resources.abstract.api_resource import APIResource


class CreateableAPIResource(APIResource):
    """Something that can be made."""

    plain_old_data = False

    @classmethod
    def create(
        cls,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """Make one; `params` are its parameters."""
        requestor = api_requestor.APIRequestor(
            api_key, api_base=api_base, api_type=api_type, api_version=api_version, organization=organization
        )
        url = cls.url_of_class(api_type, api_version)
        response, _, key = requestor.request("post", url, params, request_id=request_id)
        return util.convert_to_openai_object(
            response, key, api_version, organization, plain_old_data=cls.plain_old_data
        )

    @classmethod
    async def acreate(
        cls,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """The same without blocking the loop."""
        requestor = api_requestor.APIRequestor(
            api_key, api_base=api_base, api_type=api_type, api_version=api_version, organization=organization
        )
        url = cls.url_of_class(api_type, api_version)
        response, _, key = await requestor.arequest("post", url, params, request_id=request_id)
        return util.convert_to_openai_object(
            response, key, api_version, organization, plain_old_data=cls.plain_old_data
        )
