"""Which provider carries chat calls: `use(...)`, or `SHIM_OPENAI_V0` in the environment; by default the legacy client.

Not the making of a request (`outgoing`) nor the driving (`blocking`, `asynchronous`).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct, structs
from requests.exceptions import InvalidURL

from shim.compat.openai_v0 import error
from shim.compat.openai_v0.namespace import setting
from shim.compat.openai_v0.recording import recording_in_force
from shim.compat.openai_v0.sessions import proxy_for
from shim.compat.openai_v0.transport.heard import listen
from shim.compat.openai_v0.transport.outgoing import (
    ChatRequest,
    Outgoing,
    chat_request,
    check_is_address,
    routed_call,
)
from shim.compat.openai_v0.transport.relay import relayed_legacy, without_tickets
from shim.compat.openai_v0.transport.shared_provider import shared
from shim.compat.openai_v0.units import UnitNaming, UnitOf
from shim.factory import provider_maker
from shim.model import UnsupportedFeatureError
from shim.model.credential_names import is_secret_header
from shim.plain_http import InsecureAddressError, check_address, checked_hosts, exposed_host
from shim.provider import Provider

if TYPE_CHECKING:
    from shim.native import NativeProvider

VARIABLE = "SHIM_OPENAI_V0"

Kind: TypeAlias = Literal["legacy", "native", "provider", "rollout"]

_NAMED: Mapping[str, Kind] = {"legacy": "legacy", "native": "native"}
_REMEDY = 'give "legacy", "native", a Provider, a function that makes one, or a Rollout'
# The key goes out in the headers that each call brings; a provider asks for one all the same.
_KEY_IN_HEADERS = "sent-in-the-headers"


class Choice(Struct, frozen=True, kw_only=True):
    """What carries chat calls.

    Attributes:
        kind: of `target`.
        target: a provider, a function that makes one, or a rollout; None for those of this project.
        settings: further settings of the provider that is made.
        naming: names the unit that a rollout decides a call by.
    """

    kind: Kind
    target: Any = None
    settings: Mapping[str, Any] = {}
    naming: UnitNaming | None = None

    @property
    def is_legacy(self) -> bool:
        """Whether the legacy client alone carries them, so that `requests` may where it cannot."""
        return self.kind == "legacy"

    @property
    def uses_sessions(self) -> bool:
        """Whether some of its calls go through the session of their thread, or of their loop."""
        return self.kind in ("legacy", "rollout")

    def asks(self, outgoing: Outgoing) -> ChatRequest:
        """What it is asked so that it sends a request.

        Raises:
            InexpressibleError: it cannot carry that.
        """
        chat = chat_request(outgoing, mend=not self.is_legacy, own_account=self.kind == "provider")
        if self.naming is None:
            return chat
        unit = self.naming(routed_call(outgoing))
        return structs.replace(chat, request=structs.replace(chat.request, conversation_id=unit))

    def __repr__(self) -> str:
        return f"<chat through {self.kind}>"  # settings may hold a key


class ProviderPlan(Struct, frozen=True):
    """What a call's provider is told by from those of other calls; equal plans share providers."""

    choice: Choice
    base_url: str
    connect_timeout: float | None
    read_timeout: float | None
    proxy: str | None

    def __hash__(self) -> int:
        return hash((id(self.choice), self.base_url, self.connect_timeout, self.read_timeout, self.proxy))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ProviderPlan)
            and self.choice is other.choice
            and (self.base_url, self.connect_timeout, self.read_timeout, self.proxy)
            == (other.base_url, other.connect_timeout, other.read_timeout, other.proxy)
        )

    def make(self) -> Provider:
        """Make the provider."""
        return _MAKERS[self.choice.kind](self)


class _Chosen:
    """The choice in force; None until something asks, so that the environment is read then and not at import."""

    choice: Choice | None = None


def use(target: Any = "legacy", *, unit: UnitOf | None = None, **settings: Any) -> None:
    """Choose what carries chat calls from now on; those under way end as they began.

    Args:
        target: "legacy" (the default), "native", a `Provider`, a function that makes one, or a `shim.migration` rollout.
        unit: names the unit of a call, all of whose calls a rollout lets go one way: a function that takes a `RoutedCall`. None
            takes the header `X-Conversation-Id`, else `user`, else draws each call by itself.
        settings: further settings of the native provider, or of the function; where to go and whose key is sent is taken from
            each call, as ever.

    Raises:
        TypeError, ValueError: none of these, or a setting the provider does not take; the message says what there is.
        UnsupportedFeatureError: `openai.requestssession` is set, which only the legacy client honours.
    """
    choice = _choice_of(target, settings, unit=unit)
    check_session_seam(choice, setting("requestssession"))
    _Chosen.choice = choice


def chosen() -> Choice:
    """The choice in force.

    Raises:
        ValueError: the environment variable names none.
    """
    if _Chosen.choice is None:
        word = os.environ.get(VARIABLE) or "legacy"
        if word not in _NAMED:
            raise ValueError(f'{VARIABLE} is {word!r}; set it to "legacy" or "native", or leave it out')
        _Chosen.choice = Choice(kind=_NAMED[word])
    return _Chosen.choice


def kept() -> Choice | None:
    """The choice as it is, to be given to `restore`."""
    return _Chosen.choice


def restore(choice: Choice | None) -> None:
    """Put back a choice that was `kept`; None is the default, or what the environment says."""
    _Chosen.choice = choice


def renew() -> None:
    """Keep the choice, and let it make providers of its own from now on."""
    if _Chosen.choice is not None:
        _Chosen.choice = structs.replace(_Chosen.choice)


def check_session_seam(choice: Choice, session: Any) -> None:
    """Refuse a session of the caller's where chat calls do not go through it.

    Raises:
        UnsupportedFeatureError: it would be ignored without a word.
    """
    if session is not None and not choice.is_legacy:
        raise UnsupportedFeatureError(
            f"openai.requestssession is set, but chat goes through {choice.kind}, which does not use it for all calls; "
            'set it to None, or openai.use("legacy")',
            field="requestssession",
        )


def check_key_may_go(outgoing: Outgoing) -> None:
    """Refuse to send a key over plain HTTP to a host that nobody has named, whatever carries the call.

    Raises:
        InvalidRequestError: openai's own, which programs do not try again; nothing was sent, and the message says what to do.
        RequestException: there is no such address; `requests` says why.
    """
    try:
        host = exposed_host(outgoing.url)
    except ValueError:
        host = ""
    if host is None:
        return
    if not host:
        check_is_address(outgoing.url)
        raise InvalidURL(f"Failed to parse: {outgoing.url}")
    if not any(map(is_secret_header, outgoing.headers)):
        return
    choice = chosen()
    if choice.kind == "provider" and outgoing.is_chat:
        return  # it has an address and a key of its own, and sees to them itself
    named = choice.settings.get("insecure_hosts", ())
    try:
        check_address(outgoing.url, insecure_hosts=checked_hosts(named), place="api_base")
    except InsecureAddressError as refused:
        raise error.InvalidRequestError(str(refused), refused.field) from None


def plan_of(chat: ChatRequest, outgoing: Outgoing, *, in_async: bool) -> ProviderPlan:
    """What provider a call needs.

    Raises:
        ValueError: `openai.proxy` is neither a URL nor a dict.
    """
    choice = chosen()
    if choice.is_legacy:  # the session brings limits and proxies; async calls share one where they have the same proxy
        proxy = setting("proxy")
        return ProviderPlan(choice, chat.base_url, None, None, None if proxy is None else repr(proxy))
    timeout = outgoing.timeout
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    through = proxy_for(outgoing.url, proxy=setting("proxy"), in_async=in_async)
    return ProviderPlan(choice, chat.base_url, connect, read, through)


def _choice_of(target: Any, settings: Mapping[str, Any], *, unit: UnitOf | None) -> Choice:
    if callable(getattr(target, "decide", None)) and callable(getattr(target, "note", None)):
        _migrating()  # that it is not there is found now
        return Choice(kind="rollout", target=target, settings=settings, naming=UnitNaming(unit))
    if unit is not None:
        raise TypeError(
            "unit names what a rollout decides a call by, and none is given; give a Rollout, or leave unit out"
        )
    if isinstance(target, str):
        if target not in _NAMED:
            raise ValueError(f"there is no provider {target!r}; {_REMEDY}")
        provider_maker(target, settings)  # a setting that does not exist is found now
        return Choice(kind=_NAMED[target], settings=settings)
    if isinstance(target, Provider) and not isinstance(target, type):
        return Choice(kind="provider", target=target)
    if callable(target):
        return Choice(kind="provider", target=partial(target, **settings))
    raise TypeError(f"a {type(target).__name__} cannot carry chat calls; {_REMEDY}")


def _legacy(plan: ProviderPlan) -> Provider:
    return _make_legacy(plan, plan.choice.settings)


def _make_legacy(plan: ProviderPlan, given: Mapping[str, Any]) -> Provider:
    settings = {"default_temperature": None, "api_key": _KEY_IN_HEADERS, **given}
    return relayed_legacy(**settings, base_url=plan.base_url, connect_timeout=None, read_timeout=None)


def _native(plan: ProviderPlan) -> Provider:
    provider = _make_native(plan, is_candidate=False)
    provider.watch(listen)
    return provider


def _make_native(plan: ProviderPlan, *, is_candidate: bool) -> NativeProvider:
    from shim.native import NativeProvider

    settings = {"proxy": plan.proxy, "api_key": _KEY_IN_HEADERS, **plan.choice.settings}
    made = NativeProvider(
        **settings,
        base_url=plan.base_url,
        connect_timeout=plan.connect_timeout,
        read_timeout=plan.read_timeout,
    )
    recording = recording_in_force()
    if recording is not None:
        recording.watch(made, is_candidate=is_candidate)
    return made


def _given(plan: ProviderPlan) -> Provider:
    target = plan.choice.target
    made: Provider = shared(target) if isinstance(target, Provider) else target()
    return made


def _migrating() -> Any:
    try:
        return importlib.import_module("shim.migration").MigratingProvider
    except (ImportError, AttributeError) as missing:
        raise UnsupportedFeatureError(
            "chat through a rollout needs shim.migration.MigratingProvider, which is not there", field="rollout"
        ) from missing


def _rollout(plan: ProviderPlan) -> Provider:
    # The candidate is not listened to: beside the control, as its shadow, it would be heard as the answer.
    candidate = without_tickets(_make_native(plan, is_candidate=True))
    made: Provider = _migrating()(_make_legacy(plan, {}), candidate, plan.choice.target)
    return made


_MAKERS: dict[Kind, Callable[[ProviderPlan], Provider]] = {
    "legacy": _legacy,
    "native": _native,
    "provider": _given,
    "rollout": _rollout,
}
