"""`EngineAPIResource`: what a model, engine or deployment makes: completions of both kinds, embeddings, edits.

Not each of them, which adds little. Names and signatures as in openai 0.28.1. Old code subclasses this with a `class_url` of its
own, and patches `util.convert_to_openai_object` through this module.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import quote_plus

from msgspec import Struct

from shim.compat.openai_v0 import api_requestor, error, util
from shim.compat.openai_v0.api_resources.abstract.api_resource import APIResource
from shim.compat.openai_v0.namespace import setting
from shim.compat.openai_v0.openai_response import OpenAIResponse
from shim.compat.openai_v0.util import is_azure

MAX_TIMEOUT = 20
"""Seconds the server is asked to wait for an answer at a time, where a `timeout` reaches it at all."""


class _Asked(Struct):
    """A call of `create`, taken apart: what goes into the body, and what says how it goes out."""

    params: dict[str, Any]
    headers: Any
    request_timeout: Any
    engine: Any
    stream: Any
    wait: Any


class EngineAPIResource(APIResource):
    """What is made by a model; nothing but `create` and `acreate` is used of it today."""

    plain_old_data = False

    def __init__(self, engine: Any = None, **kwargs: Any) -> None:
        super().__init__(engine=engine, **kwargs)

    @classmethod
    def class_url(cls, engine: Any = None, api_type: Any = None, api_version: Any = None) -> str:
        """The path: of the model API, of an engine, or of a deployment on Azure.

        Raises:
            InvalidRequestError: Azure, and the version or the deployment is missing.
        """
        path = cls.OBJECT_NAME.replace(".", "/")
        typed, version = cls._get_api_type_and_version(api_type, api_version)
        if not is_azure(typed):
            return f"/{path}" if engine is None else f"/engines/{quote_plus(engine)}/{path}"
        _check_azure_version(version)
        if engine is None:
            raise error.InvalidRequestError(
                "You must provide the deployment name in the 'engine' parameter to access the Azure OpenAI service",
                "engine",
            )
        place = f"{cls.azure_deployments_prefix}/{quote_plus(engine)}/{path}"
        return f"/{cls.azure_api_prefix}/{place}?api-version={version}"

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
        """Ask; the answer as an object, or a generator of chunks."""
        asked = cls._taken_apart(params, api_type)
        requestor = api_requestor.APIRequestor(
            api_key, api_base=api_base, api_type=api_type, api_version=api_version, organization=organization
        )
        response, _, key = requestor.request(
            "post",
            cls.class_url(asked.engine, api_type, api_version),
            params=asked.params,
            headers=asked.headers,
            stream=asked.stream,
            request_id=request_id,
            request_timeout=asked.request_timeout,
        )
        if asked.stream:
            _check_is_stream(response)
            return (cls._converted_part(each, key, api_version, organization, asked.engine) for each in response)
        made = cls._converted_part(response, key, api_version, organization, asked.engine)
        if asked.wait is not None:
            made.wait(timeout=asked.wait or None)
        return made

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
        """The same without blocking the loop; chunks come from an async generator."""
        asked = cls._taken_apart(params, api_type)
        requestor = api_requestor.APIRequestor(
            api_key, api_base=api_base, api_type=api_type, api_version=api_version, organization=organization
        )
        response, _, key = await requestor.arequest(
            "post",
            cls.class_url(asked.engine, api_type, api_version),
            params=asked.params,
            headers=asked.headers,
            stream=asked.stream,
            request_id=request_id,
            request_timeout=asked.request_timeout,
        )
        if asked.stream:
            _check_is_stream(response)
            return (cls._converted_part(each, key, api_version, organization, asked.engine) async for each in response)
        made = cls._converted_part(response, key, api_version, organization, asked.engine)
        if asked.wait is not None:
            await made.await_(timeout=asked.wait or None)
        return made

    def instance_url(self) -> str:  # type: ignore[override]  # as in 0.28
        """The path of this object."""
        name = quote_plus(self._checked_id(wanted="str."))
        if is_azure(self.typed_api_type):
            version = self.api_version or setting("api_version")
            _check_azure_version(version)
            path = self.OBJECT_NAME.replace(".", "/")
            place = f"{self.azure_deployments_prefix}/{self.engine}/{path}/{name}"
            url = f"/{self.azure_api_prefix}/{place}?api-version={version}"
        else:
            url = f"{self.class_url(self.engine, self.api_type, self.api_version)}/{name}"
        timeout = self.get("timeout")
        if timeout is None:
            return url
        return f"{url}{'&' if '?' in url else '?'}timeout={quote_plus(str(timeout))}"

    def wait(self, timeout: Any = None) -> Any:
        """Fetch it again until its `status` is "complete", or for so many seconds."""
        for _ in self._turns(timeout):
            self.refresh()
        return self

    async def await_(self, timeout: Any = None) -> Any:
        """The same without blocking the loop."""
        for _ in self._turns(timeout):
            await self.arefresh()
        return self

    def _turns(self, timeout: Any) -> Iterator[None]:
        start = time.time()
        while self.status != "complete":
            left = MAX_TIMEOUT if timeout is None else min(timeout + start - time.time(), MAX_TIMEOUT)
            if left < 0:
                self.pop("timeout", None)
                return
            self.timeout = left
            yield

    @classmethod
    def _taken_apart(cls, params: dict[str, Any], api_type: Any) -> _Asked:
        deployment = params.pop("deployment_id", None)
        engine = params.pop("engine", deployment)
        typed = cls._get_api_type_and_version(api_type=api_type)[0]
        name = "deployment_id" if is_azure(typed) else "model"
        named = deployment if is_azure(typed) else params.get("model")
        wait = _wait_of(params)
        if named is None and engine is None:
            raise error.InvalidRequestError(
                f"Must provide an 'engine' or '{name}' parameter to create a {cls}", "engine"
            )
        return _Asked(
            params=params,
            headers=params.pop("headers", None),
            request_timeout=params.pop("request_timeout", None),
            engine=engine,
            stream=params.get("stream", False),
            wait=wait,
        )

    @classmethod
    def _converted_part(cls, part: Any, key: Any, api_version: Any, organization: Any, engine: Any) -> Any:
        return util.convert_to_openai_object(
            part, key, api_version, organization, engine=engine, plain_old_data=cls.plain_old_data
        )


def until_ready(ask: Callable[[], Any], timeout: Any) -> Any:
    """Ask, and ask again after a `TryAgain` (409) for `timeout` seconds, at once and without a pause; None is for ever."""
    start = time.time()
    while True:
        try:
            return ask()
        except error.TryAgain as refused:  # noqa: PERF203 - each turn is a request
            _check_patience(refused, start, timeout=timeout)


async def until_ready_async(ask: Callable[[], Awaitable[Any]], timeout: Any) -> Any:
    """The same with what is awaited."""
    start = time.time()
    while True:
        try:
            return await ask()
        except error.TryAgain as refused:  # noqa: PERF203 - each turn is a request
            _check_patience(refused, start, timeout=timeout)


def _check_patience(refused: error.TryAgain, start: float, *, timeout: Any) -> None:
    if timeout is not None and time.time() > start + timeout:
        raise refused
    util.log_info("Waiting for model to warm up", error=refused)


def _wait_of(params: dict[str, Any]) -> Any:
    """Take out the `timeout` that reaches here (of subclasses of old code's own): part of it goes to the server."""
    timeout = params.pop("timeout", None)
    if timeout is None or timeout < 0:
        return timeout
    params["timeout"] = min(timeout, MAX_TIMEOUT) if timeout else MAX_TIMEOUT
    return ((timeout - params["timeout"]) or None) if timeout else timeout


def _check_azure_version(version: Any) -> None:
    if not version:
        raise error.InvalidRequestError("An API version is required for the Azure API type.", "api_version")


def _check_is_stream(response: Any) -> None:
    if isinstance(response, OpenAIResponse):
        raise AssertionError  # noqa: TRY004 - a body of JSON in the place of a stream is a bare AssertionError in 0.28
