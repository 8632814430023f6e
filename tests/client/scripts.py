"""Providers made by the client under test, kept so that a test can look at them."""

import time
from collections.abc import Callable

from shim.model import ModelRequest, user
from shim.testing.scripted import Play, ScriptedProvider

REQUEST = ModelRequest("m", (user("Hello"),))


class Watched(ScriptedProvider):
    """Counts its turns, and knows whether it was closed."""

    turns = 0
    closed = False

    def perform(self) -> int:
        self.turns += 1
        return super().perform()

    def close(self) -> None:
        self.closed = True
        super().close()


class Makes:
    """A provider kind: every request of every provider plays `play`; `made` holds the providers."""

    def __init__(self, play: Play | Callable[[ModelRequest], Play]) -> None:
        self.made: list[Watched] = []
        self._choose = play if callable(play) else lambda request: play

    def __call__(self, *, flavour: str = "plain", api_key: str | None = None) -> Watched:
        self.made.append(Watched(self._choose, remember=0, name=flavour))
        return self.made[-1]


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most five seconds."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)
