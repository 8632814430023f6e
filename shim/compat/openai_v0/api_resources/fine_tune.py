"""`FineTune`: fine-tunes of the models before gpt-3.5.

Not the jobs that came after them (`fine_tuning`). Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from shim.compat.openai_v0 import api_requestor, util
from shim.compat.openai_v0.api_resources.abstract import (
    CancellableAPIResource,
    CreateableAPIResource,
    DeletableAPIResource,
    ListableAPIResource,
    nested_resource_class_methods,
)


@nested_resource_class_methods("event", operations=["list"])
class FineTune(ListableAPIResource, CreateableAPIResource, DeletableAPIResource, CancellableAPIResource):
    """Fine-tunes."""

    OBJECT_NAME = "fine-tunes"

    @classmethod
    def stream_events(
        cls,
        id: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        request_id: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """Its events as they happen, from a generator."""
        requestor = api_requestor.APIRequestor(
            api_key, api_base=api_base, api_type=api_type, api_version=api_version, organization=organization
        )
        url = cls._events_url(id, api_type, api_version)
        response, _, key = requestor.request("get", url, params, stream=True, request_id=request_id)
        return (util.convert_to_openai_object(each, key, api_version, organization) for each in response)

    @classmethod
    async def astream_events(
        cls,
        id: Any,
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
        url = cls._events_url(id, api_type, api_version)
        response, _, key = await requestor.arequest("get", url, params, stream=True, request_id=request_id)
        return (util.convert_to_openai_object(each, key, api_version, organization) async for each in response)

    @classmethod
    def _events_url(cls, id: Any, api_type: Any, api_version: Any) -> str:
        return cls.url_of_class(api_type, api_version, tail=f"/{quote_plus(id)}/events?stream=true")
