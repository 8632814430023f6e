"""A session on which a client reads recordings: the desk where answers lie by number, and what takes requests to it.

Not the reader that lays them out (`session_reader`) nor the answer as `requests` sees it (`replay_adapter`). Of `requests` is
left out what prepares a request nobody receives, and what looks after cookies, redirects and the environment: none of it reads
an answer.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict

from shim.recording.recorded_answer import Presented
from shim.recording.replay_adapter import respond, respond_in_short

NUMBER = "X-Shim-Replay"
"""The header by which a request names its answer."""

_HELD = 1.0  # seconds a request is held at most, should its provider wait for it inside `start_*`


class DeskAdapter(BaseAdapter):
    """Where the answers lie that are to be given, by number. The reader lays them out, the client's threads take them."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._answers: dict[int, Presented] = {}
        self._taken: set[int] = set()
        self._open = threading.Event()
        self._open.set()
        self._all_taken = threading.Event()
        self._holds = True
        self._only: Presented | None = None
        self._only_taken = False

    def lay_out(self, answers: Iterable[Presented], *, hold: bool = False) -> list[int]:
        """Keep answers; the numbers that requests must name for them. What is asked is held until `release`, if so wished."""
        with self._lock:
            numbered = {next(self._numbers): answer for answer in answers}
            self._answers |= numbered
            self._all_taken.clear()
            if hold and self._holds:
                self._open.clear()
        return list(numbered)

    def lay_only(self, answer: Presented | None) -> bool:
        """Keep this answer for whoever asks without a number, None for nobody; whether the one before was asked for."""
        taken, self._only, self._only_taken = self._only_taken, answer, False
        return taken

    def release(self) -> None:
        """Answer what was held, and what is asked from now on."""
        self._open.set()

    def wait_until_taken(self, seconds: float) -> bool:
        """Wait until every answer that lies here has been asked for, at most so long; whether any has."""
        return self._all_taken.wait(seconds) or bool(self._taken)

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
        self.lay_only(None)
        self._open.set()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - the signature of requests
        timeout: Any = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - the signature of requests
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Give the answer whose number the request names, or the only one."""
        del stream, timeout, verify, cert, proxies
        if self._only is not None:
            self._only_taken = True
            return respond(request, self._only, adapter=self)
        if not self._open.is_set() and not self._open.wait(_HELD):
            self._holds = False  # its provider waits inside `start_*`: it is not held again
            self._open.set()
        number = request.headers.get(NUMBER, "")
        with self._lock:
            answer = self._answers.get(int(number)) if number.isascii() and number.isdigit() else None
            if answer is None:
                raise requests.ConnectionError("nothing is laid out for this request", request=request)
            self._taken.add(int(number))
            if len(self._taken) == len(self._answers):
                self._all_taken.set()
        return respond(request, answer, adapter=self)

    def give_only(self, request: requests.PreparedRequest) -> requests.Response | None:
        """Give the only answer, in short, to the client itself: nothing is mounted in between; None where there is none."""
        if self._only is None:
            return None
        self._only_taken = True
        return respond_in_short(request, self._only, adapter=self)

    def close(self) -> None:
        """Hold nothing."""


class ReplaySession(requests.Session):
    """A session without environment, cookies or redirects: none has a part in reading an answer."""

    def __init__(self, desk: DeskAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self._desk = desk
        self.mount("https://", desk)
        self.mount("http://", desk)

    def request(self, method: Any, url: Any, *args: Any, **settings: Any) -> requests.Response:
        """The answer, straight from the desk: nothing that `requests` does in between makes a difference to it."""
        if args or self.get_adapter(url) is not self._desk:  # something else is mounted, a tap say
            return super().request(method, url, *args, **settings)
        prepared = _prepared(method, url, headers=settings.get("headers"), data=settings.get("data"))
        only = self._desk.give_only(prepared)
        return self._desk.send(prepared) if only is None else only

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """The request with what names its answer, and no more: to write what nobody reads is half the cost of a replay."""
        return _prepared(request.method, request.url, headers=request.headers, data=request.data)

    def merge_environment_settings(self, *_args: Any, **_kwargs: Any) -> Any:
        """Nothing of the environment."""
        return {"proxies": {}, "stream": True, "verify": True, "cert": None}

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No target, whatever the response says."""
        del resp


def _prepared(method: str | None, url: Any, *, headers: Any, data: Any) -> requests.PreparedRequest:
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url = method, url
    prepared.headers = headers if isinstance(headers, CaseInsensitiveDict) else CaseInsensitiveDict(headers or {})
    prepared.body = data if isinstance(data, bytes) else None
    prepared.hooks = default_hooks()
    return prepared
