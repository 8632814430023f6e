"""What the native provider sends for a request: the API chosen, the body written, the headers made.

Not the sending (`http_multi`), not the bodies (`shim.wire`), and no choice of API (`shim.wire.api_selection`). No sockets: the
comparison asks it what would be sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

from msgspec import UNSET
from msgspec.structs import replace

from shim.call_options import CallOptions
from shim.calls import NO_OPTIONS, Codec, deadlines_of, endpoint_of
from shim.endpoint import PATHS, Endpoint
from shim.model import InvalidRequestError, ModelRequest, check_request
from shim.model.checks import kind_of
from shim.native.http_request import HeaderLines, header_lines
from shim.native.transfer import HttpRequest
from shim.transfer_observer import SentRequest
from shim.wire import chat, responses
from shim.wire.api_selection import ApiChoice, select_api
from shim.wire.model_names import refuses_temperature
from shim.wire.responses.stateless import without_state

_CODECS: dict[str, Any] = {"chat_completions": chat, "responses": responses}
_NO_KEY = "a-key-stands-here"  # of a request that is only compared, where the scheme alone counts


class RequestWriter:
    """Writes requests with the settings of one provider; `NativeProvider` says what each is. `endpoint` is where they go.

    Raises:
        InvalidRequestError: a setting cannot be used; the message names it.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        api: ApiChoice = "auto",
        default_temperature: float | None = None,
    ) -> None:
        _check_choice(api)
        _check_temperature(default_temperature)
        self._api = api
        self._default_temperature = default_temperature
        self.endpoint = endpoint_of(endpoint, base_url=base_url, organization=organization, project=project)
        self._lines = HeaderLines()
        self._addresses = {each: self.endpoint.url(each) for each in PATHS}

    def write(
        self, request: ModelRequest, *, api_key: str, stream: bool, options: CallOptions = NO_OPTIONS
    ) -> tuple[Codec, HttpRequest]:
        """Choose the API and write the request; with it comes the codec that reads the answer.

        Raises:
            InvalidRequestError, UnsupportedFeatureError: it cannot be sent; the message names the field.
        """
        look = check_request(request)
        if self._default_temperature is not None:
            request = self._with_default_temperature(request)
            look = look.with_fields()
        api = select_api(request, api=self._api, look=look).api
        endpoint = options.endpoint or self.endpoint
        url = self._addresses[api] if endpoint is self.endpoint else endpoint.url(api)
        lines: Sequence[str]
        if request.extra_headers or options.idempotency_key is not None:
            lines = header_lines(
                endpoint,
                api_key,
                url=url,
                stream=stream,
                extra=request.extra_headers,
                idempotency_key=options.idempotency_key,
            )
        else:
            lines = self._lines.of(endpoint, api_key, stream=stream)
        codec = _CODECS[api]
        if self._api == "auto" and api == "responses":
            request = without_state(request)
            look = look.with_fields()
        if endpoint.deployment is not None:  # the address names the model; the Responses API has no such address
            request = replace(request, model=UNSET if api == "chat_completions" else endpoint.deployment)
        body = codec.serialize(request, stream=stream, look=look)
        limits = deadlines_of(options)
        return codec, HttpRequest(
            url=url, headers=lines, body=body, connect_timeout=limits.connect, read_timeout=limits.read
        )

    def sent_request(self, request: ModelRequest, *, stream: bool, options: CallOptions = NO_OPTIONS) -> SentRequest:
        """Say what would be sent for a request, with a placeholder for the key."""
        return self.write(request, api_key=_NO_KEY, stream=stream, options=options)[1].as_sent()

    def _with_default_temperature(self, request: ModelRequest) -> ModelRequest:
        said = request.temperature is not UNSET or "temperature" in request.extra_body
        if said or refuses_temperature(request.extra_body.get("model", request.model)):
            return request
        return replace(request, temperature=self._default_temperature)


def _check_choice(api: object) -> None:
    words = get_args(ApiChoice)
    if api not in words:
        shown = repr(api) if isinstance(api, str) else kind_of(api)
        raise InvalidRequestError(f"api is {shown}; give one of {', '.join(words)}", field="api")


def _check_temperature(value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not (number or value is None):
        remedy = "give a finite number, or None to send none"
        raise InvalidRequestError(f"default_temperature is {kind_of(value)}; {remedy}", field="default_temperature")
