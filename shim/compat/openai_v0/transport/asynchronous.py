"""Async calls: chat on a provider that the running loop drives, everything else on a thread of its own.

Not the blocking calls (`blocking`). The loop is never blocked, and cancelling the task ends the request. As with 0.28, whose
every async call made a session of its own, nothing outlives the calls: the last one on a loop closes its provider.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

import requests
from msgspec.structs import replace

from shim.compat.openai_v0 import error, sessions
from shim.compat.openai_v0.namespace import setting
from shim.compat.openai_v0.stream_faults import timed_out
from shim.compat.openai_v0.transport.answers import AsyncAnswer
from shim.compat.openai_v0.transport.choice import ProviderPlan, check_key_may_go, check_session_seam, chosen, plan_of
from shim.compat.openai_v0.transport.heard import Heard, starting
from shim.compat.openai_v0.transport.outgoing import (
    ChatRequest,
    InexpressibleError,
    Outgoing,
    check_is_address,
    spoken_safely,
)
from shim.compat.openai_v0.transport.relay import RelayedCall, ticketed
from shim.compat.openai_v0.transport.worker import Worker
from shim.loops.asyncio_loop import AsyncioDriver
from shim.model import ErrorCategory, InvalidRequestError, ProviderError
from shim.provider import RequestHandle

MAX_THREADS = 100
"""Threads for the async calls of one loop that go through `requests`; more calls wait. aiohttp's own connector has this limit."""


async def send(outgoing: Outgoing) -> AsyncAnswer:
    """Send a request; return its answer once that has begun.

    Raises:
        Timeout, APIConnectionError: no answer came.
        InvalidRequestError: the provider in use cannot carry this request, or its key would go over plain HTTP.
    """
    waiting = _Waiting(outgoing.timeout)
    try:
        check_key_may_go(outgoing)
        answer = await _chat_answer(outgoing, waiting) if outgoing.is_chat else None
    except requests.RequestException as fault:  # no such address
        raise _as_error(fault) from fault
    if answer is None:
        answer = await _thread_answer(outgoing, waiting)
    try:
        await _begun(answer, waiting.heard)
    except BaseException as fault:
        answer.release()
        raised = _as_error(fault)
        if raised is fault:
            raise
        raise raised from _safely(fault, outgoing)
    return answer


def _safely(fault: BaseException, outgoing: Outgoing) -> BaseException:
    return spoken_safely(fault, outgoing.headers) if isinstance(fault, requests.RequestException) else fault


async def _begun(answer: AsyncAnswer, heard: Heard) -> None:
    await answer.begun()
    if heard.fault is not None and not heard.status:
        raise heard.fault


class _Waiting:
    """Wakes the task of one call, and knows how long it may take altogether."""

    def __init__(self, timeout: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        total = timeout[1] if isinstance(timeout, tuple) else timeout
        limited = total is not None and total > 0  # as aiohttp has it
        self._deadline = self._loop.time() + total if limited else math.inf
        self.heard: Heard

    def wake(self) -> None:
        """From any thread; a loop that was closed meanwhile has nobody to wake."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def changed(self) -> None:
        """Wait until more has been heard.

        Raises:
            TimeoutError: the time for the whole call is over.
        """
        if self._loop.time() >= self._deadline:
            raise timed_out("Timeout on reading data from socket")
        # Not `wait_for`: before Python 3.12 it loses a cancellation that comes together with what it waits for.
        timer = None if self._deadline == math.inf else self._loop.call_at(self._deadline, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._changed.clear()


def _as_error(fault: BaseException) -> BaseException:
    if isinstance(fault, asyncio.TimeoutError | TimeoutError | requests.exceptions.Timeout):
        return error.Timeout("Request timed out")
    if isinstance(fault, ProviderError):
        if fault.category == ErrorCategory.TIMEOUT:
            return error.Timeout("Request timed out")
        if fault.category == ErrorCategory.PROTOCOL and fault.http_status is not None:
            return error.APIError(fault.message, http_status=fault.http_status)
        return error.APIConnectionError("Error communicating with OpenAI")
    if isinstance(fault, requests.exceptions.RequestException):
        return error.APIConnectionError("Error communicating with OpenAI")
    return fault


async def _chat_answer(outgoing: Outgoing, waiting: _Waiting) -> AsyncAnswer | None:
    choice = chosen()
    if not choice.is_legacy:
        check_session_seam(choice, setting("requestssession"))
    try:
        chat = choice.asks(outgoing)
        return await _ask(chat, outgoing, waiting=waiting)
    except (InexpressibleError, InvalidRequestError) as refused:
        if choice.is_legacy:
            return None
        if refused.field == "base_url":
            check_is_address(outgoing.url)
        raise error.InvalidRequestError(str(refused), refused.field) from refused


async def _ask(chat: ChatRequest, outgoing: Outgoing, *, waiting: _Waiting) -> AsyncAnswer:
    seat = _seat_of(plan_of(chat, outgoing, in_async=True))
    heard = Heard(stream=outgoing.stream, wake=waiting.wake)
    if chosen().uses_sessions:
        heard = relayed = RelayedCall(outgoing, seat.session, wake=waiting.wake)
        chat = replace(chat, request=ticketed(chat.request, relayed))
    waiting.heard = heard
    provider = seat.provider
    seat.calls += 1
    try:
        await seat.my_turn()
        with starting(heard):
            if chat.stream:
                handle = provider.start_stream(chat.request, heard.on_event, heard.on_completion)
            else:
                handle = provider.start_request(chat.request, heard.on_completion)
    except BaseException:
        seat.leave()
        raise
    return AsyncAnswer(heard, changed=waiting.changed, release=_leaver(seat, handle, heard))


def _leaver(seat: _Seat, handle: RequestHandle, heard: Heard) -> Callable[[], None]:
    """What ends a call, once: from its own task, or from wherever its stream was dropped."""
    left = False

    def leave() -> None:
        if not heard.ended:
            seat.was_cut = True
            seat.provider.cancel(handle)
            seat.provider.info_read()
        seat.leave()

    def release() -> None:
        nonlocal left
        if left or seat.is_parents():
            return
        left = True
        seat.on_its_loop(leave)

    return release


async def _thread_answer(outgoing: Outgoing, waiting: _Waiting) -> AsyncAnswer:
    session = sessions.async_session(most_connections=1)  # now: what it reads may change once this call is suspended
    heard = waiting.heard = Heard(stream=outgoing.stream, wake=waiting.wake)
    threads = _threads_of_running_loop()
    await threads.acquire()
    worker = Worker(outgoing, session, heard=heard)
    released = False

    def release() -> None:
        nonlocal released
        if not released:
            released = True
            worker.stop()
            threads.release()

    try:
        worker.start()
    except BaseException:
        release()
        raise
    return AsyncAnswer(heard, changed=waiting.changed, release=release)


class _Seat:
    """A provider attached to one loop for as long as calls are open there, and the session it sends through, if it does."""

    def __init__(self, plan: ProviderPlan, loop: asyncio.AbstractEventLoop) -> None:
        self.provider = plan.make()
        self.session = sessions.async_session(most_connections=MAX_THREADS)
        self.calls = 0
        self.was_cut = False
        self._plan = plan
        self._loop = loop
        self._turn = asyncio.Lock()
        self._process = os.getpid()
        self._driver = AsyncioDriver(self.provider, loop=loop)

    async def my_turn(self) -> None:
        """Wait until a call may be started: one in each round of the loop, so that a burst of them lets others run between.

        Starting a thread waits for that to run, which takes a while beside a hundred others.
        """
        await self._turn.acquire()
        self._loop.call_soon(self._turn.release)

    def leave(self) -> None:
        """One call less; the last one closes."""
        self.calls -= 1
        if not self.calls:
            seats = _seats.get(self._loop, {})
            if seats.get(self._plan) is self:
                del seats[self._plan]
            self.close()

    def close(self) -> None:
        """Detach and close; where a call was cut off, on a thread, since one that still connects is waited for."""
        self._driver.close()
        self.session.close()
        if self.was_cut:
            threading.Thread(target=self.provider.close, name="shim-openai-v0-close", daemon=True).start()
        else:
            self.provider.close()

    def is_parents(self) -> bool:
        """Whether a fork brought it here."""
        return os.getpid() != self._process

    def on_its_loop(self, act: Callable[[], None]) -> None:
        """Do it now where this is the loop's own thread or the loop is gone, else in the loop's next round."""
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop or not self._loop.is_running():
            act()
        else:
            self._loop.call_soon_threadsafe(act)


_seats: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[ProviderPlan, _Seat]] = weakref.WeakKeyDictionary()
_threads: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = weakref.WeakKeyDictionary()


def _seat_of(plan: ProviderPlan) -> _Seat:
    loop = asyncio.get_running_loop()
    for abandoned in [each for each in _seats if each.is_closed()]:
        for left in _seats.pop(abandoned).values():
            left.close()
    seats = _seats.setdefault(loop, {})
    seat = seats.get(plan)
    if seat is None or seat.is_parents():
        seat = seats[plan] = _Seat(plan, loop)
    return seat


def _threads_of_running_loop() -> asyncio.Semaphore:
    return _threads.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MAX_THREADS))
