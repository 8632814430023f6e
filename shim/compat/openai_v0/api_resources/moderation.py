"""`Moderation`: whether a text breaks the rules.

A shape of its own, as in openai 0.28.1: no base, type or version per call, and only two model names are let through.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from shim.compat.openai_v0.openai_object import OpenAIObject


class Moderation(OpenAIObject):
    """Moderations."""

    VALID_MODEL_NAMES: list[str] = ["text-moderation-stable", "text-moderation-latest"]  # noqa: RUF012 - old code adds to it

    @classmethod
    def get_url(cls) -> str:
        """The path."""
        return "/moderations"

    @classmethod
    def create(cls, input: Any, model: Any = None, api_key: Any = None) -> Any:
        """Ask about one text or several.

        Raises:
            ValueError: a model that is not in `VALID_MODEL_NAMES`.
        """
        asking, params = cls._prepare_create(input, model, api_key)
        return asking.request("post", cls.get_url(), params)

    @classmethod
    def acreate(cls, input: Any, model: Any = None, api_key: Any = None) -> Awaitable[Any]:
        """The same without blocking the loop."""
        asking, params = cls._prepare_create(input, model, api_key)
        told: Awaitable[Any] = asking.arequest("post", cls.get_url(), params)
        return told

    @classmethod
    def _prepare_create(cls, input: Any, model: Any, api_key: Any) -> tuple[Any, dict[str, Any]]:
        if model is not None and model not in cls.VALID_MODEL_NAMES:
            raise ValueError(
                f"The parameter model should be chosen from {cls.VALID_MODEL_NAMES} and it is default to be None."
            )
        return cls(api_key=api_key), {"input": input} if model is None else {"input": input, "model": model}
