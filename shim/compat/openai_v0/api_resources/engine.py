"""`Engine`: engines, which models were called before.

Names and signatures as in openai 0.28.1.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from shim.compat.openai_v0.api_resources.abstract import ListableAPIResource, UpdateableAPIResource
from shim.compat.openai_v0.api_resources.abstract.engine_api_resource import until_ready, until_ready_async


class Engine(ListableAPIResource, UpdateableAPIResource):
    """Engines."""

    OBJECT_NAME = "engines"

    def generate(self, timeout: Any = None, **params: Any) -> Any:
        """Ask this engine; the answer is plain JSON, not objects."""
        url, stream = self.instance_url() + "/generate", params.get("stream")
        return until_ready(partial(self.request, "post", url, params, stream=stream, plain_old_data=True), timeout)

    async def agenerate(self, timeout: Any = None, **params: Any) -> Any:
        """The same without blocking the loop."""
        url, stream = self.instance_url() + "/generate", params.get("stream")
        ask = partial(self.arequest, "post", url, params, stream=stream, plain_old_data=True)
        return await until_ready_async(ask, timeout)

    def embeddings(self, **params: Any) -> Any:
        """Embeddings of this engine; `Embedding.create` has taken its place."""
        warnings.warn("Engine.embeddings is deprecated, use Embedding.create", DeprecationWarning, stacklevel=2)
        return self.request("post", self.instance_url() + "/embeddings", params)
