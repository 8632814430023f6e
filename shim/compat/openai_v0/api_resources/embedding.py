"""`Embedding`: embeddings of texts.

Not the request itself (`abstract.engine_api_resource`). Names and signatures as in openai 0.28.1: unless told otherwise it asks
for base64, which is a quarter of the bytes, and decodes that with numpy.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

from shim.compat.openai_v0.api_resources.abstract.engine_api_resource import (
    EngineAPIResource,
    until_ready,
    until_ready_async,
)
from shim.compat.openai_v0.datalib import numpy_helper


class Embedding(EngineAPIResource):
    """Embeddings."""

    OBJECT_NAME = "embeddings"

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> Any:
        """Ask; `data[i]["embedding"]` is a list of floats, or what `encoding_format` asked for."""
        timeout = kwargs.pop("timeout", None)
        decode = _wants_decoding(kwargs)
        ask = super().create
        response = until_ready(partial(ask, *args, **kwargs), timeout)
        return _decoded(response) if decode else response

    @classmethod
    async def acreate(cls, *args: Any, **kwargs: Any) -> Any:
        """The same without blocking the loop."""
        timeout = kwargs.pop("timeout", None)
        decode = _wants_decoding(kwargs)
        ask = super().acreate
        response = await until_ready_async(partial(ask, *args, **kwargs), timeout)
        return _decoded(response) if decode else response


def _wants_decoding(kwargs: dict[str, Any]) -> bool:
    if kwargs.get("encoding_format"):
        return False
    kwargs["encoding_format"] = "base64"
    return True


def _decoded(response: Any) -> Any:
    """Embeddings that came as base64 as lists; a server that does not know base64 sends lists itself.

    Raises:
        MissingDependencyError: numpy is not there.
    """
    for each in response.data:
        if isinstance(each["embedding"], str):
            numpy_helper.assert_has_numpy()
            numbers = numpy_helper.numpy.frombuffer(base64.b64decode(each["embedding"]), dtype="float32")
            each["embedding"] = numbers.tolist()
    return response
