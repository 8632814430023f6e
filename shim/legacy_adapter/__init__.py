"""The legacy client wearing the Provider interface.

Not the client itself (`legacy_openai`, untouched) and no protocol knowledge (`shim.wire`): requests become legacy config,
callbacks are wrapped, responses are transformed.
"""

from shim.legacy_adapter.provider import LegacyProvider

__all__ = ["LegacyProvider"]
