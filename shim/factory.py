"""The factory: makes providers by kind, the one place that knows which there are.

Not the providers themselves (`shim.legacy_adapter`, `shim.native`) nor what drives them (`shim.client`, `shim.loops`).
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from shim.provider import Provider

ProviderKind: TypeAlias = str | Callable[..., Provider]


def create_provider(kind: ProviderKind, **settings: Any) -> Provider:
    """Make a provider.

    Args:
        kind: "legacy", "native", or any callable that takes `settings` and returns a provider.
        settings: the provider's own keyword arguments.

    Raises:
        ValueError: no such kind; the message names those there are.
        TypeError: a setting the provider does not take, or one it needs; the message names it, never its value.
        MissingCredentialsError: from the provider.
    """
    return provider_maker(kind, settings)()


def provider_maker(kind: ProviderKind, settings: Mapping[str, Any]) -> Callable[[], Provider]:
    """Check `kind` and the names of `settings` now, make providers of them later.

    What it returns holds the settings in a closure, so that no repr shows them: a key may be among them.
    """
    make = _maker_of(kind)
    _check_settings(make, settings, kind=name_of(kind))
    kept = dict(settings)
    return lambda: make(**kept)


def name_of(kind: ProviderKind) -> str:
    """What to call a kind in messages."""
    return kind if isinstance(kind, str) else str(getattr(kind, "__qualname__", type(kind).__qualname__))


def _legacy() -> Callable[..., Provider]:
    from shim.legacy_adapter import LegacyProvider

    return LegacyProvider


def _native() -> Callable[..., Provider]:
    from shim.native import NativeProvider

    return NativeProvider


# Kind -> how to import its provider, which only those pay for who use it.
KINDS: dict[str, Callable[[], Callable[..., Provider]]] = {"legacy": _legacy, "native": _native}


def _maker_of(kind: ProviderKind) -> Callable[..., Provider]:
    if callable(kind):
        return kind
    available = ", ".join(map(repr, KINDS))
    remedy = f"give one of {available}, or a callable that returns a provider"
    if not isinstance(kind, str):
        raise TypeError(f"the provider's kind is of type {type(kind).__name__}; {remedy}")
    if kind not in KINDS:
        raise ValueError(f"there is no provider {kind!r}; {remedy}")
    return KINDS[kind]()


def _check_settings(make: Callable[..., Provider], settings: Mapping[str, Any], *, kind: str) -> None:
    try:
        signature = inspect.signature(make)
    except ValueError:
        return  # a callable written in C may have no signature; it checks for itself
    parameters = signature.parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        known = [each.name for each in parameters if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)]
        for name in settings:
            if name not in known:
                raise TypeError(_unknown(name, known=known, kind=kind))
    try:
        signature.bind(**settings)
    except TypeError as error:
        raise TypeError(f"{kind}: {error}") from None


def _unknown(name: str, *, known: list[str], kind: str) -> str:
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
    return f"{kind} has no setting {name!r}{hint} It takes: {', '.join(known) or 'no settings'}"
