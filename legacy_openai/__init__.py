"""The existing multi-request OpenAI client: Chat Completions through `requests`, driven by a select() loop.

Not the shim, which only wears it (`shim.legacy_adapter`), and not for new code (`shim.native`). Frozen: a test compares
these files with their recorded checksums.
"""

from legacy_openai.blocking import chat_create
from legacy_openai.completion import CompletionType, HttpCompletion
from legacy_openai.config import DEFAULT_BASE_URL, Config
from legacy_openai.conversation import OMIT, Conversation, Message
from legacy_openai.errors import (
    ClosedClientError,
    EmptyConversationError,
    InvalidApiKeyError,
    InvalidConfigError,
    LegacyOpenAIError,
    MissingApiKeyError,
    ResponseTooLargeError,
    UnserializableBodyError,
)
from legacy_openai.http_request import __version__
from legacy_openai.multi_client import MultiClient

__all__ = [
    "DEFAULT_BASE_URL",
    "OMIT",
    "ClosedClientError",
    "CompletionType",
    "Config",
    "Conversation",
    "EmptyConversationError",
    "HttpCompletion",
    "InvalidApiKeyError",
    "InvalidConfigError",
    "LegacyOpenAIError",
    "Message",
    "MissingApiKeyError",
    "MultiClient",
    "ResponseTooLargeError",
    "UnserializableBodyError",
    "__version__",
    "chat_create",
]
