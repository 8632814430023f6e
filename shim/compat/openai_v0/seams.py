"""Seams of openai 0.28 that cannot be honoured: they are refused when they are set, and never idle silently.

Not the seams that work, which are plain attributes. Any other attribute may be set on these modules, as on any module: old code
keeps its own there, such as `api_deployment_id`.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

from shim.compat.openai_v0.namespace import PACKAGE, part
from shim.model import UnsupportedFeatureError

_NO_AIOHTTP = "async calls are sent without aiohttp here"


class GuardedModule(types.ModuleType):
    """A module some of whose attributes are checked, or refused, when they are set."""

    def __setattr__(self, name: str, value: Any) -> None:
        check = _CHECKS.get((self.__name__, name))
        if check is not None:
            check(name, value)
        super().__setattr__(name, value)


class AioSession:
    """`openai.aiosession`: a context variable that holds None. A session of aiohttp set here would not be used."""

    def __init__(self) -> None:
        self._held: ContextVar[None] = ContextVar("aiohttp-session", default=None)

    @property
    def name(self) -> str:
        """The variable's name."""
        return self._held.name

    def get(self, *default: Any) -> Any:
        """The session: none, or what is given in its place where none was set."""
        return self._held.get(*default)

    def set(self, value: Any) -> Token[None]:
        """Set it to None.

        Raises:
            UnsupportedFeatureError: to anything else.
        """
        if value is not None:
            raise UnsupportedFeatureError(
                f"openai.aiosession cannot take a {type(value).__name__}: {_NO_AIOHTTP}; leave it out (proxies: "
                "openai.proxy), or stay on the real openai 0.28 for now",
                field="aiosession",
            )
        return self._held.set(value)

    def reset(self, token: Token[None]) -> None:
        """Undo a `set`."""
        self._held.reset(token)


def _refuse_aiohttp(name: str, value: Any) -> None:
    raise UnsupportedFeatureError(
        f"{name} cannot be replaced by a {type(value).__name__}: {_NO_AIOHTTP}, and nothing would call it; "
        "wrap APIRequestor.arequest or arequest_raw instead",
        field=name,
    )


def _check_aiosession(name: str, value: Any) -> None:
    if not isinstance(value, AioSession):
        _refuse_aiohttp(name, value)


def _check_session(_name: str, value: Any) -> None:
    if value is not None:
        choice = part("transport.choice")
        choice.check_session_seam(choice.chosen(), value)


_CHECKS: dict[tuple[str, str], Callable[[str, Any], None]] = {
    (PACKAGE, "aiosession"): _check_aiosession,
    (PACKAGE, "requestssession"): _check_session,
    **{
        (f"{PACKAGE}.api_requestor", name): _refuse_aiohttp
        for name in ("aiohttp", "aiohttp_session", "AioHTTPSession", "_aiohttp_proxies_arg", "parse_stream_async")
    },
}
