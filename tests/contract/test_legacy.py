"""The provider contract over the legacy adapter, the legacy client and a real server."""

from shim.legacy_adapter import LegacyProvider
from shim.provider import Provider
from tests.contract.served import ServedContract, misbehaving, plain_server, refusing_url

__all__ = ["misbehaving", "plain_server", "refusing_url"]  # the fixtures the contract's tests ask for


class TestLegacyProvider(ServedContract):
    """What the contract promises of every provider."""

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return LegacyProvider(api_key="sk-test", base_url=base_url)
