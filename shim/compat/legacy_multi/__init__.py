"""The legacy client's own face over any provider, so that call sites that cannot change follow the rollout too.

Not the other direction, the legacy client as a provider (`shim.legacy_adapter`). Config, messages, completions and errors are
the legacy client's own and stand here under their names: `from shim.compat import legacy_multi as legacy_openai` gives a module
all that it had, but for `MultiClient`, which needs a provider: `over` binds it, and `chat_create`, to a maker of them.
"""

from legacy_openai import (
    DEFAULT_BASE_URL,
    OMIT,
    ClosedClientError,
    CompletionType,
    Config,
    Conversation,
    EmptyConversationError,
    HttpCompletion,
    InvalidApiKeyError,
    InvalidConfigError,
    LegacyOpenAIError,
    Message,
    MissingApiKeyError,
    ResponseTooLargeError,
    UnserializableBodyError,
)
from shim.compat.legacy_multi.client import MultiClient
from shim.compat.legacy_multi.face import BoundClient, LegacyFace, LegacyInstallation, install, over

__all__ = [
    "DEFAULT_BASE_URL",
    "OMIT",
    "BoundClient",
    "ClosedClientError",
    "CompletionType",
    "Config",
    "Conversation",
    "EmptyConversationError",
    "HttpCompletion",
    "InvalidApiKeyError",
    "InvalidConfigError",
    "LegacyFace",
    "LegacyInstallation",
    "LegacyOpenAIError",
    "Message",
    "MissingApiKeyError",
    "MultiClient",
    "ResponseTooLargeError",
    "UnserializableBodyError",
    "install",
    "over",
]
