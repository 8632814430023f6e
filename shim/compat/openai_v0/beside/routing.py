"""Routes each chat call of the real library, to itself or to the candidate, as a rollout decides; the ends are told.

Not the putting in place (`means`), not what the candidate is asked (`asking`) or how it is carried (`carrying`). A router stands
in `APIRequestor.request_raw` and `arequest_raw`. For control it calls the very function that stood there, with the very
arguments. One decision is kept for the whole call, for the times the library asks again by itself (after a 409) too.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shim.compat.openai_v0.beside.aiohttp_content import watch_content
from shim.compat.openai_v0.beside.asking import Asked, CallAccount, Upgrading, asked_for, is_chat, is_completion
from shim.compat.openai_v0.beside.carrying import Carrier, begun
from shim.compat.openai_v0.beside.control_outcome import ControlOutcome
from shim.compat.openai_v0.beside.real_library import RealLibrary, raised_for, raised_for_async
from shim.compat.openai_v0.beside.responses import (
    CandidateAsyncResponse,
    CandidateResponse,
    log_answer,
    log_async_answer,
)
from shim.compat.openai_v0.sessions import proxy_for
from shim.compat.openai_v0.transport.answers import AsyncAnswer
from shim.compat.openai_v0.transport.outgoing import Outgoing
from shim.compat.openai_v0.units import RoutedCall, UnitNaming, UnitOf, attributes_of, engine_in
from shim.model import ErrorCategory, ProviderError, UnsupportedFeatureError
from shim.provider import Completion

if TYPE_CHECKING:
    from shim.migration import Decision, Rollout

_log = logging.getLogger("shim.compat.openai_v0")

_MOST_WAITING = (
    1000  # ends of calls that were left, until the next call tells them; more are forgotten, none of them is bad
)
_MOST_REASONS = 100  # reasons for refusing that are counted by name; they hold no values, and few are met
_TRY_AGAIN = 409


class BesideCounts(Struct, frozen=True, kw_only=True):
    """What became of the chat calls so far.

    Attributes:
        control, candidate: calls that the arm served.
        refused: of those meant for the candidate, those it could not carry; control served them. By reason.
        faults: calls whose unit could not be told, because the function that should raised; control served them.
    """

    control: int = 0
    candidate: int = 0
    refused: Mapping[str, int] = {}
    faults: int = 0


class Router:
    """Decides for each call. For any number of threads and event loops.

    Args:
        real: the real library.
        rollout: decides, and hears how each call ended.
        carrier: the candidate.
        upgrading: what a request is changed by before the candidate gets it.
        unit: names the unit of a call; None is `unit_of`.
    """

    def __init__(
        self, real: RealLibrary, *, rollout: Rollout, carrier: Carrier, upgrading: Upgrading, unit: UnitOf | None
    ) -> None:
        self._real = real
        self._rollout = rollout
        self._carrier = carrier
        self._upgrading = upgrading
        self._naming = UnitNaming(unit)
        self._lock = threading.Lock()
        self._served: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._left: deque[tuple[Decision, Completion]] = deque(maxlen=_MOST_WAITING)
        self._again: ContextVar[tuple[Any, Decision] | None] = ContextVar("shim_openai_v0_again", default=None)

    @property
    def counts(self) -> BesideCounts:
        """What became of the calls so far."""
        with self._lock:
            served, refused = dict(self._served), dict(self._refused)
        return BesideCounts(refused=refused, faults=self._naming.faults, **served)

    def stand_beside(self, real: RealLibrary) -> None:
        """Route the calls of this library from now on: the same one, imported anew."""
        self._real = real

    def request_raw(self, original: Callable[..., Any], requestor: Any, method: str, url: str, **how: Any) -> Any:
        """Be `request_raw`: the answer of the arm that serves the call."""
        if not self._routes(requestor, method, url, how):
            return original(requestor, method, url, **how)
        decision = self._decide(url, how)
        if decision.arm == "candidate":
            wait = self._started(requestor, url, how, decision)
            if wait is not None:
                return self._noted(wait(), how, decision)
        return self._noted(self._by_control(original, requestor, url, how, decision), how, decision)

    async def arequest_raw(
        self, original: Callable[..., Awaitable[Any]], requestor: Any, method: str, url: str, session: Any, **how: Any
    ) -> Any:
        """Be `arequest_raw`."""
        if not self._routes(requestor, method, url, how):
            return await original(requestor, method, url, session, **how)
        decision = self._decide(url, how)
        if decision.arm == "candidate":
            answer = await self._started_async(requestor, url, how, decision)
            if answer is not None:
                return self._noted(await self._begun(*answer), how, decision)
        result = await self._by_control_async(original, requestor, url, session, how, decision)
        return self._noted(result, how, decision)

    def close(self) -> None:
        """Tell the ends of calls that were left."""
        self._tell_left()

    # --- deciding ------------------------------------------------------------------------------------------------

    def _routes(self, requestor: Any, method: str, url: str, how: Mapping[str, Any]) -> bool:
        if method != "post" or how.get("files") or not isinstance(how.get("params"), dict):
            return False
        if is_chat(url):
            return True
        if not is_completion(url) or "completion-to-chat" not in self._upgrading.names:
            return False
        try:
            made, _, _ = self._upgrading.upgraded(url, json.dumps(how["params"]).encode())
        except (TypeError, ValueError):
            return True  # it should move and cannot: refused, and counted
        return is_chat(made)

    def _decide(self, url: str, how: Mapping[str, Any]) -> Decision:
        self._tell_left()
        again, params = self._again.get(), how["params"]
        if again is not None:
            self._again.set(None)
            if again[0] == params:
                return again[1]
        headers = how.get("supplied_headers")
        call = RoutedCall(fields=params, headers=headers if isinstance(headers, dict) else {}, engine=engine_in(url))
        return self._rollout.decide(self._naming(call), attributes=attributes_of(call))

    def _noted(self, result: Any, how: Mapping[str, Any], decision: Decision) -> Any:
        """Remember the decision where the library is about to ask the same again."""
        status = getattr(result, "status_code", None) or getattr(result, "status", None)
        if status == _TRY_AGAIN:
            self._again.set((how["params"], decision))
        return result

    def _told(self, decision: Decision) -> Callable[[Completion], object]:
        """What tells the rollout the end of a call. One that was left may end while memory is freed: it is told later."""

        def told(completion: Completion) -> None:
            if completion.error is not None and completion.error.category == ErrorCategory.CANCELLED:
                self._left.append((decision, completion))
            else:
                self._rollout.note(decision, completion)

        return told

    def _tell_left(self) -> None:
        while self._left:
            try:
                decision, completion = self._left.popleft()
            except IndexError:  # another thread was faster
                return
            self._rollout.note(decision, completion)

    def _count(self, name: str) -> None:
        with self._lock:
            self._served[name] += 1

    # --- control -------------------------------------------------------------------------------------------------

    def _by_control(
        self, original: Callable[..., Any], requestor: Any, url: str, how: Mapping[str, Any], decision: Decision
    ) -> Any:
        self._count("control")
        outcome = ControlOutcome(self._told(decision), reads_chat=is_chat(url))
        try:
            result = original(requestor, "post", url, **how)
        except BaseException as fault:
            outcome.raised(fault)
            raise
        try:
            outcome.watch(result, stream=bool(how.get("stream")))
        except Exception as error:  # noqa: BLE001 - a stand-in for a response; the caller gets it
            _log.debug("the end of a call could not be told (%s)", type(error).__name__)
        return result

    async def _by_control_async(
        self,
        original: Callable[..., Awaitable[Any]],
        requestor: Any,
        url: str,
        session: Any,
        how: Mapping[str, Any],
        decision: Decision,
    ) -> Any:
        self._count("control")
        outcome = ControlOutcome(self._told(decision), reads_chat=is_chat(url))
        try:
            result = await original(requestor, "post", url, session, **how)
        except BaseException as fault:
            outcome.raised(fault)
            raise
        try:
            outcome.head(result.status, result.headers)
            streams = "text/event-stream" in result.headers.get("Content-Type", "")
            watch_content(result, outcome if streams else _Whole(outcome))
        except Exception as error:  # noqa: BLE001 - as above
            _log.debug("the end of a call could not be told (%s)", type(error).__name__)
        return result

    # --- the candidate -------------------------------------------------------------------------------------------

    def _started(
        self, requestor: Any, url: str, how: Mapping[str, Any], decision: Decision
    ) -> Callable[[], CandidateResponse] | None:
        """Start a call on the candidate; None where it cannot carry it."""
        try:
            _refuse_session("requestssession", getattr(self._real.openai, "requestssession", None))  # 0.27.0 has none
            asked, outgoing = self._asked(requestor, url, how)
            wait = self._carrier.start(asked, self._told(decision), proxy=self._proxy(outgoing.url, in_async=False))
        except Exception as refused:  # noqa: BLE001 - whatever keeps the candidate from it, control may still serve it
            self._refuse(decision, refused)
            return None
        self._count("candidate")

        def answered() -> CandidateResponse:
            try:
                answer = wait()
            except (ProviderError, TimeoutError) as fault:
                raise raised_for(fault, self._real) from fault
            response = CandidateResponse(
                answer, url=outgoing.url, stream=outgoing.stream, upgraded=asked.upgraded, real=self._real
            )
            log_answer(self._real, outgoing.url, response)
            return response

        return answered

    async def _started_async(
        self, requestor: Any, url: str, how: Mapping[str, Any], decision: Decision
    ) -> tuple[AsyncAnswer, Asked, Outgoing] | None:
        try:
            _refuse_session("aiosession", self._real.openai.aiosession.get())
            # arequest_raw is not told of a stream: the body is.
            asked, outgoing = self._asked(requestor, url, {**how, "stream": bool(how["params"].get("stream"))})
            proxy, timeout = self._proxy(outgoing.url, in_async=True), outgoing.timeout
            answer = await self._carrier.start_async(asked, self._told(decision), proxy=proxy, timeout=timeout)
        except Exception as refused:  # noqa: BLE001 - as above
            self._refuse(decision, refused)
            return None
        self._count("candidate")
        return answer, asked, outgoing

    async def _begun(self, answer: AsyncAnswer, asked: Asked, outgoing: Outgoing) -> CandidateAsyncResponse:
        try:
            await begun(answer)
        except BaseException as fault:
            answer.release()
            raised = raised_for_async(fault, self._real)
            if raised is fault:
                raise
            raise raised from fault
        response = CandidateAsyncResponse(answer, upgraded=asked.upgraded, real=self._real)
        log_async_answer(self._real, outgoing.url, response)
        return response

    def _asked(self, requestor: Any, url: str, how: Mapping[str, Any]) -> tuple[Asked, Outgoing]:
        made_url, headers, data = requestor._prepare_request_raw(  # noqa: SLF001 - the real library's own making
            url, how.get("supplied_headers"), "post", how["params"], None, how.get("request_id")
        )
        outgoing = Outgoing(
            method="post",
            url=made_url,
            headers=headers,
            data=data,
            stream=bool(how.get("stream")),
            timeout=how.get("request_timeout") or self._real.api_requestor.TIMEOUT_SECS,
        )
        if not (outgoing.is_chat or is_completion(made_url)):
            raise UnsupportedFeatureError("openai.api_base has a query, which would hold the path", field="api_base")
        by_header = requestor.api_type == self._real.util.ApiType.AZURE
        account = CallAccount(requestor.api_key, requestor.organization, by_header)
        own = self._carrier.has_own_account
        return asked_for(outgoing, account=None if own else account, upgrading=self._upgrading), outgoing

    def _proxy(self, url: str, *, in_async: bool) -> str | None:
        """`openai.proxy` for an address; "" is none, None leaves it to the environment."""
        try:
            return proxy_for(url, proxy=self._real.openai.proxy, in_async=in_async)
        except ValueError as neither:
            raise UnsupportedFeatureError(
                "openai.proxy is neither a URL nor a dict of them", field="proxy"
            ) from neither

    def _refuse(self, decision: Decision, refused: Exception) -> None:
        reason = getattr(refused, "field", None) or type(refused).__name__
        with self._lock:
            if len(self._refused) < _MOST_REASONS or reason in self._refused:
                self._refused[reason] += 1
            else:
                self._refused["others"] += 1
        self._rollout.note_bad(decision, "refused")


def _refuse_session(name: str, session: Any) -> None:
    """Refuse a call that is to go through a session of the caller's, whose hooks and credentials no candidate has."""
    if session is not None:
        raise UnsupportedFeatureError(f"openai.{name} is set, and only control sends through it", field=name)


class _Whole:
    """Gathers a body that is no stream, for the one reading of it."""

    def __init__(self, outcome: ControlOutcome) -> None:
        self._outcome = outcome
        self._pieces: list[bytes] = []

    def piece(self, data: bytes) -> None:
        self._pieces.append(data)

    def ended(self) -> None:
        self._outcome.whole(b"".join(self._pieces))

    def raised(self, fault: BaseException) -> None:
        self._outcome.raised(fault)
