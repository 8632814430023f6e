"""Words of a person, as every store and file can keep them: no terminal's oddity is to stop an emergency stop.

Not who says it (`operator`), nor how it is shown (`shim.cli`).
"""

from __future__ import annotations

from shim.migration.store.protocol import MOST_NAME

__all__ = ["kept_name", "kept_words"]

# A reason is a sentence or a page; more is a file that was passed by mistake.
_MOST_CHARACTERS = 10_000


def kept_words(text: str) -> str:
    """A reason: bytes that the terminal's encoding has not become question marks, a NUL goes, and what is too long is cut."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:_MOST_CHARACTERS]


def kept_name(name: str) -> str:
    """Who says it, likewise; "unknown" where nothing is left."""
    return kept_words(name)[:MOST_NAME] or "unknown"
