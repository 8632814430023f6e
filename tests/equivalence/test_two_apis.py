"""Tests that the native provider tells the same of Chat Completions and of Responses, where a server answers both alike."""

from __future__ import annotations

from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest
from msgspec.structs import replace

from shim.model.response import Api
from shim.native import NativeProvider
from shim.testing.fake_openai import Cut, FakeOpenAI, Reset, Status, Where, error_event, stream_failed
from tests.equivalence.answers import STATUSES
from tests.equivalence.both import differences
from tests.equivalence.cases import FORMS
from tests.equivalence.questions import QUESTIONS, TEXT
from tests.equivalence.table import CHAT_AND_RESPONSES, check
from tests.helpers.driving import Heard, ask
from tests.helpers.events import assert_well_formed
from tests.helpers.providers import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from shim.model import ModelRequest, StreamEvent
    from shim.testing.fake_openai import Behaviour

both_forms = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
# Events before the third piece of text is through: an opener, or the announcements of the response, its item and its part.
CHAT_EVENTS, RESPONSES_EVENTS = 1 + 3, 4 + 3
FAILING: dict[str, tuple[Behaviour, ...]] = {
    # One behaviour for both APIs, or one for each.
    **{name: (behaviour,) for name, behaviour in STATUSES.items() if isinstance(behaviour, Status)},
    "unknown model": (),
    "cut before the headers": (Cut(Where.BEFORE_HEADERS),),
    "reset before the headers": (Reset(Where.BEFORE_HEADERS),),
    "cut after the headers": (Cut(),),
    "cut in the text": (Cut(after_events=CHAT_EVENTS), Cut(after_events=RESPONSES_EVENTS)),
    "failed": (stream_failed(after_events=CHAT_EVENTS), stream_failed(after_events=RESPONSES_EVENTS)),
    "failed at once": (stream_failed(after_events=0),),
    "an error event": (error_event(after_events=CHAT_EVENTS), error_event(after_events=RESPONSES_EVENTS)),
    "a flat error event": (
        error_event(nested=False, after_events=CHAT_EVENTS),
        error_event(nested=False, after_events=RESPONSES_EVENTS),
    ),
}
ONLY_IN_STREAMS = ("cut in the text",)


class TwoApis:
    """Two servers in the same state, and a native provider for each: one speaks Chat Completions, one Responses."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self.servers = [self._open.enter_context(FakeOpenAI()) for _ in range(2)]
        self.chat, self.responses = (
            self._open.enter_context(NativeProvider(api_key=KEY, base_url=server.base_url, api=api))
            for server, api in zip(self.servers, get_args(Api), strict=True)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._open.close()

    def ask(self, request: ModelRequest, *, stream: bool) -> tuple[Heard, Heard]:
        """Ask both."""
        return ask(self.chat, request, stream=stream), ask(self.responses, request, stream=stream)


@pytest.fixture
def apis() -> Iterator[TwoApis]:
    """Both APIs, never asked before."""
    with TwoApis() as made:
        yield made


def told(heard: Heard) -> dict[str, Any]:
    """What a caller who does not know the API is told, by place."""
    error, response = heard.completion.error, heard.completion.response
    places: dict[str, Any] = {"http_status": heard.completion.http_status, "events": _kinds(heard.events)}
    if error is not None:
        names = ("category", "message", "code", "type", "param", "retry_after_ms", "retryable", "request_id")
        places["error.partial.text"] = error.partial.text if error.partial else ""
        return places | {f"error.{name}": getattr(error, name) for name in names}
    assert response is not None
    calls = [(call.kind, call.name, call.arguments) for call in response.tool_calls]
    places |= {"tool_calls": calls, "class": type(heard.events[-1]) if heard.events else None}
    places |= {name: getattr(response, name) for name in ("text", "refusal", "finish_reason", "model")}
    usage = {} if response.usage is None else msgspec.structs.asdict(response.usage)
    return places | {f"usage.{name}": value for name, value in usage.items() if name != "details"}


def _kinds(events: list[StreamEvent]) -> list[Any]:
    """The classes of the events in order, and the text of each piece."""
    return [(type(event), getattr(event, "text", None), getattr(event, "arguments", None)) for event in events]


@both_forms
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_same_question_has_the_same_answer(*, apis: TwoApis, name: str, stream: bool) -> None:
    """Text, calls, refusal, finish reason, usage and events are the same whichever API carries them, save for the table's."""
    pair = apis.ask(QUESTIONS[name], stream=stream)
    for heard in pair if stream else ():
        assert_well_formed(heard.events)
    found = differences(*map(told, pair))
    check(f"{'stream' if stream else 'whole'}/asked/{name}", found, rows=CHAT_AND_RESPONSES)


@pytest.mark.parametrize(
    ("name", "stream"),
    [(name, stream) for name in FAILING for stream in FORMS.values() if stream or name not in ONLY_IN_STREAMS],
)
def test_the_same_failure_is_the_same_error(*, apis: TwoApis, name: str, stream: bool) -> None:
    """A status, a break or a failure has the same category, code and words whichever API carries it, save for the table's."""
    planned = FAILING[name]
    for server, behaviour in zip(apis.servers, planned * 2, strict=False):  # of one, both get it
        server.plan(behaviour)
    request = replace(TEXT, model="no-such-model") if name == "unknown model" else TEXT
    pair = apis.ask(request, stream=stream)
    assert not any(heard.completion.ok for heard in pair)
    found = differences(*map(told, pair))
    check(f"{'stream' if stream else 'whole'}/failing/{name}", found, rows=CHAT_AND_RESPONSES)


def test_every_row_of_the_table_has_its_cases() -> None:
    """Each row gives a reason, and each of its patterns names a case there is."""
    places = [f"asked/{name}" for name in QUESTIONS] + [f"failing/{name}" for name in FAILING]
    names = [f"{form}/{place}" for place in places for form in ("whole", "stream")]
    for row in CHAT_AND_RESPONSES:
        assert row.reason
        assert all(any(fnmatchcase(name, pattern) for name in names) for pattern in row.cases)
