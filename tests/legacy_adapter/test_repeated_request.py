"""Tests that a request made again and again in this thread is answered as one that is started."""

from __future__ import annotations

import itertools
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from legacy_openai import ResponseTooLargeError
from legacy_openai.body_reader import READ_SIZE
from legacy_openai.data_lines import DataLines
from shim.comparison.tee_rung.shared_codec import NotingCodec
from shim.legacy_adapter import LegacyProvider
from shim.model import ErrorCategory, InvalidRequestError, StreamEvent, TextDelta, UnsupportedFeatureError
from shim.model.caps import Caps
from shim.provider import Completion, ProviderClosedError
from shim.recording.exchange import TransportFault
from shim.recording.replay_adapter import ReplayAdapter
from tests.helpers.driving import HELLO, Heard, drive, start
from tests.helpers.exchanges import CHUNKS, exchange, sse, streamed
from tests.helpers.providers import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.legacy_adapter.repeated_request import RepeatedRequest
    from shim.recording.exchange import Exchange

_RESET = TransportFault(stage="body", kind="builtins.ConnectionResetError", message="Connection reset by peer")
_REFUSED = TransportFault(stage="connect", kind="requests.exceptions.ConnectionError", message="refused")

CASES: dict[str, Exchange] = {
    "whole": exchange(),
    "stream": streamed(),
    "error": exchange({"model": "m"}, b'{"error": {"message": "No.", "code": "c"}}', status=429),
    "error for a stream": streamed(b'{"error": {"message": "No."}}', status=500),
    "error in a stream": streamed(sse(CHUNKS[0], {"error": {"message": "No."}}, CHUNKS[1])),
    "nonsense in a stream": streamed(sse(CHUNKS[0], done=False), b"data: {\n\n", sse(CHUNKS[1])),
    "cut": streamed(sse(*CHUNKS[:2], done=False)),
    "reset": streamed(sse(*CHUNKS[:2], done=False), ended="failed", fault=_RESET),
    "refused": streamed(response=None, ended="failed", fault=_REFUSED),
    "interim": exchange({"model": "m"}, b"", status=102),
    "after the end": streamed(sse(*CHUNKS), sse(CHUNKS[1])),
}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """A session whose answers are mounted by the test."""
    with requests.Session() as made:
        yield made


@pytest.fixture
def provider(session: requests.Session) -> Iterator[LegacyProvider]:
    """The legacy client on that session."""
    with LegacyProvider(api_key=KEY, base_url="https://replay.invalid/v1", session=session) as made:
        yield made


def told(completion: Completion | None) -> Any:
    """A completion as far as it is the same each time."""
    assert completion is not None
    error = completion.error
    return (
        completion.response,
        completion.http_status,
        dict(completion.headers),
        error and (type(error), error.category, error.message, error.partial, error.body, error.code),
    )


def repeated(provider: LegacyProvider, *, stream: bool, keeps: bool = False) -> tuple[Completion, list[StreamEvent]]:
    """The request made in this thread."""
    events: list[StreamEvent] = []
    request = provider.repeated(HELLO, stream=stream)
    if stream and keeps:
        return request.run(keep=events), events
    return request.run(events.append if stream else None), events


@pytest.mark.parametrize("name", CASES)
def test_it_is_answered_as_one_that_is_started(name: str, session: requests.Session, provider: LegacyProvider) -> None:
    """Whatever the session answers, completion and events are those of a request that ran on a thread."""
    session.mount("https://", ReplayAdapter(CASES[name]))
    for stream in (True, False):
        heard = start(provider, stream=stream)
        drive(provider, heard.completions.copy)
        for keeps in (False, True):
            completion, events = repeated(provider, stream=stream, keeps=keeps)
            assert told(completion) == told(heard.completions[0])
            assert list(map(str, events)) == list(map(str, heard.events))


def test_it_is_made_as_often_as_it_is_run(session: requests.Session, provider: LegacyProvider) -> None:
    """Each run sends what the first one sent, starts no thread, and gives a completion with an id of its own."""
    sent: list[requests.PreparedRequest] = []
    events: list[StreamEvent] = []

    def answer(request: requests.PreparedRequest) -> Exchange:
        sent.append(request)
        return CASES["stream"]

    session.mount("https://", ReplayAdapter(answer))
    request = provider.repeated(HELLO, stream=True)
    threads = threading.active_count()
    completions = [request.run(events.append) for _ in range(3)]
    assert threading.active_count() == threads
    assert len({completion.handle.id for completion in completions}) == 3
    assert {(each.body, each.headers["Authorization"]) for each in sent} == {(sent[0].body, f"Bearer {KEY}")}
    assert len(events) % 3 == 0
    assert KEY not in repr(request)


def test_a_run_reads_by_the_codec_it_is_given(session: requests.Session, provider: LegacyProvider) -> None:
    """A codec given for one run is handed what the legacy client found of that answer alone, and tells the same."""
    session.mount("https://", ReplayAdapter(CASES["stream"]))
    request = provider.repeated(HELLO, stream=True)
    codec, events, others = NotingCodec(request.codec), [], []  # type: tuple[NotingCodec, list[StreamEvent], list[StreamEvent]]
    completion = request.run(events.append, codec=codec)
    assert told(completion) == told(request.run(others.append))
    assert events == others
    assert [json.loads(payload) for payload in codec.noted.payloads[:-1]] == list(CHUNKS)


def test_what_on_event_raises_ends_the_stream(session: requests.Session, provider: LegacyProvider) -> None:
    """An on_event that raises is not called again, and the completion carries what it raised."""
    session.mount("https://", ReplayAdapter(CASES["stream"]))
    seen: list[StreamEvent] = []

    def refuse(event: StreamEvent) -> None:
        seen.append(event)
        if event == TextDelta("Hel"):
            raise LookupError("enough")

    completion = provider.repeated(HELLO, stream=True).run(refuse)
    assert completion.error is not None
    assert completion.error.category is ErrorCategory.ABORTED
    assert isinstance(completion.error.__cause__, LookupError)
    assert seen[-1] == TextDelta("Hel")


def test_an_interrupt_leaves_it(session: requests.Session, provider: LegacyProvider) -> None:
    """A KeyboardInterrupt while it reads reaches who runs it, and the next run is answered."""
    session.mount("https://", ReplayAdapter(CASES["stream"]))
    request = provider.repeated(HELLO, stream=True)

    def interrupt(_event: StreamEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        request.run(interrupt)
    assert request.run(lambda _event: None).response is not None
    assert provider.info_read() == 0


def ready(provider: LegacyProvider) -> RepeatedRequest:
    """Any request."""
    return provider.repeated(HELLO, stream=True)


def test_pieces_are_joined_where_each_ends_a_line(provider: LegacyProvider) -> None:
    """Lines are joined with lines, up to what the client reads at once; a piece that ends within one stays as it is."""
    joined = ready(provider).joined
    assert list(joined([b"a\n", b"\n", b"b", b"c\n", b"d\r\n", b"e\r", b"\n", b"f"])) == [
        b"a\n\n",
        b"b",
        b"c\nd\r\n",
        b"e\r",
        b"\n",
        b"f",
    ]
    most = b"x" * (READ_SIZE - 2) + b"\n"
    assert list(joined([most, b"\n", b"\n", most + b"yz\n"])) == [most + b"\n", b"\n", most + b"yz\n"]
    assert not list(joined([]))


@given(
    body=st.lists(
        st.sampled_from([b"data: 1", b"data:2", b": c", b"\n", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"[DONE]"])
    ),
    cuts=st.lists(st.integers(0, 60)),
    most=st.sampled_from([6, 1000]),
)
def test_the_client_reads_the_same_of_pieces_that_are_joined(body: list[bytes], cuts: list[int], most: int) -> None:
    """The legacy client's reader of lines finds the same payloads, or fails at the same line, whatever lines are joined."""
    whole = b"".join(body)
    places = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    pieces = [whole[start:stop] for start, stop in itertools.pairwise(places) if start < stop]
    with LegacyProvider(api_key=KEY) as provider:
        together = list(ready(provider).joined(pieces))
    assert b"".join(together) == whole
    assert read(together, most=most) == read(pieces, most=most)


def read(pieces: list[bytes], *, most: int) -> tuple[list[bytes], bool]:
    """The payloads found, and whether a line was too long."""
    lines, found = DataLines(max_line=most), list[bytes]()
    try:
        for piece in pieces:
            found += lines.feed(piece)
        found += lines.finish()
    except ResponseTooLargeError:
        return found, True
    return found, False


def test_others_wait_for_their_own_turn(session: requests.Session, provider: LegacyProvider) -> None:
    """Requests that were started before are told by `perform` and `info_read`, each with its own answer."""

    def answer(request: requests.PreparedRequest) -> Exchange:
        return CASES["stream" if "event-stream" in request.headers["Accept"] else "whole"]

    session.mount("https://", ReplayAdapter(answer))
    heard = [start(provider, stream=stream) for stream in (True, False)]
    completion, _events = repeated(provider, stream=False)
    assert completion.response is not None
    assert not any(each.completions for each in heard)
    drive(provider, lambda: all(each.completions for each in heard))
    assert [len(each.completions) for each in heard] == [1, 1]


def test_a_closed_provider_makes_none(session: requests.Session, provider: LegacyProvider) -> None:
    """Closed by on_event or before, the provider is named as closed, and nothing more is told."""
    session.mount("https://", ReplayAdapter(CASES["stream"]))
    request, heard = provider.repeated(HELLO, stream=True), Heard()

    def close(event: StreamEvent) -> None:
        heard.on_event(event)
        provider.close()

    for _ in range(2):
        with pytest.raises(ProviderClosedError, match="legacy"):
            request.run(close)
    assert len(heard.events) == 1


def test_what_cannot_be_sent_is_refused_when_it_is_made_ready(provider: LegacyProvider) -> None:
    """A request or a key that cannot be sent is an error that names the field, before anything is sent."""
    with pytest.raises(InvalidRequestError, match="request"):
        provider.repeated("hello", stream=True)  # type: ignore[arg-type]  # what the test is about
    with (
        LegacyProvider(api_key="two words") as other,
        pytest.raises(InvalidRequestError, match=r"api_key.*spaces") as caught,
    ):
        other.repeated(HELLO, stream=False)
    assert "two words" not in str(caught.value)


def test_a_session_that_is_changed_is_refused(session: requests.Session, provider: LegacyProvider) -> None:
    """What the legacy client cannot honour is refused by name at the next run too."""
    session.mount("https://", ReplayAdapter(CASES["whole"]))
    request = provider.repeated(HELLO, stream=False)
    session.auth = ("user", "password")
    with pytest.raises(UnsupportedFeatureError, match=r"session\.auth is set"):
        request.run()


def test_its_streams_have_the_caps_of_the_provider(session: requests.Session) -> None:
    """A stream that brings more than the provider's caps allow ends as one that was started does."""
    session.mount("https://", ReplayAdapter(CASES["stream"]))
    with LegacyProvider(
        api_key=KEY, base_url="https://replay.invalid/v1", session=session, caps=Caps(text=3)
    ) as provider:
        completion, _events = repeated(provider, stream=True)
    assert completion.error is not None
    assert "text" in completion.error.message
