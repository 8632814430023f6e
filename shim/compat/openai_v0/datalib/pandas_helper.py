"""`pandas`, or None where it is not there; it is imported when it is first asked for.

Names as in openai 0.28.1, which imported it at once.
"""

from __future__ import annotations

import importlib
from typing import Any

from shim.compat.openai_v0.datalib.available import is_available
from shim.compat.openai_v0.datalib.common import INSTRUCTIONS, MissingDependencyError

HAS_PANDAS = is_available("pandas")
PANDAS_INSTRUCTIONS = INSTRUCTIONS.format(library="pandas")


def assert_has_pandas() -> None:
    """Raise MissingDependencyError where it is not there."""
    if not HAS_PANDAS:
        raise MissingDependencyError(PANDAS_INSTRUCTIONS)


def __getattr__(name: str) -> Any:
    if name != "pandas":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(name) if HAS_PANDAS else None
