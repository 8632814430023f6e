"""Tests of shim.comparison.live.experiment: everything passes through untouched, and each exchange finds its request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
import requests
from msgspec.structs import replace

from shim.client import Client
from shim.comparison.live.experiment import Experiment
from shim.comparison.live.live_comparison import Counts, LiveComparison
from shim.comparison.live.request_links import Pairs
from shim.comparison.verdict import Outcome, Verdict
from shim.factory import create_comparer, create_provider
from shim.layers import Layer
from shim.legacy_adapter import LegacyProvider
from shim.loops.select_loop import run
from shim.model import InvalidRequestError, ModelRequest, StreamEvent, TextDelta, UnsupportedFeatureError, user
from shim.provider import CallOptions, Completion, OnCompletion, OnEvent, Provider, RequestHandle
from shim.recording.exchange import PAIR_HEADER
from shim.recording.files import read_exchanges
from shim.testing.fake_openai import FakeOpenAI, Stall, Where, rate_limited
from shim.testing.scripted import ScriptedProvider, answer, text_stream
from shim.transfer_observer import SentRequest
from tests.comparison.live_parts import Compares, eventually, raising

REQUEST = ModelRequest("gpt-4o-mini", (user("Hello"),), temperature=0.2, conversation_id="c1")
TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")
KINDS = ("legacy", "native")


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    """A server that answers whatever comes."""
    with FakeOpenAI() as running:
        yield running


class Kept:
    """What one request brought its caller."""

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []
        self.completions: list[Completion] = []

    @property
    def completion(self) -> Completion:
        """The one completion."""
        (completion,) = self.completions
        return completion


def ask(provider: Provider, request: ModelRequest = REQUEST, *, stream: bool = True) -> Kept:
    """Ask and drive until the answer is there."""
    kept = Kept()
    if stream:
        provider.start_stream(request, kept.events.append, kept.completions.append)
    else:
        provider.start_request(request, kept.completions.append)
    run(provider, until=lambda: bool(kept.completions))
    return kept


def made(kind: str, server: FakeOpenAI, **settings: Any) -> Provider:
    """A provider of a kind on the server."""
    return create_provider(kind, api_key="sk-test", base_url=server.base_url, **settings)


def scripted(*plays: Any) -> tuple[ScriptedProvider, requests.Session]:
    """A scripted provider, and a session to tap as it has none."""
    return ScriptedProvider(plays), requests.Session()


def test_everything_passes_through_as_it_is() -> None:
    """Handle, events and completion are the control's own objects."""
    given: list[object] = []

    class Control(ScriptedProvider):
        def start_stream(
            self,
            request: ModelRequest,
            on_event: OnEvent,
            on_completion: OnCompletion,
            *,
            options: CallOptions | None = None,
        ) -> RequestHandle:
            def note_event(event: StreamEvent) -> object:
                given.append(event)
                return on_event(event)

            def note_completion(completion: Completion) -> object:
                given.append(completion)
                return on_completion(completion)

            given.append(super().start_stream(request, note_event, note_completion, options=options))
            return given[-1]  # type: ignore[return-value]  # just appended

    control = Control([text_stream("Hel", "lo")])
    with LiveComparison(Compares()) as live, Experiment(control, live, tapped=requests.Session()) as experiment:
        kept = Kept()
        handle = experiment.start_stream(REQUEST, kept.events.append, kept.completions.append)
        run(experiment, until=lambda: bool(kept.completions))
        assert experiment.name == control.name
        assert experiment.fileno() == control.fileno()
    assert list(map(id, [handle, *kept.events, kept.completion])) == list(map(id, given))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True])
def test_each_exchange_comes_with_its_request_and_context(kind: str, *, stream: bool, server: FakeOpenAI) -> None:
    """What compares gets the application's own request, `on_verdict` its context, and the wire none of it."""
    seen: list[str] = []
    compares = Compares()

    def note(verdict: Verdict) -> None:
        seen.append(TENANT.get())

    TENANT.set("anna")
    with LiveComparison(compares, on_verdict=note) as live, Experiment(made(kind, server), live) as experiment:
        kept = ask(experiment, stream=stream)
        TENANT.set("otto")
        assert live.flush()
    assert kept.completion.ok
    ((exchange, request),) = compares.asked
    assert request == REQUEST
    assert request is not REQUEST  # the application's own lives and dies as it likes
    assert seen == ["anna"]
    sent = server.requests[-1]
    assert PAIR_HEADER.lower() not in {name.lower() for name in dict(sent.headers)}
    assert exchange.request.body == sent.body
    assert exchange.pair_id
    assert PAIR_HEADER.lower() not in {name.lower() for name, _ in exchange.request.headers}


@pytest.mark.parametrize("kind", KINDS)
def test_many_requests_at_once_each_find_their_own(kind: str, server: FakeOpenAI) -> None:
    """Of twenty requests at once every exchange comes with the request whose bytes it holds, and nothing stays held."""
    compares = Compares()
    with LiveComparison(compares, max_share=1) as live, Experiment(made(kind, server), live) as experiment:
        kept = Kept()
        for number in range(20):
            request = replace(REQUEST, messages=(user(f"number {number}."),))
            experiment.start_stream(request, kept.events.append, kept.completions.append)
        run(experiment, until=lambda: len(kept.completions) == 20)
        eventually(lambda: live.counts.compared == 20)
        eventually(lambda: len(experiment._pairs) == 0)
    assert len({exchange.pair_id for exchange, _ in compares.asked}) == 20
    for exchange, linked in compares.asked:
        assert linked is not None
        assert linked.messages[0].text.encode() in (exchange.request.body or b"")


def test_the_real_comparison_runs_beside_the_legacy_client(server: FakeOpenAI) -> None:
    """Legacy traffic is held against the native provider live, on both rungs, and matches, errors too."""
    settings = {"base_url": server.base_url, "default_temperature": 0.7}
    before = threading.active_count()
    with (
        LiveComparison(lambda: create_comparer(candidate_settings=settings), max_share=1) as live,
        Experiment(made("legacy", server), live) as experiment,
    ):
        ask(experiment)
        ask(experiment, stream=False)
        ask(experiment, ModelRequest("gpt-4o-mini", (user("Hello"),)))
        server.plan(rate_limited(retry_after=1))
        assert not ask(experiment).completion.ok
        assert live.flush(10)
    assert live.counts == Counts(submitted=4, compared=4, match=8)
    assert threading.active_count() == before


def test_a_difference_on_the_wire_is_told_live(server: FakeOpenAI, tmp_path: Path) -> None:
    """A candidate that would send something else is a mismatch that names the place, live and what is kept says so."""
    verdicts: list[Verdict] = []
    kept = tmp_path / "mismatches.jsonl"
    bare = ModelRequest("gpt-4o-mini", (user("Hello"),))

    def comparer() -> Any:
        return create_comparer(candidate_settings={"base_url": server.base_url})  # no default temperature

    with (
        LiveComparison(comparer, on_verdict=verdicts.append, record_to=kept, max_warnings=0) as live,
        Experiment(made("legacy", server), live) as experiment,
    ):
        assert ask(experiment, bare).completion.ok
    wire = next(verdict for verdict in verdicts if verdict.rung == "wire")
    assert wire.outcome is Outcome.MISMATCH
    assert [mismatch.path for mismatch in wire.mismatches] == ["body.temperature"]
    assert "temperature" in wire.message
    (exchange,) = read_exchanges(kept)
    assert exchange.context["verdicts"][0]["outcome"] == "mismatch"
    with comparer() as again:  # the bytes alone say what was sent, and not that nobody had asked for it
        asked_again = [again.compare(exchange, request=request)[0].outcome for request in (bare, None)]
    assert asked_again == [Outcome.MISMATCH, Outcome.MATCH]


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(1)])
def test_a_candidate_that_breaks_leaves_the_control_alone(error: BaseException, server: FakeOpenAI) -> None:
    """Whatever comparing raises, the control answers as ever."""
    told: list[BaseException] = []
    compares = Compares(act=raising(error))
    with LiveComparison(compares, on_error=told.append) as live, Experiment(made("legacy", server), live) as experiment:
        assert ask(experiment).completion.ok
        assert live.flush()
        assert ask(experiment).completion.ok
    assert told == [error, error]
    assert live.counts == Counts(submitted=2, errors=2)


def test_a_broken_link_leaves_the_request_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a request cannot be linked that is counted, and the request itself is started, the very object."""
    told: list[BaseException] = []
    control, session = scripted(answer("Hi"))
    with (
        LiveComparison(Compares(), on_error=told.append) as live,
        Experiment(control, live, tapped=session) as experiment,
    ):
        monkeypatch.setattr(Pairs, "new_id", raising(MemoryError()))
        assert ask(experiment, stream=False).completion.ok
    assert control.requests[0] is REQUEST
    assert live.counts.callback_errors == len(told) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_request_is_refused_in_the_controls_words(kind: str, server: FakeOpenAI) -> None:
    """What the control refuses it refuses as without the experiment, and nothing stays held."""
    bare = made(kind, server)
    bad: list[Any] = [
        ModelRequest("gpt-4o-mini", ()),
        replace(REQUEST, extra_headers={"x": 5}),
        replace(REQUEST, extra_headers=None),
        None,
    ]
    with LiveComparison(Compares()) as live, Experiment(made(kind, server), live) as experiment:
        for request in bad:
            told = []
            for provider in (bare, experiment):
                with pytest.raises((InvalidRequestError, UnsupportedFeatureError, TypeError)) as raised:
                    provider.start_request(request, print)
                told.append((type(raised.value), str(raised.value)))
            assert told[0] == told[1]
        for callback in (None, 5):
            with pytest.raises(TypeError, match="on_completion"):
                experiment.start_request(REQUEST, callback)  # type: ignore[arg-type]  # what it is about
        assert len(experiment._pairs) == 0
    bare.close()


def test_a_cancelled_request_finds_its_exchange_too(server: FakeOpenAI) -> None:
    """A stream cancelled on its way is compared with its request, though its exchange ends after its completion."""
    compares = Compares()
    with LiveComparison(compares, max_share=1) as live, Experiment(made("legacy", server), live) as experiment:
        kept = Kept()
        slow = replace(REQUEST, model="fake-paced-100x40")
        handle = experiment.start_stream(slow, kept.events.append, kept.completions.append)
        run(experiment, until=lambda: any(isinstance(event, TextDelta) for event in kept.events))
        experiment.cancel(handle)
        run(experiment, until=lambda: bool(kept.completions))
        eventually(lambda: live.counts.compared == 1)
    ((exchange, request),) = compares.asked
    assert request == slow
    assert exchange.ended in ("aborted", "failed")  # the legacy client cuts the connection under its own reader


def test_what_is_open_when_it_is_closed_is_delivered_and_recorded(server: FakeOpenAI) -> None:
    """Closing delivers open requests as cancelled, restores the session, and leaves the comparison open."""
    compares = Compares()
    control = LegacyProvider(api_key="sk-test", base_url=server.base_url)
    session = control.session
    before = dict(session.adapters)
    server.plan(Stall(Where.BEFORE_HEADERS))
    with LiveComparison(compares, max_share=1) as live:
        experiment = Experiment(control, live)
        assert dict(session.adapters) != before
        kept = Kept()
        asked = len(server.requests)
        experiment.start_request(REQUEST, kept.completions.append)
        eventually(lambda: len(server.requests) > asked)
        experiment.close()
        experiment.close()
        assert kept.completion.error is not None
        assert dict(session.adapters) == before
        assert len(experiment._pairs) == 0
        with Experiment(made("legacy", server), live) as another:
            assert ask(another).completion.ok
            assert live.flush()
        assert live.counts.compared == 2


class Retries(Layer):
    """A layer that starts a request once more when it fails; as much of it as the test needs."""

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Start, and once more where that fails."""

        def judge(completion: Completion) -> object:
            return on_completion(completion) if completion.ok else self._provider.start_request(request, on_completion)

        return self._provider.start_request(request, judge, options=options)


def test_a_layer_between_is_no_obstacle(server: FakeOpenAI) -> None:
    """Around a layer that retries, with the provider inside given as `tapped`, each attempt comes with the request."""
    compares = Compares()
    inner = made("legacy", server)
    server.plan(rate_limited(retry_after=0))
    with LiveComparison(compares) as live, Experiment(Retries(inner), live, tapped=inner) as experiment:
        assert ask(experiment, stream=False).completion.ok
        assert live.flush()
    assert [request for _, request in compares.asked] == [REQUEST, REQUEST]
    first, second = (exchange for exchange, _ in compares.asked)
    assert first.pair_id == second.pair_id
    assert [exchange.response.status for exchange in (first, second) if exchange.response] == [429, 200]


def test_one_comparison_serves_experiments_on_many_threads(server: FakeOpenAI) -> None:
    """Experiments on several threads, each with its provider, hand over to one comparison."""
    compares = Compares()

    def work() -> None:
        with Experiment(made("legacy", server), live) as experiment:
            for _ in range(5):
                ask(experiment)

    with LiveComparison(compares, max_share=1) as live:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert live.counts == Counts(submitted=20, compared=20, match=20)
    assert all(request == REQUEST for _, request in compares.asked)


def test_a_client_may_be_an_experiment(server: FakeOpenAI) -> None:
    """A client whose kind makes experiments compares what its threads ask, and answers as ever."""
    compares = Compares()
    with LiveComparison(compares) as live:

        def kind() -> Provider:
            return Experiment(made("legacy", server), live)

        with Client(kind) as client:
            assert client.complete(REQUEST).text
            with client.stream(REQUEST) as events:
                assert list(events)
        assert live.flush()
    assert [request for _, request in compares.asked] == [REQUEST, REQUEST]


def test_other_traffic_on_the_session_is_compared_by_its_bytes(server: FakeOpenAI) -> None:
    """What somebody else sends through the same session is compared too, with no request to go by."""
    compares, session = Compares(), requests.Session()
    with LiveComparison(compares) as live, Experiment(made("legacy", server, session=session), live):
        session.get(f"{server.base_url}/models", headers={"Authorization": "Bearer sk-test"}, timeout=5)
    assert [request for _, request in compares.asked] == [None]
    session.close()


def test_what_cannot_be_tapped_is_refused() -> None:
    """A provider without a session or transfers to watch is refused, unless what is tapped is given."""
    control = ScriptedProvider([])
    with LiveComparison(Compares()) as live, pytest.raises(TypeError, match="cannot be tapped"):
        Experiment(control, live)
    control.close()


def test_an_observer_that_fails_is_counted_and_costs_no_request(
    monkeypatch: pytest.MonkeyPatch, server: FakeOpenAI
) -> None:
    """Where the linking fails inside a watched start, the request is sent all the same, and compared by its bytes."""

    def replace_requests_alone(found: Any, **changes: Any) -> Any:
        if isinstance(found, SentRequest):
            raise ZeroDivisionError
        return replace(found, **changes)

    compares = Compares()
    with LiveComparison(compares) as live, Experiment(made("native", server), live) as experiment:
        monkeypatch.setattr("shim.comparison.live.experiment.replace", replace_requests_alone)
        assert ask(experiment).completion.ok
    assert [request for _, request in compares.asked] == [None]
    assert live.counts.callback_errors == 1
