"""Whether a library is there, without importing it.

Not the libraries (`numpy_helper`, `pandas_helper`).
"""

from __future__ import annotations

import importlib.util


def is_available(library: str) -> bool:
    """Whether it could be imported; one that was barred from being imported (None in `sys.modules`) could not."""
    try:
        return importlib.util.find_spec(library) is not None
    except ValueError:
        return False
