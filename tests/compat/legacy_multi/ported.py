"""The legacy client's own tests, loaded anew with another client in its place.

Not the tests (`tests.legacy_openai`) nor the list of those that cannot pass (`exceptions`). Their payloads are single letters,
which no provider takes for an answer: the server is made to say each letter in a chunk, and the callback gets the letter back.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

import legacy_openai
import tests.legacy_openai
from legacy_openai import Config, Conversation, HttpCompletion
from shim.compat.legacy_multi import MultiClient, over
from shim.compat.legacy_multi.request import Unit
from shim.layers import Layer
from shim.legacy_adapter import LegacyProvider
from shim.migration import MigratingProvider, Policy, Rollout
from shim.native import NativeProvider
from shim.provider import Provider
from tests.compat.legacy_multi.exceptions import EXCEPTIONS, PATIENCE
from tests.helpers import raw_server
from tests.legacy_openai import driving

if TYPE_CHECKING:
    from typing_extensions import Self

MODULES = ("test_multi_client", "test_blocking", "test_faults", "test_leaks", "test_delivery")
"""Those that drive the client by its public face; the others test its inside, which a provider does not have."""

drive: Callable[[Any, Callable[[], object]], None] = driving.drive
"""The legacy client's own loop, for any client with its face."""

_FOLDER = Path(tests.legacy_openai.__file__).parent
_MARK = "ported"


def said_in_chunks(*payloads: bytes) -> bytes:
    """Be `raw_server.events`: a payload that is no JSON stands as the text of a chunk, and in a comment as it was."""
    return b"".join(raw_server.chunk(_event(payload)) for payload in payloads)


def _event(payload: bytes) -> bytes:
    if payload == b"[DONE]" or payload[:1] in (b"{", b"["):
        return b"data: " + payload + b"\n\n"
    choice = {"index": 0, "delta": {"content": payload.decode()}, "finish_reason": "stop"}
    said = {"id": _MARK, "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b": data: " + payload + b"\ndata: " + json.dumps(said, ensure_ascii=False).encode() + b"\n\n"


def heard_from(payload: bytes, stream_cb: Callable[[bytes], object]) -> None:
    """Be a `stream_cb`: what was said in a chunk goes on as it was, and the chunks around it not at all."""
    if f'"id":"{_MARK}"'.encode() not in payload:
        stream_cb(payload)
        return
    for choice in json.loads(payload)["choices"]:
        if choice["delta"].get("content"):
            stream_cb(choice["delta"]["content"].encode())


def hearing(face: type[MultiClient]) -> type[MultiClient]:
    """The face, with callbacks that hear what was said in chunks."""

    class Hearing(face):  # type: ignore[valid-type, misc]  # any of them
        def add_request(
            self,
            cfg: Config,
            conv: Conversation,
            stream_cb: Callable[[bytes], object] | None = None,
            completion_cb: Callable[[HttpCompletion], object] | None = None,
            **more: Any,
        ) -> int:
            if callable(stream_cb):
                stream_cb = partial(heard_from, stream_cb=stream_cb)
            number: int = super().add_request(cfg, conv, stream_cb, completion_cb, **more)
            return number

    return Hearing


def wait_shortly_for(event: threading.Event) -> Callable[[raw_server.Connection], None]:
    """Be `raw_server.wait_for`: a test that has failed sets no event, and its server is not to complain of that."""

    def action(_connection: raw_server.Connection) -> None:
        if not event.wait(PATIENCE.seconds):
            raise ConnectionAbortedError

    return action


class ShortlyStalled(raw_server.RawServer):
    """A server that says at once that no request came: a provider sends none before it is driven."""

    def __enter__(self) -> Self:
        self.stalled = _Soon(0)
        return super().__enter__()


class _Soon(threading.Semaphore):
    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 - the signature
        return super().acquire(blocking, None if timeout is None else min(timeout, PATIENCE.seconds / 5))


def ported(
    make: Callable[..., Provider], *, unit: Unit | None = None, mixed: bool = False
) -> dict[str, Callable[..., None]]:
    """The tests of all modules over a provider: name -> test; `mixed`: the legacy client may serve some of the requests."""
    face = over(make, unit=unit)
    found: dict[str, Callable[..., None]] = {}
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(raw_server, "events", said_in_chunks))
        patches.enter_context(mock.patch.object(raw_server, "wait_for", wait_shortly_for))
        patches.enter_context(mock.patch.object(raw_server, "RawServer", ShortlyStalled))
        patches.enter_context(mock.patch.object(legacy_openai, "MultiClient", hearing(face.MultiClient)))
        patches.enter_context(mock.patch.object(legacy_openai, "chat_create", face.chat_create))
        patches.enter_context(_in_the_place_of("tests.legacy_openai.driving"))
        for name in MODULES:
            module = _loaded_anew(f"tests.legacy_openai.{name}")
            tests_in_it = {each: thing for each, thing in vars(module).items() if each.startswith("test_")}
            found |= {f"{name}__{each.removeprefix('test_')}": test for each, test in tests_in_it.items()}
    for each in EXCEPTIONS:
        found[each.test] = each.expected_of(found[each.test], mixed=mixed)
    return found


def each_its_own() -> Unit:
    """Name every call a conversation of its own, so that the ramp has something to decide."""
    numbers = itertools.count()
    return lambda _cfg, _conv: f"c{next(numbers)}"


def migrating(policy: Policy) -> Callable[..., Provider]:
    """The maker of a migrating provider over the real clients; each has a rollout of its own, which ends with it."""

    def make() -> Provider:
        return RolledOut(Rollout(policy))

    return make


class RolledOut(Layer):
    """A migrating provider that closes its rollout, too, and decides anew for each request."""

    def __init__(self, rollout: Rollout) -> None:
        super().__init__(MigratingProvider(LegacyProvider(), NativeProvider(), rollout))
        self._rollout = rollout

    def close(self) -> None:
        """Close both."""
        super().close()
        self._rollout.close()


@contextmanager
def _in_the_place_of(name: str) -> Iterator[None]:
    module = _loaded_anew(name)
    eventually = vars(module)["eventually"]
    vars(module)["eventually"] = lambda condition: eventually(condition, PATIENCE.seconds)
    with mock.patch.dict(sys.modules, {name: module}):
        yield


def _loaded_anew(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, _FOLDER / f"{name.rpartition('.')[2]}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
