"""What Chat Completions cannot express, as an error that names the field and what to do instead.

Not where that shows (`request`, `messages`, `message_items`), nor what a model says when it refuses (`shim.model.RefusalPart`).
"""

from __future__ import annotations

from shim.model import UnsupportedFeatureError

API = "chat_completions"


def unsupported(field: str, remedy: str) -> UnsupportedFeatureError:
    """Name a field Chat Completions cannot express, and what to do instead."""
    return UnsupportedFeatureError(f"{field} cannot be sent on Chat Completions; {remedy}", field=field, api=API)
