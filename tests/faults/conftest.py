"""The fixtures of this folder: a server on loopback, and the legacy adapter pointed at it."""

from tests.legacy_adapter.driving import provider, server

__all__ = ["provider", "server"]
