"""Reading by a whole client: any provider that works on a `requests.Session`, given one that answers with recordings.

Not the recorded answer as `requests` sees it (`replay_adapter`) nor reading by the codecs alone (`codec_reader`). The client's
own code runs, threads and all; only the connection is replaced.
"""

from __future__ import annotations

import itertools
import selectors
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import requests
from msgspec import Struct
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict

from shim.comparison.presented import REPLAY_KEY, Presented, presented
from shim.comparison.reading import Reading
from shim.comparison.sides import ProviderMaker, Reader, UnreadableExchangeError
from shim.comparison.tee.replay_adapter import ReplayAdapter, respond
from shim.comparison.tee.told import reading_of
from shim.model import ModelRequest, StreamEvent, user
from shim.model.response import Api
from shim.provider import Completion, Provider

if TYPE_CHECKING:
    from shim.comparison.exchange import Exchange

READ_SECONDS = 30.0

_BASE_URL = "http://replay.invalid/v1"  # RFC 2606: resolves nowhere, should a provider not use the session
_NUMBER = "X-Shim-Replay"
_AT_ONCE = 16  # replays under way in one provider


class _Replay(Struct):
    """One replay under way."""

    answer: Presented
    events: list[StreamEvent]
    completion: Completion | None = None


class SessionReader:
    """Reads by a provider on a session that replays. One provider serves many reads; it is made at the first.

    Args:
        maker: makes the provider; it is given `session`, `api_key`, `base_url` and the settings.
        seconds: how long a batch of reads may take before the provider is given up.
        apis: what the provider reads.
        settings: further arguments of the maker.
    """

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
        self._desk = _DeskAdapter()
        self._provider: Provider | None = None

    def read(self, exchange: Exchange) -> Reading:
        """Read one exchange; see `Reader`."""
        return self.read_all([exchange])[0]

    def read_all(self, exchanges: Sequence[Exchange]) -> list[Reading]:
        """Read many, some at a time; their readings in the order given.

        Raises:
            UnreadableExchangeError: one cannot be replayed, or the provider did not finish, or did not ask the session.
        """
        readings: list[Reading] = []
        for start in range(0, len(exchanges), _AT_ONCE):
            replays = [_Replay(presented(exchange), []) for exchange in exchanges[start : start + _AT_ONCE]]
            try:
                self._run(replays)
            except BaseException:
                self.close()  # what is still under way must not answer a later read
                raise
            readings += [_reading(replay) for replay in replays]
        return readings

    def close(self) -> None:
        """Close the provider, and with it its threads."""
        provider, self._provider = self._provider, None
        if provider is not None:
            provider.close()
        self._desk.clear()

    def _run(self, replays: list[_Replay]) -> None:
        provider = self._provider = self._provider or self._made()
        numbers = [self._desk.lay_out(replay.answer) for replay in replays]
        for number, replay in zip(numbers, replays, strict=True):
            _start(provider, replay, number=number)
        self._drive(provider, replays)
        if not self._desk.collect(numbers):
            raise UnreadableExchangeError(f"{self.name} did not ask the session it was given; nothing was replayed")

    def _made(self) -> Provider:
        session = _ReplaySession(self._desk)
        return self._maker(**{"api_key": REPLAY_KEY, "base_url": _BASE_URL, **self._settings, "session": session})

    def _drive(self, provider: Provider, replays: list[_Replay]) -> None:
        deadline = time.monotonic() + self._seconds
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


def _start(provider: Provider, replay: _Replay, *, number: int) -> None:
    def on_completion(completion: Completion) -> None:
        replay.completion = completion

    request = ModelRequest("replay", (user("replay"),), extra_headers={_NUMBER: str(number)})
    if replay.answer.streamed:
        provider.start_stream(request, replay.events.append, on_completion)
    else:
        provider.start_request(request, on_completion)


def _reading(replay: _Replay) -> Reading:
    if replay.completion is None:
        raise UnreadableExchangeError("the provider gave no completion")
    return reading_of(replay.completion, replay.events if replay.answer.streamed else None)


class _DeskAdapter(BaseAdapter):
    """Where the answers lie that are to be given, by number. The reader lays them out, the client's threads take them."""

    def __init__(self) -> None:
        super().__init__()
        self._builder = HTTPAdapter()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._answers: dict[int, Presented] = {}
        self._taken: set[int] = set()

    def lay_out(self, answer: Presented) -> int:
        """Keep an answer; the number a request must name for it."""
        with self._lock:
            number = next(self._numbers)
            self._answers[number] = answer
        return number

    def collect(self, numbers: Sequence[int]) -> bool:
        """Put answers away; whether every one was asked for."""
        with self._lock:
            for number in numbers:
                del self._answers[number]
            taken = self._taken.issuperset(numbers)
            self._taken.difference_update(numbers)
        return taken

    def clear(self) -> None:
        """Put all away."""
        with self._lock:
            self._answers.clear()
            self._taken.clear()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - the signature of requests
        timeout: Any = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - the signature of requests
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Give the answer whose number the request names."""
        del stream, timeout, verify, cert, proxies
        number = request.headers.get(_NUMBER, "")
        with self._lock:
            answer = self._answers.get(int(number)) if number.isascii() and number.isdigit() else None
            if answer is None:
                raise requests.ConnectionError("nothing is laid out for this request", request=request)
            self._taken.add(int(number))
        return respond(request, answer, builder=self._builder)

    def close(self) -> None:
        """Hold nothing."""


class _ReplaySession(requests.Session):
    """A session without environment, cookies or redirects: none has a part in reading an answer."""

    def __init__(self, adapter: BaseAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """The request with what names its answer, and no more: to write what nobody reads is half the cost of a replay."""
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url = request.method, request.url
        prepared.headers = CaseInsensitiveDict(request.headers or {})
        prepared.body = request.data if isinstance(request.data, bytes) else None
        prepared.hooks = default_hooks()
        return prepared

    def merge_environment_settings(self, *_args: Any, **_kwargs: Any) -> Any:
        """Nothing of the environment."""
        return {"proxies": {}, "stream": True, "verify": True, "cert": None}

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No target, whatever the response says."""
        del resp


def reader_of(side: Reader | ProviderMaker) -> Reader:
    """A reader: itself, or one over what makes a provider."""
    if isinstance(side, Reader) and not isinstance(side, type):
        return side
    if not callable(side):
        raise TypeError(f"a side is a {type(side).__name__}; give a reader, or what makes a provider (LegacyProvider)")
    return SessionReader(cast("ProviderMaker", side))


def _name_of(maker: ProviderMaker) -> str:
    name = getattr(maker, "__name__", type(maker).__name__)
    return str(name).removesuffix("Provider").lower() or "replayed"


__all__ = ["READ_SECONDS", "REPLAY_KEY", "ReplayAdapter", "SessionReader", "reader_of"]
