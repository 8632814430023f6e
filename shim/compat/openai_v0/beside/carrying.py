"""Carries the candidate's calls: providers for threads and for event loops, and the answer as it comes.

Not what they are asked (`asking`) nor what becomes of the answer (`responses`). Blocking calls turn a provider of their own
thread, as `shim.client.pool` has it; async ones share one on their loop, which closes with the last call there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from shim.client.pool import Inbox
from shim.compat.openai_v0.beside.asking import Asked
from shim.compat.openai_v0.transport.answers import Answer, AsyncAnswer
from shim.compat.openai_v0.transport.asynchronous import _leaver, _seat_of, _Waiting
from shim.compat.openai_v0.transport.blocking import _Pools
from shim.compat.openai_v0.transport.heard import Heard, listen, starting
from shim.compat.openai_v0.transport.shared_provider import shared
from shim.factory import provider_maker
from shim.model import ErrorCategory, ProviderError, UnsupportedFeatureError
from shim.provider import Completion, Provider, RequestHandle
from shim.transfer_observer import Observe

Told = Callable[[Completion], object]
"""Told how a call ended."""

# Where `requests` looks for the certificates to trust, which the real library therefore did.
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_KEY_COMES_WITH_EACH_CALL = "comes-with-each-call"


class _Plan(Struct, frozen=True):
    """What providers are told by; equal plans share them. A proxy's URL may hold a password: it is not shown."""

    make_provider: Callable[..., Provider]
    proxy: str | None
    ca_file: str | None

    def make(self) -> Provider:
        """Make a provider."""
        return self.make_provider(self.proxy, self.ca_file)

    def __repr__(self) -> str:
        return "<plan of a provider>"


class Carrier:
    """The candidate.

    Args:
        candidate: "native" or "legacy"; or a `Provider`, or a function that makes one, with a key and an address of its own.
        observe: sees what the native provider sends and gets, to record it.

    Raises:
        TypeError, ValueError: it is none of these.
    """

    def __init__(self, candidate: Any, *, observe: Observe | None = None) -> None:
        self.has_own_account = not isinstance(candidate, str)
        self._make_provider = _maker(candidate, observe)
        self._pools = _Pools()

    def start(self, asked: Asked, told: Told, *, proxy: str | None) -> Callable[[], Answer]:
        """Start a blocking call; what is returned waits for its answer to begin.

        Raises:
            Exception: whatever keeps the provider from accepting it; nothing was sent.
        """
        heard = Heard(stream=asked.stream)
        plan = self._plan(proxy)
        with starting(heard):
            opened = self._pools.get(plan).begin(  # type: ignore[arg-type]  # it asks for equality and `make`
                lambda provider, inbox: _begin(provider, asked, heard=heard, told=told, inbox=inbox)
            )

        def wait() -> Answer:
            answer = Answer(heard, url="", advance=opened.advance, cancel=opened.cancel)
            if not heard.status and heard.fault is not None:
                raise heard.fault
            return answer

        return wait

    async def start_async(self, asked: Asked, told: Told, *, proxy: str | None, timeout: Any) -> AsyncAnswer:
        """Start an async call; its answer has not begun yet.

        Raises:
            Exception: whatever keeps the provider from accepting it; nothing was sent.
        """
        waiting = _Waiting(timeout)
        seat = _seat_of(self._plan(proxy))  # type: ignore[arg-type]  # as above
        heard = waiting.heard = Heard(stream=asked.stream, wake=waiting.wake)
        clock = _Clock(waiting, told)
        seat.calls += 1
        try:
            await seat.my_turn()
            with starting(heard):
                handle = _begin(seat.provider, asked, heard=heard, told=clock.told, inbox=None)
        except BaseException:
            seat.leave()
            raise
        return AsyncAnswer(heard, changed=clock.changed, release=_leaver(seat, handle, heard))

    def close(self) -> None:
        """Close the providers of all threads; calls under way end as cancelled. Those of loops close with their last call."""
        self._pools.clear()

    def _plan(self, proxy: str | None) -> _Plan:
        if self.has_own_account:
            return _Plan(self._make_provider, None, None)
        files = (os.environ.get(name) for name in _CA_VARIABLES)
        return _Plan(self._make_provider, proxy, next((each for each in files if each and Path(each).is_file()), None))


class _Clock:
    """Tells a call that was ended because its time was over from one that its caller left."""

    def __init__(self, waiting: _Waiting, told: Told) -> None:
        self._waiting = waiting
        self._told = told
        self._is_late = False

    async def changed(self) -> None:
        """Wait until more has been heard.

        Raises:
            TimeoutError: the time for the whole call is over.
        """
        try:
            await self._waiting.changed()
        except (asyncio.TimeoutError, TimeoutError):
            self._is_late = True
            raise

    def told(self, completion: Completion) -> None:
        """Take the completion, and tell it."""
        if self._is_late and completion.error is not None:
            late = ProviderError(ErrorCategory.TIMEOUT, "the time for the whole call was over")
            completion = replace(completion, error=late)
        self._told(completion)


async def begun(answer: AsyncAnswer) -> None:
    """Wait until an answer has begun.

    Raises:
        ProviderError, TimeoutError: none came.
    """
    await answer.begun()
    heard = answer._heard  # noqa: SLF001 - the same package; the answer has no other word for its fault
    if heard.fault is not None and not heard.status:
        raise heard.fault


def _begin(provider: Provider, asked: Asked, *, heard: Heard, told: Told, inbox: Inbox | None) -> RequestHandle:
    def completed(completion: Completion) -> None:
        heard.on_completion(completion)
        if inbox is not None:
            inbox.put_completion(completion)
        told(completion)

    if asked.stream:
        return provider.start_stream(asked.request, heard.on_event, completed, options=asked.options)
    return provider.start_request(asked.request, completed, options=asked.options)


def _maker(candidate: Any, observe: Observe | None) -> Callable[..., Provider]:
    if isinstance(candidate, str):
        return _ours(candidate, observe)
    if isinstance(candidate, Provider) and not isinstance(candidate, type):
        given = shared(candidate)
        return lambda _proxy, _ca_file: given
    if callable(candidate):
        return lambda _proxy, _ca_file: candidate()
    raise TypeError(
        f'a {type(candidate).__name__} cannot be the candidate; give "native", "legacy", a Provider, or what makes one'
    )


def _ours(kind: str, observe: Observe | None) -> Callable[..., Provider]:
    fixed = {"api_key": _KEY_COMES_WITH_EACH_CALL} | ({"default_temperature": None} if kind == "legacy" else {})
    provider_maker(kind, fixed)  # that there is no such kind is found now

    def make(proxy: str | None, ca_file: str | None) -> Provider:
        if proxy and kind != "native":
            raise UnsupportedFeatureError(
                "openai.proxy is set, which the legacy client takes no word of", field="proxy"
            )
        network = {"proxy": proxy, "ca_file": ca_file} if kind == "native" else {}
        provider: Any = provider_maker(kind, {**fixed, **network})()
        if kind == "native":
            for each in (listen, observe):
                if each is not None:
                    provider.watch(each)
        return provider  # type: ignore[no-any-return]  # a provider of the factory's

    return make
