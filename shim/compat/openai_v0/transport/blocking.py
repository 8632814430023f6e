"""Blocking calls: chat on a provider that the calling thread drives, everything else on the calling thread's session.

Not the choice of a provider (`choice`) nor its threads, forks and endings, which `shim.client.pool` knows.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Any

import requests
from msgspec.structs import replace

from shim.client.pool import Pool
from shim.compat.openai_v0 import error, sessions
from shim.compat.openai_v0.namespace import setting
from shim.compat.openai_v0.transport.answers import Answer
from shim.compat.openai_v0.transport.choice import ProviderPlan, check_key_may_go, check_session_seam, chosen, plan_of
from shim.compat.openai_v0.transport.heard import Heard, starting
from shim.compat.openai_v0.transport.outgoing import (
    ChatRequest,
    InexpressibleError,
    Outgoing,
    check_is_address,
    quotes_a_credential,
    spoken_safely,
)
from shim.compat.openai_v0.transport.relay import RelayedCall, ticketed
from shim.model import ErrorCategory, InvalidRequestError, ProviderError
from shim.provider import Provider

MAX_POOLS = 32
"""Addresses (with their time limits) whose providers are kept for the next call. Azure has one for each deployment."""


UNSENDABLE = "a header has characters that no header can carry; see how the key was read"


def send(outgoing: Outgoing) -> Any:
    """Send a request; return its answer once that has begun, whole unless it is a stream.

    Raises:
        Timeout, APIConnectionError: no answer came.
        InvalidRequestError: the provider in use cannot carry this request, or its key would go over plain HTTP.
    """
    try:
        check_key_may_go(outgoing)
        if outgoing.is_chat:
            return _send_chat(outgoing)
        return sessions.send(sessions.of_this_thread(), outgoing, stream=outgoing.stream)
    except (requests.exceptions.Timeout, TimeoutError) as fault:  # the latter is what handlers of SIGALRM raise
        raise error.Timeout(f"Request timed out: {fault}") from fault
    except requests.exceptions.RequestException as fault:
        told = spoken_safely(fault, outgoing.headers)
        raise error.APIConnectionError(f"Error communicating with OpenAI: {told}") from told
    except ValueError as fault:
        if not quotes_a_credential(fault, outgoing.headers):
            raise
        raise error.APIConnectionError(f"Error communicating with OpenAI: {UNSENDABLE}") from None
    except ProviderError as fault:
        if fault.category == ErrorCategory.TIMEOUT:
            raise error.Timeout(f"Request timed out: {fault.message}") from fault
        if fault.category == ErrorCategory.PROTOCOL and fault.http_status is not None:
            raise error.APIError(fault.message, http_status=fault.http_status) from fault
        raise error.APIConnectionError(f"Error communicating with OpenAI: {fault.message}") from fault


def _send_chat(outgoing: Outgoing) -> Any:
    choice = chosen()
    if not choice.is_legacy:
        check_session_seam(choice, setting("requestssession"))
    session = sessions.of_this_thread() if choice.uses_sessions else None
    try:
        chat = choice.asks(outgoing)
        return _ask(chat, outgoing, session)
    except (InexpressibleError, InvalidRequestError) as refused:
        if choice.is_legacy and session is not None:
            return sessions.send(session, outgoing, stream=outgoing.stream)
        if refused.field == "base_url":
            check_is_address(outgoing.url)
        raise error.InvalidRequestError(str(refused), refused.field) from refused


def _ask(chat: ChatRequest, outgoing: Outgoing, session: requests.Session | None) -> Answer:
    heard = Heard(stream=outgoing.stream)
    if session is not None:
        heard = relayed = RelayedCall(outgoing, session)
        chat = replace(chat, request=ticketed(chat.request, relayed))
    plan = plan_of(chat, outgoing, in_async=False)
    with starting(heard):
        open_request = _pools.get(plan).begin(lambda provider, inbox: _start(provider, chat, heard, inbox))
    answer = Answer(heard, url=outgoing.url, advance=open_request.advance, cancel=open_request.cancel)
    if not heard.status and heard.fault is not None:
        raise heard.fault
    return answer


def _start(provider: Provider, chat: ChatRequest, heard: Heard, inbox: Any) -> Any:
    def completed(completion: Any) -> None:
        heard.on_completion(completion)
        inbox.put_completion(completion)

    if chat.stream:
        return provider.start_stream(chat.request, heard.on_event, completed)
    return provider.start_request(chat.request, completed)


class _Pools:
    """The pools of this process, by plan; the one not used for longest is let go, and closes when its calls have ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._by_plan: OrderedDict[ProviderPlan, Pool] = OrderedDict()

    def get(self, plan: ProviderPlan) -> Pool:
        if (
            self._process != os.getpid()
        ):  # after a fork the parent's are the parent's, and so is a lock it may have held
            self._lock, self._process, self._by_plan = threading.Lock(), os.getpid(), OrderedDict()
        with self._lock:
            pool = self._by_plan.get(plan)
            if pool is None:
                pool = self._by_plan[plan] = Pool(plan.make)
            self._by_plan.move_to_end(plan)
            if len(self._by_plan) > MAX_POOLS:
                self._by_plan.popitem(last=False)
            return pool

    def clear(self) -> None:
        with self._lock:
            pools = list(self._by_plan.values())
            self._by_plan.clear()
        for pool in pools:
            pool.close()


_pools = _Pools()


def close_all() -> None:
    """Close every provider that is kept for the next call; calls under way end as cancelled."""
    _pools.clear()
