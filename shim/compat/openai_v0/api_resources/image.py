"""`Image`: pictures from words, and from pictures.

Not the form (`uploads`). Names and signatures as in openai 0.28.1. On Azure a picture is a job, which is asked for until
it is done.
"""

from __future__ import annotations

from typing import Any

from shim.compat.openai_v0 import error
from shim.compat.openai_v0.api_resources.abstract import APIResource
from shim.compat.openai_v0.api_resources.uploads import Account, form_field, form_file
from shim.compat.openai_v0.util import is_azure


class Image(APIResource):
    """Images."""

    OBJECT_NAME = "images"

    @classmethod
    def create(
        cls,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """Make pictures of a `prompt`."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        requestor = account.requestor()
        typed, version = cls._get_api_type_and_version(api_type, api_version)
        url = cls._get_url("generations", azure_action="submit", api_type=typed, api_version=version)
        response, _, key = requestor.request("post", url, params)
        if is_azure(typed):
            requestor.api_base = ""  # the place of the job is a whole address
            response, _, key = requestor._poll(  # noqa: SLF001 - the name in 0.28
                "get", response.operation_location, until=_is_done, failed=_has_failed
            )
        return account.made(response, key, version=version)

    @classmethod
    async def acreate(
        cls,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """The same without blocking the loop."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        requestor = account.requestor()
        typed, version = cls._get_api_type_and_version(api_type, api_version)
        url = cls._get_url("generations", azure_action="submit", api_type=typed, api_version=version)
        response, _, key = await requestor.arequest("post", url, params)
        if is_azure(typed):
            requestor.api_base = ""  # the place of the job is a whole address
            response, _, key = await requestor._apoll(  # noqa: SLF001 - the name in 0.28
                "get", response.operation_location, until=_is_done, failed=_has_failed
            )
        return account.made(response, key, version=version)

    @classmethod
    def create_variation(
        cls,
        image: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """Make pictures like `image`."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return cls._send("variations", account, _form(params, image=image))

    @classmethod
    async def acreate_variation(
        cls,
        image: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """The same without blocking the loop."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return await cls._asend("variations", account, _form(params, image=image))

    @classmethod
    def create_edit(
        cls,
        image: Any,
        mask: Any = None,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """Change `image` as a `prompt` says, where `mask` is transparent."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return cls._send("edits", account, _form(params, image=image, mask=mask))

    @classmethod
    async def acreate_edit(
        cls,
        image: Any,
        mask: Any = None,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        **params: Any,
    ) -> Any:
        """The same without blocking the loop."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return await cls._asend("edits", account, _form(params, image=image, mask=mask))

    @classmethod
    def _send(cls, action: str, account: Account, files: list[Any]) -> Any:
        requestor = account.requestor()
        url, version = cls._place(action, account)
        response, _, key = requestor.request("post", url, files=files)
        return account.made(response, key, version=version)

    @classmethod
    async def _asend(cls, action: str, account: Account, files: list[Any]) -> Any:
        requestor = account.requestor()
        url, version = cls._place(action, account)
        response, _, key = await requestor.arequest("post", url, files=files)
        return account.made(response, key, version=version)

    @classmethod
    def _place(cls, action: str, account: Account) -> tuple[str, Any]:
        typed, version = cls._get_api_type_and_version(account.api_type, account.api_version)
        if is_azure(account.api_type):
            raise error.InvalidAPIType(f"{action.capitalize()} are not supported by the Azure OpenAI API yet.")
        return cls._get_url(action, azure_action=None, api_type=typed, api_version=version), version

    @classmethod
    def _get_url(cls, action: str, azure_action: Any, api_type: Any, api_version: Any) -> str:
        if azure_action is None or not is_azure(api_type):
            return f"{cls.class_url()}/{action}"
        return f"/{cls.azure_api_prefix}{cls.class_url()}/{action}:{azure_action}?api-version={api_version}"


def _form(params: dict[str, Any], **pictures: Any) -> list[Any]:
    fields = [form_field(name, value) for name, value in params.items()]
    return fields + [form_file(name, each, name=name) for name, each in pictures.items() if each is not None]


def _is_done(response: Any) -> bool:
    return bool(response.data["status"] == "succeeded")


def _has_failed(response: Any) -> bool:
    return bool(response.data["status"] == "failed")
