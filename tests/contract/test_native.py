"""The provider contract over the native provider, libcurl and a real server."""

from shim.native import NativeProvider
from shim.provider import Provider
from tests.contract.served import ServedContract, misbehaving, plain_server, refusing_url

__all__ = ["misbehaving", "plain_server", "refusing_url"]  # the fixtures the contract's tests ask for


class TestNativeProvider(ServedContract):
    """What the contract promises of every provider."""

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return NativeProvider(api_key="sk-test", base_url=base_url)
