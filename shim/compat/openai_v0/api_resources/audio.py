"""`Audio`: speech as text, in its own language or in English.

Not the form (`uploads`). Names and signatures as in openai 0.28.1; a file needs a `name`, or the call that takes one.
"""

from __future__ import annotations

from typing import Any

from shim.compat.openai_v0.api_resources.abstract import APIResource
from shim.compat.openai_v0.api_resources.uploads import Account, form_file
from shim.compat.openai_v0.util import is_azure


class Audio(APIResource):
    """Transcriptions and translations. `response_format` "text", "srt" and "vtt" give a str."""

    OBJECT_NAME = "audio"

    @classmethod
    def transcribe(
        cls,
        model: Any,
        file: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        *,
        deployment_id: Any = None,
        **params: Any,
    ) -> Any:
        """Write down what is said in `file`."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return cls._send("transcriptions", account, deployment_id, (file.name, file), {"model": model, **params})

    @classmethod
    def translate(
        cls,
        model: Any,
        file: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        *,
        deployment_id: Any = None,
        **params: Any,
    ) -> Any:
        """Write it down in English."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return cls._send("translations", account, deployment_id, (file.name, file), {"model": model, **params})

    @classmethod
    def transcribe_raw(
        cls,
        model: Any,
        file: Any,
        filename: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        *,
        deployment_id: Any = None,
        **params: Any,
    ) -> Any:
        """`transcribe` of bytes, which have no name of their own."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return cls._send("transcriptions", account, deployment_id, (filename, file), {"model": model, **params})

    @classmethod
    def translate_raw(
        cls,
        model: Any,
        file: Any,
        filename: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        *,
        deployment_id: Any = None,
        **params: Any,
    ) -> Any:
        """`translate` of bytes."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return cls._send("translations", account, deployment_id, (filename, file), {"model": model, **params})

    @classmethod
    async def atranscribe(
        cls,
        model: Any,
        file: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        *,
        deployment_id: Any = None,
        **params: Any,
    ) -> Any:
        """`transcribe` without blocking the loop."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return await cls._asend("transcriptions", account, deployment_id, (file.name, file), {"model": model, **params})

    @classmethod
    async def atranslate(
        cls,
        model: Any,
        file: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        *,
        deployment_id: Any = None,
        **params: Any,
    ) -> Any:
        """`translate` without blocking the loop."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return await cls._asend("translations", account, deployment_id, (file.name, file), {"model": model, **params})

    @classmethod
    async def atranscribe_raw(
        cls,
        model: Any,
        file: Any,
        filename: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        *,
        deployment_id: Any = None,
        **params: Any,
    ) -> Any:
        """`transcribe_raw` without blocking the loop."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return await cls._asend("transcriptions", account, deployment_id, (filename, file), {"model": model, **params})

    @classmethod
    async def atranslate_raw(
        cls,
        model: Any,
        file: Any,
        filename: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        *,
        deployment_id: Any = None,
        **params: Any,
    ) -> Any:
        """`translate_raw` without blocking the loop."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        return await cls._asend("translations", account, deployment_id, (filename, file), {"model": model, **params})

    @classmethod
    def _send(cls, action: str, account: Account, deployment_id: Any, named_file: Any, data: dict[str, Any]) -> Any:
        requestor = account.requestor()
        url, version = cls._place(action, account, deployment_id)
        files = [form_file("file", named_file[1], name=named_file[0])]
        response, _, key = requestor.request("post", url, files=files, params=data)
        return account.made(response, key, version=version)

    @classmethod
    async def _asend(
        cls, action: str, account: Account, deployment_id: Any, named_file: Any, data: dict[str, Any]
    ) -> Any:
        requestor = account.requestor()
        url, version = cls._place(action, account, deployment_id)
        files = [form_file("file", named_file[1], name=named_file[0])]
        response, _, key = await requestor.arequest("post", url, files=files, params=data)
        return account.made(response, key, version=version)

    @classmethod
    def _place(cls, action: str, account: Account, deployment_id: Any) -> tuple[str, Any]:
        typed, version = cls._get_api_type_and_version(account.api_type, account.api_version)
        return cls._get_url(action, deployment_id, typed, version), version

    @classmethod
    def _get_url(cls, action: str, deployment_id: Any = None, api_type: Any = None, api_version: Any = None) -> str:
        if not is_azure(api_type):
            return f"{cls.class_url()}/{action}"
        return f"/{cls.azure_api_prefix}/deployments/{deployment_id}/audio/{action}?api-version={api_version}"
