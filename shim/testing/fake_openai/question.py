"""A request on its way to the endpoint that answers it: its body read, and what its path named beside the endpoint.

Not which endpoint that is (`api`) nor what a body may hold (each endpoint says so).
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from shim.testing.fake_openai.address import EndpointAddress
from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.ledger import RecordedRequest
from shim.testing.fake_openai.multipart import MultipartForm, form_of


@dataclass(frozen=True)
class Stamp:
    """What makes an answer unique: its number on this server, and when it was made (Unix seconds)."""

    number: int
    created: int


@dataclass(frozen=True)
class Question:
    """A request and what the server knows of it.

    `identifier` is what stood in the path where the endpoint has `{id}`. `model` is that of the engine or deployment in
    the path. `as_json`: whether a stream that it asks for is to be answered with one JSON body.
    """

    request: RecordedRequest
    address: EndpointAddress
    stamp: Stamp
    identifier: str = ""
    model: str | None = None
    as_json: bool = False

    @property
    def azure(self) -> bool:
        """Whether it came by one of Azure's paths."""
        return self.address.azure

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query, without Azure's `api-version`."""
        pairs = dict(parse_qsl(self.request.query, keep_blank_values=True))
        pairs.pop("api-version", None)
        return pairs

    def body(self) -> dict[str, Any]:
        """The JSON object it carries, its `model` that of the path where there is one; ApiError 400 for anything else."""
        return self._with_model(_parsed(self.request.body))

    def form(self) -> MultipartForm:
        """The multipart form it carries, its `model` that of the path where there is one; ApiError 400 for anything else."""
        form = form_of(self.request.headers.get("content-type", ""), self.request.body)
        return MultipartForm(self._with_model(form.fields), form.files)

    def _with_model(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self.model is None:
            return fields
        if self.address.engine is not None and fields.get("model") is not None:
            raise ApiError(400, "Cannot specify both model and engine")
        return {**fields, "model": self.model}


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = "We could not parse the JSON body of your request: the API expects one JSON object, sent as UTF-8."
        raise ApiError(400, message) from None
    if not isinstance(value, dict):
        kind = "an array" if isinstance(value, list) else "a scalar"
        message = f"Invalid type for the request body: expected an object, but got {kind} instead."
        raise ApiError(400, message, code="invalid_type")
    return value
