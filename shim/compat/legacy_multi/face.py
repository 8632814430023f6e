"""The legacy client's two entry points, bound to a maker of providers: for call sites that cannot change.

Not the client (`client`) nor the waiting (`blocking`). `over` makes the two for a module that imports them from elsewhere;
`install` puts them in the place of `legacy_openai`'s own, for a program of which no line changes.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from requests import Session

import legacy_openai
from legacy_openai import Config, Conversation, InvalidConfigError, Message
from shim.compat.legacy_multi.blocking import create_message
from shim.compat.legacy_multi.client import MultiClient
from shim.compat.legacy_multi.request import Unit
from shim.provider import Provider

if TYPE_CHECKING:
    from typing_extensions import Self

ProviderMaker: TypeAlias = Callable[..., Provider]


class _Binding(NamedTuple):
    make: ProviderMaker
    takes: frozenset[str]
    settings: dict[str, Any]


class BoundClient(MultiClient):
    """The client with the legacy client's own signature; `over` makes subclasses, each bound to a maker of providers.

    Args:
        session: for the maker, where it takes one.
        max_concurrency: requests that run at a time.

    Raises:
        InvalidConfigError: an argument cannot be used, or the maker takes no session and one is given.
    """

    _binding: ClassVar[_Binding]

    def __init__(self, session: Session | None = None, max_concurrency: int = 100) -> None:
        make, takes, settings = self._binding
        given = _given(session, max_concurrency, takes=takes)
        super().__init__(lambda: make(**given), max_concurrency=max_concurrency, **settings)


class LegacyFace(NamedTuple):
    """What call sites of the legacy client use, with its signatures.

    Attributes:
        MultiClient: called with a session and a limit, both optional; a subclass of `shim.compat.legacy_multi.MultiClient`.
        chat_create: called with config, conversation and, for a stream, a callback.
    """

    MultiClient: type[BoundClient]
    chat_create: Callable[..., Message]


def over(
    make: ProviderMaker,
    *,
    unit: Unit | None = None,
    proxies: Mapping[str, str] | None = None,
    verify: bool | str | None = None,
) -> LegacyFace:
    """Bind the legacy client's face to a maker of providers.

    Args:
        make: makes the provider of one client. Where it has parameters of these names, it is given what the call site says:
            `session`, `max_concurrency`. A session it has no parameter for is refused when a client is made.
        unit: names the conversation of a call, as `MultiClient` takes it.
        proxies: what every provider is made with; so is `verify`.
        verify: as `Config` has it.

    Raises:
        TypeError: `make` cannot be called.
    """
    if not callable(make):
        raise TypeError(f"make must be a function that makes a provider, not {type(make).__name__}")

    class Bound(BoundClient):
        _binding = _Binding(make, _parameters(make), {"unit": unit, "proxies": proxies, "verify": verify})

    def chat_create(cfg: Config, conv: Conversation, stream_cb: Callable[[bytes], object] | None = None) -> Message:
        return create_message(lambda: Bound(max_concurrency=1), cfg, conv=conv, stream_cb=stream_cb)

    chat_create.__doc__ = legacy_openai.chat_create.__doc__
    return LegacyFace(Bound, chat_create)


class LegacyInstallation:
    """The face in the place of `legacy_openai`'s own names; a context manager, too.

    Attributes:
        missed: modules that had taken the names before, and go on with the legacy client itself.
    """

    def __init__(self, face: LegacyFace) -> None:
        # What wears the legacy client takes its name when it is loaded: it must hold the real one.
        importlib.import_module("shim.legacy_adapter")
        self._kept = {name: getattr(legacy_openai, name) for name in LegacyFace._fields}
        self._put = dict(zip(LegacyFace._fields, face, strict=True))
        self.missed = tuple(sorted(_holders(self._kept.values())))
        for name, value in self._put.items():
            setattr(legacy_openai, name, value)

    def uninstall(self) -> None:
        """Put the legacy client's own back; a second call does nothing.

        Raises:
            RuntimeError: something else stands there now; it is left alone.
        """
        for name in self._kept:
            if getattr(legacy_openai, name) is not self._put[name]:
                raise RuntimeError(f"legacy_openai.{name} was replaced by something else meanwhile: undo that first")
        for name, value in self._kept.items():
            setattr(legacy_openai, name, value)
        self._kept = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.uninstall()

    def __repr__(self) -> str:
        return f"<LegacyInstallation {'in place' if self._kept else 'uninstalled'}, missed {list(self.missed)}>"


def install(make: ProviderMaker, **settings: Any) -> LegacyInstallation:
    """Put `over(make, **settings)` in the place of `legacy_openai.MultiClient` and `legacy_openai.chat_create`.

    Call it before the call sites are imported: one that has said `from legacy_openai import MultiClient` keeps what it has, and
    `missed` names it.
    """
    return LegacyInstallation(over(make, **settings))


def _parameters(make: ProviderMaker) -> frozenset[str]:
    """The parameters of a maker that a call site can fill."""
    try:
        parameters = inspect.signature(make).parameters.values()
    except ValueError:  # a callable written in C may have no signature
        return frozenset()
    names = {each.name for each in parameters if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)}
    return frozenset(names & {"session", "max_concurrency"})


def _given(session: object, max_concurrency: int, *, takes: frozenset[str]) -> dict[str, Any]:
    if session is not None and not isinstance(session, Session):
        raise InvalidConfigError(f"session must be a requests.Session or None, not {type(session).__name__}")
    if session is not None and "session" not in takes:
        raise InvalidConfigError(
            "session cannot be honoured: the function that makes the provider has no parameter session; give it one, and "
            "have the legacy provider in it use the session"
        )
    said = {"session": session, "max_concurrency": max_concurrency}
    return {name: said[name] for name in takes}


def _holders(things: Any) -> set[str]:
    """The modules outside the shim and the legacy client that hold one of these by a name of their own."""
    wanted = [id(each) for each in things]
    return {
        name
        for name, module in list(sys.modules.items())
        if not name.startswith(("legacy_openai", "shim."))
        and any(id(value) in wanted for value in list(getattr(module, "__dict__", {}).values()))
    }
