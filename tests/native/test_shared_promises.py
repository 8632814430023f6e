"""Tests of what every provider promises about callbacks, phases, leaks and keys, over the native provider.

The promises and their tests are the legacy adapter's; the fixtures of this folder make them the native provider's.
"""

__all__ = [name for name in dir() if name.startswith("test_")]
