"""Exhaustiveness: the function that closes a union for the type checker.

Not a runtime check of outside data. `typing.assert_never` comes with Python 3.11; this one serves 3.10 too.
"""

from __future__ import annotations

from typing import NoReturn


def assert_never(value: NoReturn) -> NoReturn:
    """Mark a branch no member of the union can reach; mypy reports one that can."""
    raise AssertionError(f"unreachable: {type(value).__name__}")
