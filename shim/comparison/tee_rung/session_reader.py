"""Reading by a whole client: any provider that works on a `requests.Session`, given one that answers with recordings.

Not the recorded answer as `requests` sees it (`replay_adapter`) nor reading by the codecs alone (`codec_reader`). The client's
own code runs; only the connection is replaced.

Theory of operation. A replay waits for nothing, so threads gain nothing, and to start one costs more than to read a short answer.
So a provider that can make one request again and again in the calling thread (`LegacyProvider.repeated`) is asked for that. Any
other, and one whose `max_concurrency` the reader's owner gives, runs threads and all: where it can be told, one request at a
time; its requests are held until all of a batch are started, so that its one thread finds the next one waiting; and its loop is
driven once all have been asked for.
"""

from __future__ import annotations

import inspect
import selectors
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from msgspec import Struct
from msgspec.structs import replace

from shim.comparison.readers import ProviderMaker, Reader, has_quick_way
from shim.comparison.tee_rung.readings import Heard
from shim.comparison.tee_rung.replay_session import NUMBER, DeskAdapter, ReplaySession
from shim.comparison.tee_rung.shared_codec import Noted, NotingCodec
from shim.model import ModelRequest, StreamEvent, user
from shim.model.response import Api
from shim.provider import Completion, OnEvent, Provider
from shim.recording.exchange import UnreadableExchangeError
from shim.recording.reading import Reading
from shim.recording.recorded_answer import REPLAY_KEY, Presented, presented
from shim.recording.replay_adapter import ReplayAdapter

if TYPE_CHECKING:
    import requests

    from shim.calls import Codec
    from shim.recording.exchange import Exchange

READ_SECONDS = 30.0

_BASE_URL = "https://replay.invalid/v1"  # RFC 2606: resolves nowhere, should a provider not use the session
# A client stops reading a stream while a megabyte of it waits to be delivered: then its loop is driven at once, as it is for a
# batch that would hold much memory until then.
_UNDRIVEN_BYTES, _UNDRIVEN_BATCH = 512 * 1024, 4 * 1024 * 1024
_PIECE_BYTES = 64  # what a piece weighs besides its bytes
_ASKED = (user("replay"),)  # nobody receives it
_NOT_ASKED = "did not ask the session it was given; nothing was replayed"
_HEAD_START = 0.2  # seconds for the requests of a batch to be asked for, before its loop is driven all the same


class _Replay(Struct):
    """One replay under way."""

    exchange: Exchange
    answer: Presented
    events: list[StreamEvent]
    completion: Completion | None = None
    noted: Noted | None = None


class _Repeated(Protocol):
    """A request that is ready to be made, again and again."""

    codec: Codec

    def run(
        self, on_event: OnEvent | None = None, *, codec: Codec | None = None, keep: list[StreamEvent] | None = None
    ) -> Completion:
        """Make it, and read the answer to its end, by a codec that does as its own does; the events of a stream are kept."""
        ...

    def joined(self, pieces: Iterable[bytes]) -> Iterable[bytes]:
        """Join pieces of an answer where the client reads the same of them, and surely so."""
        ...


class _Repeating(Protocol):
    """A provider that can make one request again and again in the calling thread, as `LegacyProvider` can."""

    def repeated(self, request: ModelRequest, *, stream: bool) -> _Repeated:
        """Make the request ready."""
        ...


class SessionReader:
    """Reads by a provider on a session that replays. One provider serves many reads; it is made at the first.

    Args:
        maker: makes the provider; it is given `session`, `api_key`, `base_url` and the settings.
        seconds: how long a batch of reads may take before the provider is given up.
        apis: what the provider reads.
        settings: further arguments of the maker.
    """

    at_once = 64
    """Exchanges that are best given together; more are replayed so many at a time."""

    def __init__(
        self,
        maker: ProviderMaker,
        *,
        seconds: float = READ_SECONDS,
        apis: Sequence[Api] = ("chat_completions",),
        **settings: Any,
    ) -> None:
        self.name = str(settings.get("name") or _name_of(maker))
        self.apis = tuple(apis)
        self._maker = maker
        self._seconds = seconds
        self._settings = settings
        self._one_at_a_time = _takes(maker, "max_concurrency") and "max_concurrency" not in settings
        self._head_start = self._one_at_a_time
        self._desk = DeskAdapter()
        self._provider: Provider | None = None
        self._can_repeat = False
        self._repeated: dict[bool, _Repeated] = {}  # by whether a stream is asked for

    def read(self, exchange: Exchange) -> Reading:
        """Read one exchange; see `Reader`."""
        return self.read_all([exchange])[0]

    def read_all(self, exchanges: Sequence[Exchange]) -> list[Reading]:
        """Read many, some at a time; their readings in the order given.

        Raises:
            UnreadableExchangeError: one cannot be replayed, or the provider did not finish, or did not ask the session.
        """
        return [heard.reading() for heard in self.hear_all(exchanges)]

    def hear_all(self, exchanges: Sequence[Exchange]) -> list[Heard]:
        """What the provider's caller is told, many at a time; raises as `read_all` does."""
        heard: list[Heard] = []
        for start in range(0, len(exchanges), self.at_once):
            replays = [
                _Replay(exchange, presented(exchange), []) for exchange in exchanges[start : start + self.at_once]
            ]
            try:
                self._replay(replays)
            except BaseException:
                self.close()  # what is still under way must not answer a later read
                raise
            heard += [_heard(replay) for replay in replays]
        return heard

    def close(self) -> None:
        """Close the provider, and with it its threads."""
        provider, self._provider = self._provider, None
        if provider is not None:
            provider.close()
        self._repeated.clear()
        self._desk.clear()

    def _replay(self, replays: list[_Replay]) -> None:
        provider = self._provider = self._provider or self._made()
        if self._can_repeat:
            for replay in replays:
                self._repeat(cast("_Repeating", provider), replay)
        else:
            self._run(provider, replays)

    def _repeat(self, provider: _Repeating, replay: _Replay) -> None:
        """Make the one request again, in this thread, for one replay."""
        stream = replay.answer.streamed
        request = self._repeated.get(stream)
        if request is None:
            request = self._repeated[stream] = provider.repeated(ModelRequest("replay", _ASKED), stream=stream)
        answer = replay.answer
        several = len(answer.pieces) > 1
        self._desk.lay_only(replace(answer, pieces=tuple(request.joined(answer.pieces))) if several else answer)
        codec = NotingCodec(request.codec)
        replay.completion = request.run(keep=replay.events if stream else None, codec=codec)
        replay.noted = codec.noted
        if not self._desk.lay_only(None):
            raise UnreadableExchangeError(f"{self.name} {_NOT_ASKED}")

    def _run(self, provider: Provider, replays: list[_Replay]) -> None:
        """Ask for some replays, and drive the provider until all have ended."""
        deadline = time.monotonic() + self._seconds
        numbers = self._ask(provider, replays)
        with selectors.DefaultSelector() as selector:
            selector.register(provider.fileno(), selectors.EVENT_READ)
            while any(replay.completion is None for replay in replays):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise UnreadableExchangeError(f"{self.name} did not finish within {self._seconds:g} s")
                milliseconds = provider.timeout()
                selector.select(left if milliseconds < 0 else min(left, milliseconds / 1000))
                provider.perform()
                provider.info_read()
        if not self._desk.collect(numbers):
            raise UnreadableExchangeError(f"{self.name} {_NOT_ASKED}")

    def _ask(self, provider: Provider, replays: list[_Replay]) -> list[int]:
        """Start a request for each, and let its thread get ahead; the numbers under which their answers lie."""
        numbers = self._desk.lay_out([replay.answer for replay in replays], hold=self._one_at_a_time)
        try:
            for number, replay in zip(numbers, replays, strict=True):
                _start(provider, replay, number=number)
        finally:
            self._desk.release()
        weights = [_weight(replay) for replay in replays]
        if self._head_start and max(weights) < _UNDRIVEN_BYTES and sum(weights) < _UNDRIVEN_BATCH:
            self._head_start = self._desk.wait_until_taken(min(_HEAD_START, self._seconds))  # in vain once: never again
        return numbers

    def _made(self) -> Provider:
        session = ReplaySession(self._desk)
        own = {"api_key": REPLAY_KEY, "base_url": _BASE_URL} | ({"max_concurrency": 1} if self._one_at_a_time else {})
        provider = self._maker(**{**own, **self._settings, "session": session})
        self._can_repeat = "max_concurrency" not in self._settings and _repeats(provider, on=session)
        return provider


def _start(provider: Provider, replay: _Replay, *, number: int) -> None:
    def on_completion(completion: Completion) -> None:
        replay.completion = completion

    request = ModelRequest("replay", _ASKED, extra_headers={NUMBER: str(number)})
    if replay.answer.streamed:
        provider.start_stream(request, replay.events.append, on_completion)
    else:
        provider.start_request(request, on_completion)


def _repeats(provider: Provider, *, on: requests.Session) -> bool:
    """Whether a provider is a `_Repeating` one, with none around it, on this session and no other, which may keep it waiting."""
    itself = all(has_quick_way(provider, one=start, many="repeated") for start in ("start_request", "start_stream"))
    return itself and getattr(provider, "session", None) is on


def _heard(replay: _Replay) -> Heard:
    if replay.completion is None:
        raise UnreadableExchangeError("the provider gave no completion")
    answer = replay.answer
    kept = (replay.exchange, answer)
    return Heard(replay.completion, replay.events if answer.streamed else None, kept, replay.noted)


def _weight(replay: _Replay) -> int:
    """What an answer weighs in the buffers of its client, at most."""
    return sum(map(len, replay.answer.pieces)) + _PIECE_BYTES * len(replay.answer.pieces)


def _takes(maker: ProviderMaker, setting: str) -> bool:
    """Whether a maker names a setting among its parameters."""
    try:
        return setting in inspect.signature(maker).parameters
    except (TypeError, ValueError):
        return False  # nobody can say; such a one is told nothing


def reader_of(side: Reader | ProviderMaker) -> Reader:
    """A reader: itself, or one over what makes a provider."""
    if callable(getattr(side, "read", None)) and not isinstance(
        side, type
    ):  # as `Reader` has it, however it comes by it
        return cast("Reader", side)
    if not callable(side):
        raise TypeError(f"a side is a {type(side).__name__}; give a reader, or what makes a provider (LegacyProvider)")
    return SessionReader(side)


def _name_of(maker: ProviderMaker) -> str:
    name = getattr(maker, "__name__", type(maker).__name__)
    return str(name).removesuffix("Provider").lower() or "replayed"


__all__ = ["READ_SECONDS", "REPLAY_KEY", "ReplayAdapter", "SessionReader", "reader_of"]
