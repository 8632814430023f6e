"""What openai 0.28.1 called experimental."""

from shim.compat.openai_v0.api_resources.experimental.completion_config import CompletionConfig

__all__ = ["CompletionConfig"]
