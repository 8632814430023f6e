"""`File`: files, for fine-tuning and the like.

Not the form (`uploads`). Names and signatures as in openai 0.28.1. `adownload` works here; there it was an AttributeError.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from shim.compat.openai_v0 import error
from shim.compat.openai_v0.api_resources.abstract import DeletableAPIResource, ListableAPIResource
from shim.compat.openai_v0.api_resources.uploads import Account, form_field, form_file

_ENDED = ("processed", "error", "deleted")
_LOOK_AGAIN = 5.0  # seconds


class File(ListableAPIResource, DeletableAPIResource):
    """Files."""

    OBJECT_NAME = "files"

    @classmethod
    def create(
        cls,
        file: Any,
        purpose: Any,
        model: Any = None,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        user_provided_filename: Any = None,
    ) -> Any:
        """Upload one."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        requestor, url, version = cls._place(account)
        files = _form(file, purpose, model=model, name=user_provided_filename)
        response, _, key = requestor.request("post", url, files=files)
        return account.made(response, key, version=version)

    @classmethod
    async def acreate(
        cls,
        file: Any,
        purpose: Any,
        model: Any = None,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
        user_provided_filename: Any = None,
    ) -> Any:
        """The same without blocking the loop."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        requestor, url, version = cls._place(account)
        files = _form(file, purpose, model=model, name=user_provided_filename)
        response, _, key = await requestor.arequest("post", url, files=files)
        return account.made(response, key, version=version)

    @classmethod
    def download(
        cls,
        id: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
    ) -> bytes:
        """The content of one."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        requestor, url, _ = cls._place(account, tail=f"/{id}/content")
        result = requestor.request_raw("get", url)
        content: bytes = result.content
        _check_downloaded(requestor, content, result.status_code, result.headers)
        return content

    @classmethod
    async def adownload(
        cls,
        id: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
    ) -> bytes:
        """The same without blocking the loop."""
        account = Account(api_key, api_base, api_type, api_version, organization)
        requestor, url, _ = cls._place(account, tail=f"/{id}/content")
        result = await requestor.arequest_raw("get", url, None)
        try:
            content: bytes = await result.read()
        finally:
            result.release()
        _check_downloaded(requestor, content, result.status, result.headers)
        return content

    @classmethod
    def find_matching_files(
        cls,
        name: Any,
        bytes: Any,
        purpose: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
    ) -> list[Any]:
        """Those uploaded before with this name, size and purpose."""
        listed = cls.list(
            api_key=api_key, api_base=api_base, api_type=api_type, api_version=api_version, organization=organization
        )
        return [each for each in listed.get("data", []) if _matches(each, name, bytes, purpose)]

    @classmethod
    async def afind_matching_files(
        cls,
        name: Any,
        bytes: Any,
        purpose: Any,
        api_key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
    ) -> list[Any]:
        """The same without blocking the loop."""
        listed = await cls.alist(
            api_key=api_key, api_base=api_base, api_type=api_type, api_version=api_version, organization=organization
        )
        return [each for each in listed.get("data", []) if _matches(each, name, bytes, purpose)]

    @classmethod
    def wait_for_processing(cls, id: Any, max_wait_seconds: Any = 30 * 60) -> Any:
        """Wait until one is processed, and return its status.

        Raises:
            OpenAIError: it took longer than `max_wait_seconds`.
        """
        start = time.time()
        file = cls.retrieve(id=id)
        while file.status not in _ENDED:
            file = cls.retrieve(id=id)
            time.sleep(_LOOK_AGAIN)
            if time.time() - start > max_wait_seconds:
                raise error.OpenAIError(
                    message=f"Giving up on waiting for file {id} to finish processing after {max_wait_seconds} seconds."
                )
        return file.status

    @classmethod
    def _place(cls, account: Account, *, tail: str = "") -> tuple[Any, str, Any]:
        requestor = account.requestor()
        version = cls._get_api_type_and_version(account.api_type, account.api_version)[1]
        return requestor, cls.url_of_class(account.api_type, account.api_version, tail=tail), version


def _form(file: Any, purpose: Any, *, model: Any, name: Any) -> list[Any]:
    fields = [form_field("purpose", purpose)]
    if model is not None:
        fields.append(form_field("model", model))
    return [*fields, form_file("file", file, name="file" if name is None else name)]


def _check_downloaded(requestor: Any, content: bytes, status: int, headers: Any) -> None:
    if not 200 <= status < 300:
        raise requestor.handle_error_response(content, status, json.loads(content), headers, stream_error=False)


def _matches(file: Any, name: Any, size: Any, purpose: Any) -> bool:
    sizes = [int(file[field]) for field in ("bytes", "size") if field in file]
    same_name = os.path.basename(file["filename"]) == os.path.basename(name)  # noqa: PTH119 - names of a server, not paths here
    return bool(file["purpose"] == purpose and same_name and all(each == size for each in sizes))
