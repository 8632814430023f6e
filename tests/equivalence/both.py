"""Both providers asked the same of the same server, and what differs in what they sent and told.

Not what may differ (`table`) nor what is asked (`questions`, `answers`).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from shim.legacy_adapter import LegacyProvider
from shim.model import ModelResponse, ProviderError, StreamDone, StreamError
from shim.native import NativeProvider
from shim.testing.fake_openai import RawResponse, Respond
from shim.testing.fake_openai.api import Api
from shim.testing.fake_openai.behaviours import plan_of
from shim.testing.fake_openai.choosing import answer_for
from tests.helpers.driving import Heard, ask
from tests.helpers.events import assert_well_formed
from tests.helpers.providers import KEY

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.model import ModelRequest
    from shim.provider import Provider
    from shim.testing.fake_openai import Answer, Behaviour, FakeOpenAI, RecordedRequest

PATIENCE_SECONDS = 5.0
TEMPERATURE = 0.7
EXACT = msgspec.json.Encoder(order="sorted").encode


class Both:
    """The legacy adapter and the native provider, made for one address with settings that both have."""

    def __init__(self, base_url: str, **settings: Any) -> None:
        common: dict[str, Any] = {"api_key": KEY, "base_url": base_url, "read_timeout": PATIENCE_SECONDS} | settings
        self.legacy = LegacyProvider(default_temperature=TEMPERATURE, **common)
        self.native = NativeProvider(api="chat_completions", default_temperature=TEMPERATURE, **common)

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._open.enter_context(self.legacy)
        self._open.enter_context(self.native)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._open.close()

    def ask(self, request: ModelRequest, *, stream: bool) -> Pair:
        """Ask the one, then the other."""
        return Pair(_asked(self.legacy, request, stream=stream), _asked(self.native, request, stream=stream))


@dataclass(frozen=True)
class Pair:
    """What each of the two heard."""

    legacy: Heard
    native: Heard

    @property
    def differences(self) -> dict[str, tuple[Any, Any]]:
        """Where the two differ: the name of the place, and what stands there on either side."""
        return differences(told(self.legacy), told(self.native))


def _asked(provider: Provider, request: ModelRequest, *, stream: bool) -> Heard:
    heard = ask(provider, request, stream=stream)
    if heard.events:
        assert_well_formed(heard.events)
        last = heard.events[-1]
        assert isinstance(last, (StreamDone, StreamError))
        if isinstance(last, StreamError):
            assert last.error is heard.error
    return heard


def told(heard: Heard) -> dict[str, Any]:
    """Everything a request's caller is told, by place, the times aside."""
    completion = heard.completion
    places: dict[str, Any] = {"http_status": completion.http_status, "events": [_event(each) for each in heard.events]}
    places |= {f"headers.{name}": value for name, value in completion.headers.items()}
    if completion.error is not None:
        places |= _of_error(completion.error)
    if completion.response is not None:
        places |= _of_response("response", completion.response)
    return places


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The places where two tellings differ; None stands for a place that one has not."""
    names = sorted(one.keys() | other.keys())
    return {name: (one.get(name), other.get(name)) for name in names if not _same(one.get(name), other.get(name))}


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and type(one) is type(other)


def _event(event: Any) -> Any:
    """An event as it compares; the error at the end is told by the completion, whose places can differ one by one."""
    return "error" if isinstance(event, StreamError) else event


def _of_error(error: ProviderError) -> dict[str, Any]:
    fields = {f"error.{name}": value for name, value in vars(error).items() if name != "partial"}
    fields |= {"error.class": type(error), "error.retryable": error.retryable}
    fields["error.partial"] = error.partial is not None
    return fields | (_of_response("error.partial", error.partial) if error.partial is not None else {})


def _of_response(place: str, response: ModelResponse) -> dict[str, Any]:
    return {f"{place}.{name}": value for name, value in msgspec.structs.asdict(response).items()}


class Recorded:
    """Answers the first request as the fake API does, and every further one with the same bytes."""

    def __init__(self, answering: Any = None) -> None:
        self._answering = answering
        self._answer: Answer | None = None

    def __call__(self, request: RecordedRequest) -> Answer:
        if self._answer is None:
            api = Api(api_key=None, models=None, delay=0)
            self._answer = answer_for(self._answering, request, api=api)
        return self._answer


def plan_for_both(server: FakeOpenAI, behaviour: Behaviour | None = None) -> None:
    """Plan the same bytes for the next two requests, or the same end for the next two connections."""
    plan = plan_of(behaviour if behaviour is not None else ())
    if behaviour is not None and (plan.at_accept or isinstance(plan.answering, RawResponse)):
        server.plan(behaviour, behaviour)
    else:
        recorded = Respond(Recorded(plan.answering))
        server.plan((recorded, *plan.faults), (recorded, *plan.faults))


def sent(server: FakeOpenAI) -> dict[str, tuple[Any, Any]]:
    """Where the last two requests differ on the wire: the body as JSON, the headers by name, method, path and query."""
    one, other = (_on_the_wire(request) for request in server.requests[-2:])
    return {f"sent.{place}": values for place, values in differences(one, other).items()}


def _on_the_wire(request: RecordedRequest) -> dict[str, Any]:
    line = {"method": request.method, "path": request.path, "query": request.query, "version": request.http_version}
    return line | {"json": EXACT(request.json)} | {f"headers.{name}": value for name, value in request.headers.items()}
