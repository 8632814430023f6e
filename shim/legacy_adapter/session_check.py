"""What the legacy client cannot honour of a caller's session, refused by name.

Not its use (`legacy_openai`). The client sets its own Authorization over `session.auth`, and reads the raw body that a response
hook may have read already: in silence a token refresh would not happen, and a good answer would come out empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim.model import UnsupportedFeatureError

if TYPE_CHECKING:
    import requests


def check_session(session: requests.Session | None) -> None:
    """Refuse a session whose habits would be lost.

    Raises:
        UnsupportedFeatureError: it has `auth` or response hooks; the message names which, and the way out.
    """
    if session is None:
        return
    if getattr(session, "auth", None) is not None:
        place, remedy = (
            "session.auth",
            "give api_key a function that returns the token, which is asked for each request",
        )
    elif (getattr(session, "hooks", None) or {}).get("response"):
        place, remedy = (
            "session.hooks['response']",
            "take it off, and do its work in a transport adapter that is mounted",
        )
    else:
        return
    raise UnsupportedFeatureError(f"{place} is set, and the legacy client cannot honour it; {remedy}", field=place)
