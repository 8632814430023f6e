"""Making providers: the legacy adapter and the native provider, asked for in the same words.

Not the factory (`shim.factory`): a test that is to hold over both takes the fixture `make`, which its folder's conftest gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from shim.legacy_adapter import LegacyProvider
from shim.native import NativeProvider

if TYPE_CHECKING:
    from shim.provider import Provider

AnyProvider: TypeAlias = LegacyProvider | NativeProvider
KEY = "sk-test-key"


class Make(Protocol):
    """Makes a provider of one kind."""

    kind: str

    def __call__(self, base_url: str, **settings: Any) -> AnyProvider:
        """Make one with a key; `at_a_time`: how many requests run while more wait."""
        ...


class MakeLegacy:
    """Makes the legacy adapter."""

    kind = "legacy"

    def __call__(self, base_url: str, **settings: Any) -> LegacyProvider:
        return LegacyProvider(**_settings(base_url, settings, limit="max_concurrency"))


class MakeNative:
    """Makes the native provider."""

    kind = "native"

    def __call__(self, base_url: str, **settings: Any) -> NativeProvider:
        return NativeProvider(**_settings(base_url, settings, limit="max_connections"))


def _settings(base_url: str, settings: dict[str, Any], *, limit: str) -> dict[str, Any]:
    settings = {"api_key": KEY, "base_url": base_url, **settings}
    if "at_a_time" in settings:
        settings[limit] = settings.pop("at_a_time")
    return settings


def cancel_all(provider: Provider) -> None:
    """Cancel every request."""
    provider.cancel()


def close(provider: Provider) -> None:
    """Close the provider."""
    provider.close()


WAYS_TO_END = (cancel_all, close)
