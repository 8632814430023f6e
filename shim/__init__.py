"""A normalized provider interface over OpenAI clients old and new: the public surface.

Not where anything is done: the vocabulary is `shim.model`, the interface `shim.provider`, most people use `shim.client`.
Importing it is cheap: neither `requests` nor `pycurl` nor `asyncio` is loaded before something that needs it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from shim.model import (
    APIConnectionError,
    APITimeoutError,
    AudioPart,
    AuthenticationError,
    BadRequestError,
    Caps,
    Choice,
    ContentFilterError,
    ErrorCategory,
    FilePart,
    FinishReason,
    ImagePart,
    InternalServerError,
    InvalidRequestError,
    ItemDelta,
    Message,
    MissingCredentialsError,
    ModelRequest,
    ModelResponse,
    NotFoundError,
    OpaquePart,
    Part,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    Reasoning,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    RequestCancelledError,
    ResponseFormat,
    ShimError,
    StreamAbortedError,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallResponsePart,
    ToolCallStart,
    ToolChoice,
    ToolDefinition,
    TruncatedError,
    UnknownProviderError,
    UnsupportedFeatureError,
    Usage,
    assistant,
    check_request,
    system,
    tool_result,
    user,
)
from shim.provider import (
    Attempt,
    CallOptions,
    Completion,
    Deadlines,
    Endpoint,
    ForkedProviderError,
    Provider,
    ProviderClosedError,
    RequestHandle,
    Timing,
)

if TYPE_CHECKING:
    from shim.client import AsyncClient, Client
    from shim.factory import create_provider
    from shim.layers import RetryBudget, RetryPolicy, Telemetry

__version__ = "0.1.0"

# Name -> module it comes from when it is first asked for (PEP 562).
_ON_DEMAND: dict[str, str] = {
    "AsyncClient": "shim.client",
    "Client": "shim.client",
    "RetryBudget": "shim.layers",
    "RetryPolicy": "shim.layers",
    "Telemetry": "shim.layers",
    "create_provider": "shim.factory",
}


def __getattr__(name: str) -> Any:
    module = _ON_DEMAND.get(name)
    if module is None:
        raise AttributeError(f"module 'shim' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})


__all__ = [
    "UNSET",
    "APIConnectionError",
    "APITimeoutError",
    "AsyncClient",
    "Attempt",
    "AudioPart",
    "AuthenticationError",
    "BadRequestError",
    "CallOptions",
    "Caps",
    "Choice",
    "Client",
    "Completion",
    "ContentFilterError",
    "Deadlines",
    "Endpoint",
    "ErrorCategory",
    "FilePart",
    "FinishReason",
    "ForkedProviderError",
    "ImagePart",
    "InternalServerError",
    "InvalidRequestError",
    "ItemDelta",
    "Message",
    "MissingCredentialsError",
    "ModelRequest",
    "ModelResponse",
    "NotFoundError",
    "OpaquePart",
    "Part",
    "PermissionDeniedError",
    "ProtocolError",
    "Provider",
    "ProviderClosedError",
    "ProviderError",
    "QuotaExceededError",
    "RateLimitError",
    "Reasoning",
    "ReasoningDelta",
    "ReasoningPart",
    "RefusalDelta",
    "RefusalPart",
    "RequestCancelledError",
    "RequestHandle",
    "ResponseFormat",
    "RetryBudget",
    "RetryPolicy",
    "ShimError",
    "StreamAbortedError",
    "StreamDone",
    "StreamError",
    "StreamEvent",
    "StreamStart",
    "Telemetry",
    "TextDelta",
    "TextPart",
    "Timing",
    "ToolCallDelta",
    "ToolCallDone",
    "ToolCallPart",
    "ToolCallResponsePart",
    "ToolCallStart",
    "ToolChoice",
    "ToolDefinition",
    "TruncatedError",
    "UnknownProviderError",
    "UnsupportedFeatureError",
    "Usage",
    "__version__",
    "assistant",
    "check_request",
    "create_provider",
    "system",
    "tool_result",
    "user",
]
