"""Upgrading a call as it is sent: its address changes with its body.

Not the upgrades (`catalogue`) nor a request before it has an address (`upgrading`). Addresses are those of openai 0.28:
`/engines/NAME/…` for `engine=`, Azure's deployments, which stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from shim.migration.upgrades.change import Fields, Target
from shim.migration.upgrades.upgrading import Upgraded, upgrade_request

# What openai 0.28 writes for `engine=`, but for Azure, whose deployments stay in the address.
_ADDRESS = re.compile(r"(?:/engines/(?P<engine>[^/]+))?(?P<endpoint>/(?:chat/)?completions)/?\Z")


def upgrade_call(
    url: str, fields: Mapping[str, Any], *, upgrades: Iterable[str], target: Target | None = None
) -> tuple[str, Fields, Upgraded]:
    """Upgrade a call.

    Args:
        url: where it would be sent.
        fields: its body.
        upgrades: names, as `upgrade_request` takes them.
        target: where it is to go.

    Returns:
        The address and the body to send instead, and what was changed.

    Raises:
        InvalidRequestError, UnsupportedFeatureError: as `upgrade_request`.
    """
    engine = _engine_of(url)
    asked = fields if engine is None or "model" in fields else {"engine": engine, **fields}
    upgraded = upgrade_request(asked, upgrades=upgrades, target=target)
    sent = {name: value for name, value in upgraded.fields.items() if name in fields or name != "engine"}
    chat = upgraded.endpoint == "chat/completions"
    return _address(url, chat=chat, engine="engine" in upgraded.fields), sent, upgraded


def _engine_of(url: str) -> str | None:
    found = _ADDRESS.search(urlsplit(url).path)
    return None if found is None or found["engine"] is None else unquote_plus(found["engine"])


def _address(url: str, *, chat: bool, engine: bool) -> str:
    """The address after the upgrades: of Chat Completions for a chat, and without the engine that the body names now."""
    parts = urlsplit(url)
    found = _ADDRESS.search(parts.path)
    if found is None:
        return url
    kept = parts.path[found.start() : found.start("endpoint")] if engine else ""
    endpoint = "/chat/completions" if chat else found["endpoint"]
    return urlunsplit(parts._replace(path=f"{parts.path[: found.start()]}{kept}{endpoint}"))
