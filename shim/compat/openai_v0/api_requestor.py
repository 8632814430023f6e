"""`APIRequestor`: one request from its parts to its answer, for every endpoint. What openai 0.28.1 has under this name.

Not the endpoints (`api_resources`), not the wire (`transport`). The constants and the methods stand here because old code sets
and wraps them; each is read, and called, under its own name at each request.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import requests

from shim.compat.openai_v0 import error, sessions, util
from shim.compat.openai_v0.interpretation import payload_of, refusal_of, response_of, without_key
from shim.compat.openai_v0.namespace import setting
from shim.compat.openai_v0.openai_response import OpenAIResponse
from shim.compat.openai_v0.request_parts import (
    app_info_text,
    checked_headers,
    client_headers,
    json_body,
    with_params,
    with_query,
)
from shim.compat.openai_v0.seams import GuardedModule
from shim.compat.openai_v0.stream_faults import guarded
from shim.compat.openai_v0.transport import asynchronous, blocking
from shim.compat.openai_v0.transport.outgoing import Outgoing
from shim.compat.openai_v0.util import ApiType

TIMEOUT_SECS = 600
"""Seconds for a call that says no `request_timeout`."""
MAX_SESSION_LIFETIME_SECS = 180
"""Seconds after which a thread's next call makes a new session."""
MAX_CONNECTION_RETRIES = 2
"""How often a connect to an https:// address is tried again, in sessions made from then on."""

_thread_context = threading.local()  # `session` and `session_create_time` of each thread
_build_api_url = with_query
_requests_proxies_arg = sessions.proxies_of


def _make_session() -> requests.Session:
    """Make the session of a thread; old code replaces this."""
    return sessions.make()


parse_stream_helper = payload_of


def parse_stream(rbody: Iterable[bytes]) -> Iterator[str]:
    """The payloads among the lines of an event stream."""
    for line in rbody:
        payload = parse_stream_helper(line)
        if payload is not None:
            yield payload


class APIRequestor:
    """Sends requests with one key, base, type, version and organization: those given, else the module's, read now."""

    def __init__(
        self,
        key: Any = None,
        api_base: Any = None,
        api_type: Any = None,
        api_version: Any = None,
        organization: Any = None,
    ) -> None:
        self.api_base = api_base or setting("api_base")
        self.api_key = key or util.default_api_key()
        self.api_type = ApiType.from_str(api_type or setting("api_type"))
        self.api_version = api_version or setting("api_version")
        self.organization = organization or setting("organization")

    @classmethod
    def format_app_info(cls, info: Any) -> str:
        """`openai.app_info` as a product of the User-Agent."""
        return app_info_text(info)

    def request(
        self,
        method: str,
        url: str,
        params: Any = None,
        headers: Any = None,
        files: Any = None,
        stream: bool = False,
        request_id: Any = None,
        request_timeout: Any = None,
    ) -> tuple[Any, bool, Any]:
        """Send a request; the answer, or an iterator of its parts; whether it is one; the key that was used.

        Raises:
            OpenAIError: of the class that the status, or what went wrong before it, calls for.
        """
        result = self.request_raw(
            method.lower(),
            url,
            params=params,
            supplied_headers=headers,
            files=files,
            stream=stream,
            request_id=request_id,
            request_timeout=request_timeout,
        )
        response, streamed = self._interpret_response(result, stream)
        return response, streamed, self.api_key

    async def arequest(
        self,
        method: str,
        url: str,
        params: Any = None,
        headers: Any = None,
        files: Any = None,
        stream: bool = False,
        request_id: Any = None,
        request_timeout: Any = None,
    ) -> tuple[Any, bool, Any]:
        """The same without blocking the loop; parts come as an async generator. Leaving that ends the request."""
        # 0.28's `arequest_raw` takes no `stream`, and old code wraps it: said only where `params` do not say it themselves.
        said = {} if bool(stream) is _asks_for_stream(params) else {"stream": bool(stream)}
        result = await self.arequest_raw(
            method.lower(),
            url,
            None,
            params=params,
            supplied_headers=headers,
            files=files,
            request_id=request_id,
            request_timeout=request_timeout,
            **said,
        )
        streamed = False
        try:
            response, streamed = await self._interpret_async_response(result, stream)
        finally:
            if not streamed:
                result.release()
        return _releasing(response, result) if streamed else response, streamed, self.api_key

    def handle_error_response(
        self, rbody: Any, rcode: int, resp: Any, rheaders: Any, stream_error: bool = False
    ) -> error.OpenAIError:
        """The error that a body stands for, to be raised."""
        return refusal_of(rbody, rcode, data=resp, headers=rheaders, stream_error=stream_error)

    def request_headers(self, method: str, extra: Any, request_id: Any) -> dict[str, str]:
        """All headers of a request; `extra` wins."""
        del method
        headers = client_headers(setting("app_info"))
        headers.update(util.api_key_to_header(self.api_type, self.api_key))
        if self.organization:
            headers["OpenAI-Organization"] = self.organization
        if self.api_version is not None and self.api_type is ApiType.OPEN_AI:
            headers["OpenAI-Version"] = self.api_version
        if request_id is not None:
            headers["X-Request-Id"] = request_id
        if setting("debug"):
            headers["OpenAI-Debug"] = "true"
        headers.update(extra)
        return headers

    def request_raw(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        supplied_headers: Any = None,
        files: Any = None,
        stream: bool = False,
        request_id: Any = None,
        request_timeout: Any = None,
    ) -> Any:
        """Send a request; its answer uninterpreted: `status_code`, `headers`, `content`, `iter_lines()`."""
        url, headers, data = self._prepare_request_raw(url, supplied_headers, method, params, files, request_id)
        result = blocking.send(
            Outgoing(
                method=method,
                url=url,
                headers=headers,
                data=data,
                files=files,
                stream=bool(stream),
                timeout=request_timeout or TIMEOUT_SECS,
            )
        )
        util.log_debug("OpenAI API response", **_told_of_answer(url, result.status_code, result.headers))
        if setting("log") == "debug":  # reads a stream to its end, as ever
            util.log_debug("API response body", body=result.content, headers=result.headers)
        return result

    async def arequest_raw(
        self,
        method: str,
        url: str,
        session: Any,
        *,
        params: Any = None,
        supplied_headers: Any = None,
        files: Any = None,
        request_id: Any = None,
        request_timeout: Any = None,
        stream: bool | None = None,
    ) -> Any:
        """The same; `session` is None, since no session of aiohttp is used. `stream` left out is what `params` ask for."""
        if session is not None:
            raise TypeError("arequest_raw sends without aiohttp; give None for the session")
        url, headers, data = self._prepare_request_raw(url, supplied_headers, method, params, files, request_id)
        result = await asynchronous.send(
            Outgoing(
                method=method,
                url=url,
                headers=headers,
                data=data,
                files=files,
                stream=_asks_for_stream(params) if stream is None else stream,
                timeout=request_timeout or TIMEOUT_SECS,
            )
        )
        util.log_info("OpenAI API response", **_told_of_answer(url, result.status, result.headers))
        return result

    def _validate_headers(self, supplied_headers: Any) -> dict[str, str]:
        return checked_headers(supplied_headers)

    def _prepare_request_raw(
        self, url: str, supplied_headers: Any, method: str, params: Any, files: Any, request_id: Any
    ) -> tuple[str, dict[str, str], Any]:
        """The whole address, all headers, the body; reads every setting that a request depends on."""
        url = f"{self.api_base}{url}"
        headers = self._validate_headers(supplied_headers)
        data: Any = None
        if method in ("get", "delete"):
            url = with_params(url, params)
        elif method not in ("post", "put"):
            raise error.APIConnectionError(
                f"Unrecognized HTTP method {method!r}. This may indicate a bug in the OpenAI bindings. "
                "Please contact us through our help center at help.openai.com for assistance."
            )
        elif params and files:
            data = params
        elif params:
            data = json_body(params)
            headers["Content-Type"] = "application/json"
        headers = self.request_headers(method, headers, request_id)
        util.log_debug("Request to OpenAI API", method=method, path=url)
        util.log_debug("Post details", data=data, api_version=self.api_version)
        return url, headers, data

    def _interpret_response(self, result: Any, stream: bool) -> tuple[Any, bool]:
        headers, status = result.headers, result.status_code
        if stream and "text/event-stream" in headers.get("Content-Type", ""):
            lines = parse_stream(guarded(result.iter_lines()))
            return (self._interpret_response_line(each, status, headers, stream=True) for each in lines), True
        body = result.content.decode("utf-8")
        return self._interpret_response_line(body, status, headers, stream=False), False

    async def _interpret_async_response(self, result: Any, stream: bool) -> tuple[Any, bool]:
        headers, status = result.headers, result.status
        if stream and "text/event-stream" in headers.get("Content-Type", ""):
            payloads = (parse_stream_helper(line) async for line in result.lines())
            return (
                self._interpret_response_line(each, status, headers, stream=True)
                async for each in payloads
                if each is not None
            ), True
        try:
            body = (await result.read()).decode("utf-8")
        except asyncio.TimeoutError as late:
            raise error.Timeout("Request timed out") from late
        return self._interpret_response_line(body, status, headers, stream=False), False

    def _interpret_response_line(self, rbody: str, rcode: int, rheaders: Any, stream: bool) -> OpenAIResponse:
        body = rbody if 200 <= rcode < 300 else without_key(rbody, self.api_key)
        return response_of(body, rcode, headers=rheaders, refuse=self.handle_error_response, stream=stream)

    def _check_polling_response(self, response: OpenAIResponse, predicate: Callable[[OpenAIResponse], Any]) -> None:
        if predicate(response):
            told = response.data["error"]
            raise error.OpenAIError(message=told.get("message", "Operation failed"), code=told.get("code"))

    def _poll(
        self,
        method: str,
        url: str,
        until: Callable[[OpenAIResponse], Any],
        failed: Callable[[OpenAIResponse], Any],
        params: Any = None,
        headers: Any = None,
        interval: Any = None,
        delay: Any = None,
    ) -> tuple[Any, bool, Any]:
        """Ask again and again until the job is done; its result.

        Raises:
            Timeout: it took longer than `TIMEOUT_SECS`.
        """
        if delay:
            time.sleep(delay)
        start = time.time()
        while True:
            response, streamed, key = self.request(method, url, params, headers)
            self._check_polling_response(response, failed)
            if until(response):
                response.data = response.data["result"]
                return response, streamed, key
            _check_polling_time(start)
            time.sleep(interval or response.retry_after or 10)

    async def _apoll(
        self,
        method: str,
        url: str,
        until: Callable[[OpenAIResponse], Any],
        failed: Callable[[OpenAIResponse], Any],
        params: Any = None,
        headers: Any = None,
        interval: Any = None,
        delay: Any = None,
    ) -> tuple[Any, bool, Any]:
        """The same without blocking the loop."""
        if delay:
            await asyncio.sleep(delay)
        start = time.time()
        while True:
            response, streamed, key = await self.arequest(method, url, params, headers)
            self._check_polling_response(response, failed)
            if until(response):
                response.data = response.data["result"]
                return response, streamed, key
            _check_polling_time(start)
            await asyncio.sleep(interval or response.retry_after or 10)


def _check_polling_time(start: float) -> None:
    if time.time() - start > TIMEOUT_SECS:
        raise error.Timeout("Operation polling timed out.")


def _told_of_answer(url: str, status: int, headers: Any) -> dict[str, Any]:
    return {
        "path": url,
        "response_code": status,
        "processing_ms": headers.get("OpenAI-Processing-Ms"),
        "request_id": headers.get("X-Request-Id"),
    }


def _asks_for_stream(params: Any) -> bool:
    return isinstance(params, dict) and bool(params.get("stream"))


async def _releasing(parts: Any, result: Any) -> AsyncIterator[Any]:
    try:
        async for part in parts:
            yield part
    finally:
        result.release()


sys.modules[__name__].__class__ = GuardedModule
