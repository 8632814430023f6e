"""The factory: makes providers by kind and stacks layers on them, the one place that knows which there are.

Not the providers themselves (`shim.legacy_adapter`, `shim.native`), not the layers (`shim.layers`), nor what drives them
(`shim.client`, `shim.loops`).
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from shim.provider import CallOptions, Deadlines, Provider
from shim.wire.masking import hidden

if TYPE_CHECKING:
    from shim.comparison import Comparer, Exchange, IgnoreRule
    from shim.comparison.readers import Reader, Sender
    from shim.comparison.verdict import Rung
    from shim.endpoint import Auth
    from shim.layers import RetryPolicy, Telemetry
    from shim.wire.api_selection import ApiChoice

ProviderKind: TypeAlias = str | Callable[..., Provider]
Wrap: TypeAlias = Callable[[Provider], Provider]


def create_provider(
    kind: ProviderKind,
    *,
    deadlines: Deadlines | None = None,
    retries: RetryPolicy | None = None,
    telemetry: Telemetry | None = None,
    **settings: Any,
) -> Provider:
    """Make a provider, with the layers that are asked for; what is None adds none.

    Args:
        kind: "legacy", "native", or any callable that takes `settings` and returns a provider.
        deadlines: limits of time; with `Deadlines()` a call can have its own.
        retries: how often a request is tried; with `RetryPolicy(attempts=1)` a call can have its own.
        telemetry: what OpenTelemetry is told of each request.
        settings: the provider's own keyword arguments.

    Raises:
        ValueError: no such kind; the message names those there are.
        TypeError: a setting the provider does not take, or one it needs; the message names it, never its value.
        InvalidRequestError: a layer's setting cannot be used.
        MissingCredentialsError: from the provider.
    """
    return provider_maker(kind, settings, deadlines=deadlines, retries=retries, telemetry=telemetry)()


def provider_maker(
    kind: ProviderKind,
    settings: Mapping[str, Any],
    *,
    deadlines: Deadlines | None = None,
    retries: RetryPolicy | None = None,
    telemetry: Telemetry | None = None,
) -> Callable[[], Provider]:
    """Check `kind`, the names of `settings` and the layers' settings now, make providers of them later.

    Those it makes share one budget of retries. What it returns holds the settings in a closure, so that no repr shows them: a
    key may be among them.
    """
    make = _maker_of(kind)
    _check_settings(make, settings, kind=name_of(kind))
    kept = dict(settings)
    if isinstance(kept.get("api_key"), str):
        kept["api_key"] = hidden(kept["api_key"])
    layers = [] if deadlines is None else [_deadline_layer(deadlines)]
    layers += [] if retries is None else [_retry_layer(retries, total=None if deadlines is None else deadlines.total)]
    layers += [] if telemetry is None else [_telemetry_layer(telemetry)]
    if not layers:
        return lambda: make(**kept)
    return lambda: functools.reduce(_wrapped, layers, make(**kept))


def _wrapped(provider: Provider, wrap: Wrap) -> Provider:
    return wrap(provider)


def _deadline_layer(deadlines: Deadlines) -> Wrap:
    from shim.layers.deadlines import DeadlineLayer, checked_deadlines

    checked = checked_deadlines(deadlines)
    return lambda provider: DeadlineLayer(provider, checked)


def _retry_layer(policy: RetryPolicy, *, total: float | None) -> Wrap:
    from shim.layers.retries import RetryLayer, checked_policy

    checked = checked_policy(policy, place="retries")
    return lambda provider: RetryLayer(provider, checked, total=total)


def _telemetry_layer(telemetry: Telemetry) -> Wrap:
    from shim.layers.telemetry import TelemetryLayer, checked_telemetry

    checked = checked_telemetry(telemetry)
    return lambda provider: TelemetryLayer(provider, checked)


def create_comparer(
    *,
    control: ProviderKind | type[Reader] | None = "legacy",
    candidate: ProviderKind | None = "native",
    rungs: Iterable[Rung] = ("wire", "tee"),
    api: ApiChoice | Literal["recorded"] = "recorded",
    candidate_settings: Mapping[str, Any] | None = None,
    ignore: Iterable[IgnoreRule] = (),
    resplit: bool = False,
    truncate: bool = False,
) -> Comparer:
    """Put the real clients into a comparison of recorded exchanges; nothing is ever sent, and no key is needed.

    Args:
        control: what reads the recorded bytes on the control's side: a kind of provider whose settings take a `session`, or
            a class of readers, such as `shim.compat.openai_v0.V0Reader`; or "native", where it is the native provider whose
            exchanges are compared (the other way round, when it serves); None takes what each exchange says its control made
            of it.
        candidate: "native" reads with the codecs of the native provider, and would send what that writes; any other kind
            reads on a session, and the codecs say what would be sent, without headers. None leaves both to the codecs.
        rungs: which to compare on.
        api: the API the native candidate would use: the recorded one, which is like for like, or as `NativeProvider` takes it.
        candidate_settings: its further settings, as far as they say what is sent: `organization`, `project`,
            `default_temperature`, `base_url` (left out, it is the recorded one, and the address is not compared). Calls of
            openai 0.28 have organization and project with them: left out, they are the recorded ones.
        ignore: differences that are known, each with its reason and owner.
        resplit: on the tee rung compare every split of the recorded bytes too.
        truncate: on the tee rung compare every cut of the recorded bytes too.

    Raises:
        ValueError, TypeError: no such kind, rung, API or setting.
        ModuleNotFoundError: the candidate is native, and pycurl is missing; the message names the extra.
    """
    from shim.comparison.comparer import Comparer

    return Comparer(
        control=_control_reader(control),
        candidate=None if candidate in (None, "native") else _maker_of(candidate),
        sender_for=_native_senders(api, candidate_settings or {}) if candidate == "native" else None,
        rungs=rungs,
        ignore=ignore,
        resplit=resplit,
        truncate=truncate,
    )


def _control_reader(control: ProviderKind | type[Reader] | None) -> Reader | Callable[..., Provider] | None:
    from shim.comparison.tee_rung.codec_reader import CodecReader

    if control == "native":
        return CodecReader()
    if isinstance(control, type) and callable(getattr(control, "read", None)):
        return cast("Reader", control())
    return None if control is None else _maker_of(cast("ProviderKind", control))


def _native_senders(api: ApiChoice | Literal["recorded"], settings: Mapping[str, Any]) -> Callable[[Exchange], Sender]:
    """What the native provider would send in the place of each recorded control; what is left open is as recorded."""
    from shim.endpoint import Endpoint
    from shim.native import RequestWriter
    from shim.recording.exchange import account_of, api_of, base_url_of

    RequestWriter(**settings)  # a setting that cannot be used is found now

    @functools.lru_cache(maxsize=64)  # a recording has few addresses
    def writer(base_url: str, *, api: ApiChoice, auth: Auth, **account: str) -> RequestWriter:
        if "endpoint" in settings:
            return RequestWriter(**{"api": api, **settings})
        short = account | {name: settings[name] for name in ("organization", "project") if name in settings}
        others = {name: value for name, value in settings.items() if name not in ("base_url", *short)}
        endpoint = Endpoint(settings.get("base_url") or base_url, auth=auth, **short)
        return RequestWriter(**{"api": api, "endpoint": endpoint, **others})

    def sender_for(exchange: Exchange) -> Sender:
        chosen = (api_of(exchange) or "auto") if api == "recorded" else api
        names = {name.lower() for name, _ in exchange.request.headers}
        auth: Auth = "api-key" if "api-key" in names else "bearer"  # as Azure's clients send it
        written = writer(base_url_of(exchange), api=chosen, auth=auth, **account_of(exchange)).sent_request
        if "idempotency-key" not in names:
            return written
        return functools.partial(
            written, options=CallOptions(idempotency_key="given")
        )  # a call's, as it was the control's

    return sender_for


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
