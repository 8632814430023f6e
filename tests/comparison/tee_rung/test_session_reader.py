"""Tests that a whole client reads recordings as itself, many at a time, within a time, and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from shim.comparison.readers import Reader
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.session_reader import SessionReader, reader_of
from shim.layers.layer import Layer
from shim.legacy_adapter import LegacyProvider
from shim.recording.exchange import TransportFault, UnreadableExchangeError
from shim.testing.script import Hang, Play
from shim.testing.scripted import ScriptedProvider
from tests.comparison.recorded_cases import CHAT, READ_OTHERWISE, exchange_of
from tests.helpers.driving import eventually
from tests.helpers.exchanges import CHUNKS, exchange, sse, streamed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from shim.provider import Provider


@pytest.fixture
def legacy() -> Iterator[SessionReader]:
    """The legacy client and adapter on a replaying session."""
    reader = SessionReader(LegacyProvider)
    yield reader
    reader.close()


def worded(reading: Any) -> Any:
    """A reading without the words of an error, which may be a library's."""
    return (
        reading.outcome,
        reading.http_status,
        {**(reading.error or {}), "message": ""},
        reading.response,
        reading.events,
    )


def test_a_client_reads_every_case_as_the_codecs_do(legacy: SessionReader) -> None:
    """One provider reads all recorded cases, whole and streamed, each with its own answer."""
    cases = [exchange_of(case) for name, case in CHAT.items() if name not in READ_OTHERWISE]
    expected = [worded(CodecReader().read(case)) for case in cases]
    assert [worded(reading) for reading in legacy.read_all(cases)] == expected
    assert [worded(legacy.read(case)) for case in cases] == expected


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        (TransportFault(stage="connect", kind="requests.exceptions.ConnectTimeout"), "timeout"),
        (TransportFault(stage="connect", kind="requests.exceptions.ConnectionError", message="refused"), "network"),
        (TransportFault(stage="headers", kind="requests.exceptions.ReadTimeout"), "timeout"),
        (TransportFault(stage="headers", kind="http.client.BadStatusLine", message="SSH-2.0"), "protocol"),
        (TransportFault(stage="headers", kind="requests.exceptions.SSLError"), "network"),
        (TransportFault(stage="headers", kind="truncated"), "truncated"),
    ],
)
@pytest.mark.parametrize("make", [exchange, streamed])
def test_a_failure_before_the_head_is_met_as_it_was(make: Any, fault: TransportFault, category: str) -> None:
    """Client and codecs name the same category, and no status, for a request that got no answer."""
    recorded = make(response=None, ended="failed", fault=fault)
    legacy = SessionReader(LegacyProvider)
    readings = (legacy.read(recorded), CodecReader().read(recorded))
    legacy.close()
    assert {(reading.error or {})["category"] for reading in readings} == {category}
    assert worded(readings[0]) == worded(readings[1])


@pytest.mark.parametrize("kind", ["timeout", "network", "truncated", "protocol", "urllib3.exceptions.DecodeError"])
def test_a_failure_in_the_body_is_met_as_it_was(legacy: SessionReader, kind: str) -> None:
    """Client and codecs name the same category and keep the same partial response."""
    fault = TransportFault(stage="body", kind=kind, message="as it was")
    for recorded in (
        streamed(sse(*CHUNKS[:2], done=False), ended="failed", fault=fault),
        exchange({"model": "m", "messages": []}, b'{"id":', ended="failed", fault=fault),
    ):
        assert worded(legacy.read(recorded)) == worded(CodecReader().read(recorded))


def test_the_splits_reach_the_client(monkeypatch: pytest.MonkeyPatch, legacy: SessionReader) -> None:
    """The legacy client's own reader of lines is fed the recorded segments, one by one where one ends within a line."""
    import legacy_openai.transfer as client
    from legacy_openai.data_lines import DataLines

    fed: list[bytes] = []

    class Watched(DataLines):
        def feed(self, data: bytes) -> list[bytes]:
            fed.append(data)
            return super().feed(data)

    monkeypatch.setattr(client, "DataLines", Watched)
    pieces = [sse(*CHUNKS)[at : at + 7] for at in range(0, len(sse(*CHUNKS)), 7)]
    legacy.read(streamed(*pieces))
    assert fed == pieces


def test_a_redirect_is_an_answer_like_any_other(legacy: SessionReader) -> None:
    """A recorded redirect is read, not followed."""
    recorded = exchange({"model": "m", "messages": []}, b"", status=302)
    assert worded(legacy.read(recorded)) == worded(CodecReader().read(recorded))


def test_closing_leaves_no_thread(legacy: SessionReader) -> None:
    """A reader that read many holds no thread once it is closed, and reads again with a new provider."""
    before = set(threading.enumerate())
    legacy.read_all([streamed()] * 40)
    legacy.close()
    eventually(lambda: set(threading.enumerate()) <= before)
    assert legacy.read(streamed()).outcome == "response"


def test_one_provider_serves_many_reads() -> None:
    """The provider is made at the first read, and once."""
    made: list[Any] = []

    def maker(**settings: Any) -> LegacyProvider:
        made.append(settings)
        return LegacyProvider(**settings)

    reader = SessionReader(maker, read_timeout=3.0)
    assert not made
    for _ in range(3):
        reader.read_all([exchange(), streamed()])
    reader.close()
    assert [settings["read_timeout"] for settings in made] == [3.0]
    assert "sk-" not in made[0]["api_key"]


def silent(**_settings: Any) -> ScriptedProvider:
    """Make a provider that never answers."""
    return ScriptedProvider([Play((Hang(),))])


def test_a_client_that_hangs_is_given_up() -> None:
    """A provider that does not finish within its time is an unreadable exchange, not a hanging comparison."""
    started = time.monotonic()
    with pytest.raises(UnreadableExchangeError, match=r"silent did not finish within 0\.2 s"):
        SessionReader(silent, seconds=0.2).read(exchange())
    assert time.monotonic() - started < 5


def test_a_client_that_asks_elsewhere_is_found_out() -> None:
    """A provider that leaves the session alone has read nothing of the recording, and that is said."""

    def elsewhere(*, session: requests.Session, api_key: str, base_url: str) -> LegacyProvider:
        del session, base_url
        return LegacyProvider(api_key=api_key, base_url="http://127.0.0.1:9/v1")

    with pytest.raises(UnreadableExchangeError, match="did not ask the session"):
        SessionReader(elsewhere).read(exchange())


def test_a_failed_read_is_not_met_by_the_next(legacy: SessionReader) -> None:
    """After a batch that failed the reader reads the next one as if nothing had been."""
    with pytest.raises(UnreadableExchangeError, match="larger than was kept"):
        legacy.read_all([streamed(), exchange(ended="overflow")])
    assert worded(legacy.read(streamed())) == worded(CodecReader().read(streamed()))


def test_a_reader_is_taken_as_it_is_and_a_maker_gets_one() -> None:
    """Readers pass unchanged, what makes providers becomes a reader named for it, anything else is refused."""
    codecs = CodecReader()
    assert reader_of(codecs) is codecs
    made = reader_of(LegacyProvider)
    assert isinstance(made, SessionReader)
    assert made.name == "legacy"
    assert isinstance(made, Reader)
    with pytest.raises(TypeError, match="give a reader"):
        reader_of(cast("Any", "legacy"))


def layered(*, max_concurrency: int, session: requests.Session, api_key: str, base_url: str) -> Layer:
    """Make the legacy client with a layer around it, which cannot repeat a request."""
    return Layer(LegacyProvider(max_concurrency=max_concurrency, session=session, api_key=api_key, base_url=base_url))


@pytest.mark.parametrize(("maker", "is_calling"), [(LegacyProvider, True), (layered, False)])
def test_a_batch_needs_one_thread(maker: Any, is_calling: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter of pytest's
    """However many are read together, one thread reads them all: the calling one, where the provider can repeat a request."""
    from legacy_openai.data_lines import DataLines

    seen: list[threading.Thread] = []

    class Watched(DataLines):
        def __init__(self) -> None:
            seen.append(threading.current_thread())
            super().__init__()

    monkeypatch.setattr("legacy_openai.transfer.DataLines", Watched)
    reader = SessionReader(maker)
    assert len(reader.hear_all([streamed()] * 40)) == len(seen) == 40
    reader.close()
    assert len(set(seen)) == 1
    assert (seen[0] is threading.current_thread()) is is_calling


@pytest.mark.slow
def test_what_overfills_a_client_s_buffer_is_read_all_the_same(legacy: SessionReader) -> None:
    """A stream of more than a client reads ahead is delivered as it comes, among others that are short."""
    large = sse(*(CHUNKS[1] for _ in range(12_000)), CHUNKS[3])
    cases = [streamed(), streamed(large[:700_000], large[700_000:]), streamed()]
    assert len(large) > 1 << 20
    assert [len(reading.events or ()) for reading in legacy.read_all(cases)] == [
        len(CodecReader().read(case).events or ()) for case in cases
    ]


@pytest.mark.parametrize(("settings", "given"), [({}, 1), ({"max_concurrency": 7}, 7)])
def test_a_provider_is_told_to_run_one_at_a_time(settings: dict[str, Any], given: int) -> None:
    """What makes a provider gets `max_concurrency` where it names it, unless the reader's owner gave another."""
    made: list[int] = []

    def maker(*, max_concurrency: int, **others: Any) -> LegacyProvider:
        made.append(max_concurrency)
        return LegacyProvider(max_concurrency=max_concurrency, **others)

    reader = SessionReader(maker, **settings)
    assert len(reader.read_all([exchange(), streamed()])) == 2
    reader.close()
    assert made == [given]


def test_a_provider_that_needs_driving_is_driven() -> None:
    """A provider that asks for nothing until its loop runs is waited for once, and read as any other."""

    def maker(*, max_concurrency: int, session: requests.Session, api_key: str, base_url: str) -> Provider:
        del max_concurrency
        return cast("Provider", Driven(LegacyProvider(session=session, api_key=api_key, base_url=base_url)))

    reader = SessionReader(maker)
    started = time.monotonic()
    for _ in range(4):
        assert [worded(each) for each in reader.read_all([streamed()] * 3)] == [
            worded(CodecReader().read(streamed()))
        ] * 3
    assert time.monotonic() - started < 5
    reader.close()


class Driven:
    """A provider that starts nothing before it is performed."""

    def __init__(self, inner: LegacyProvider) -> None:
        self._inner = inner
        self._waiting: list[Any] = []

    def start_stream(self, *arguments: Any) -> None:
        """Note the request."""
        self._waiting.append(arguments)

    def timeout(self) -> int:
        """At once, while requests wait."""
        return 0 if self._waiting else self._inner.timeout()

    def perform(self) -> int:
        """Start what waits, and go on."""
        while self._waiting:
            self._inner.start_stream(*self._waiting.pop(0))
        return self._inner.perform()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
