"""The version that is spoken for: old code compares it, and servers see it in the User-Agent.

Not this project's own version, which is `shim.__version__`.
"""

from __future__ import annotations

VERSION = "0.28.1"

STANDS_BESIDE = ("0.27.", "0.28.")
"""How the versions of the real library begin beside which this stands: those with ChatCompletion, all of one make inside."""


def stands_beside(version: str | None) -> bool:
    """Whether this stands beside the real library of a version."""
    return version is not None and version.startswith(STANDS_BESIDE)
