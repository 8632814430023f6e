"""The package's own namespace, read at the moment of use: what callers have set, and what they have put in its place.

Not the settings themselves, which stand in `shim.compat.openai_v0` as openai 0.28 has them. Going through here keeps two habits
of old code working: a module attribute set after the import counts for the next call, and a class or function replaced from
outside (`patch("openai.util.convert_to_openai_object")`) is the one that is called.
"""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any

PACKAGE = "shim.compat.openai_v0"


def setting(name: str) -> Any:
    """The module attribute `name` as it is now."""
    return getattr(sys.modules[PACKAGE], name)


@functools.cache
def part(name: str) -> Any:
    """The module `name` of this package, such as `api_resources.error_object`; it is imported where it was not yet."""
    return importlib.import_module(f"{PACKAGE}.{name}")
