"""`ChatCompletion`: chat, the call that a provider carries (`transport.choice`).

Not the request itself (`abstract.engine_api_resource`). Names and signatures as in openai 0.28.1. `timeout` is no time
limit of HTTP: it bounds how long a model that answers 409 is asked again. `request_timeout` is one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from shim.compat.openai_v0.api_resources.abstract.engine_api_resource import (
    EngineAPIResource,
    until_ready,
    until_ready_async,
)


class ChatCompletion(EngineAPIResource):
    """Chat completions."""

    engine_required = False
    OBJECT_NAME = "chat.completions"

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> Any:
        """Ask; the answer, or with `stream=True` a generator of chunks."""
        timeout = kwargs.pop("timeout", None)
        ask = super().create
        return until_ready(partial(ask, *args, **kwargs), timeout)

    @classmethod
    async def acreate(cls, *args: Any, **kwargs: Any) -> Any:
        """The same without blocking the loop; chunks come from an async generator."""
        timeout = kwargs.pop("timeout", None)
        ask = super().acreate
        return await until_ready_async(partial(ask, *args, **kwargs), timeout)
