"""Tests of shim/compat/legacy_multi/client.py: what the legacy client's own tests cannot ask of a provider that is driven."""

from __future__ import annotations

import gc
import os
import re
import select
import selectors
import threading
import time
import weakref
from typing import Any

import pytest

from legacy_openai import ClosedClientError, Config, Conversation, HttpCompletion, InvalidConfigError, Message
from shim.compat.legacy_multi import MultiClient
from shim.migration import MigratingProvider, Policy, Rollout, Stage
from shim.model import ModelRequest
from shim.native import NativeProvider
from shim.testing.scripted import ScriptedProvider, answer, hang, text_stream
from tests.compat.legacy_multi.ported import drive
from tests.compat.legacy_multi.ported import said_in_chunks as events
from tests.helpers.raw_server import END, HELLO, KEY, SSE, RawServer, json_answer, read, stall, wait_for
from tests.legacy_openai.driving import eventually

CFG = Config(openai_api_key="sk-test", openai_model="m", openai_base_url="http://127.0.0.1:9/v1")
WHOLE = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
STREAM: list[Any] = [read, SSE, events(b"a", b"b", b"[DONE]"), END]


def reminders() -> int:
    """Threads of reminders alive now."""
    return sum(thread.name == "shim-legacy-reminder" for thread in threading.enumerate())


def turn(client: MultiClient) -> None:
    """One turn of a loop that waits for the descriptor alone, as the legacy client allows."""
    select.select([client.fileno()], [], [], 10)
    client.perform()
    client.info_read()


def test_remove_calls_nothing_back_at_any_stage() -> None:
    """Waiting, running, ended but unread, finished and unknown requests are removed, and nothing of them is called."""
    called: list[object] = []
    with (
        RawServer([[read, SSE, stall], [read, json_answer(WHOLE)]]) as server,
        MultiClient(NativeProvider(), max_concurrency=1) as client,
    ):
        running = client.add_request(server.config(), HELLO, called.append, called.append)
        waiting = client.add_request(server.config(params={"user": "never sent"}), HELLO, None, called.append)
        while not server.stalled.acquire(blocking=False):
            client.perform()
        assert client.remove(waiting)
        assert client.remove(running)
        assert not client.remove(running)
        assert not client.remove(999)
        ended = client.add_request(server.config(), HELLO, None, called.append)
        assert eventually(lambda: client.perform() == 0)
        assert client.remove(ended)
        assert not client.remove(ended)
        assert client.info_read() == 0
    assert not called
    assert len(server.requests) == 2
    assert not any(b"never sent" in request for request in server.requests)


def test_a_silent_server_is_found_by_the_descriptor_alone() -> None:
    """A loop that never asks for a timeout is woken when a limit of time has passed, and no thread stays behind."""
    done: list[HttpCompletion] = []
    with RawServer([[read, stall]]) as server, MultiClient(NativeProvider) as client:
        client.add_request(server.config(read_timeout=0.1), HELLO, None, done.append)
        while not done:
            turn(client)
        assert reminders() == 1
    assert type(done[0].exception).__name__ == "ReadTimeout"
    assert reminders() == 0


def test_timeout_says_now_or_never() -> None:
    """`timeout()` is 0 while there is something to do and else -1, whatever limits the provider has running."""
    with RawServer([[read, SSE, stall]]) as server, MultiClient(NativeProvider()) as client:
        assert client.timeout() == -1
        client.add_request(server.config(), HELLO, lambda _: None)
        assert client.timeout() == 0
        while not server.stalled.acquire(blocking=False):
            client.perform()
        assert eventually(lambda: client.perform() == 1 and client.timeout() == -1)
        client.wakeup()
        assert client.timeout() == 0


def test_what_has_arrived_is_something_to_do() -> None:
    """`timeout()` is 0 again as soon as bytes have come, though nobody has performed since."""
    go = threading.Event()
    payloads: list[bytes] = []
    script: list[Any] = [read, SSE, events(b"a"), wait_for(go), events(b"b"), END]
    with RawServer([script]) as server, MultiClient(NativeProvider()) as client:
        client.add_request(server.config(read_timeout=None), HELLO, payloads.append)
        assert eventually(lambda: bool(client.perform() and payloads and client.timeout() == -1))
        go.set()
        assert eventually(lambda: client.timeout() == 0)


def test_many_wait_their_turn_on_any_provider() -> None:
    """No more requests run at a time than the limit, in the order they came, also over a provider that knows no limit."""
    order: list[int] = []
    provider = ScriptedProvider([answer("x")] * 5)
    with MultiClient(provider, max_concurrency=2) as client:
        for _ in range(5):
            client.add_request(CFG, HELLO, None, lambda done: order.append(done.request_id))
        assert len(provider.requests) == 2
        drive(client, lambda: len(order) == 5)
    assert order == [1, 2, 3, 4, 5]


def test_one_refused_in_its_turn_ends_with_the_reason() -> None:
    """A waiting request that the provider does not accept when its turn comes gets its completion, and the next one goes on."""
    done: list[HttpCompletion] = []
    with MultiClient(ScriptedProvider([answer("x"), answer("y")]), max_concurrency=1) as client:
        client.add_request(CFG, HELLO, None, done.append)
        client.add_request(CFG, HELLO, None, done.append)
        client.add_request(CFG, HELLO, None, done.append)  # the script has no play for it
        drive(client, lambda: len(done) == 3)
    assert [each.type.name for each in done] == ["SUCCESS", "SUCCESS", "NETWORK_ERROR"]
    assert type(done[2].exception).__name__ == "ScriptExhaustedError"
    assert done[2].error_message


def test_one_refused_at_once_leaves_nothing() -> None:
    """What the provider refuses raises in add_request in the legacy client's own terms, and the client is as it was."""
    with RawServer([[read, json_answer(WHOLE)]]) as server, MultiClient(NativeProvider()) as client:
        with pytest.raises(InvalidConfigError, match="extra_headers"):
            client.add_request(server.config(extra_headers={"X-Name": "Zoë"}), HELLO)
        assert (client.perform(), repr(client)) == (0, "<MultiClient 0 open, 0 to read>")


def struck_at(strike: int) -> tuple[list[object], bool]:
    """What a stream's callbacks hear when an interrupt strikes in one of them, and whether it came to that."""
    seen: list[object] = []
    interrupted: list[KeyboardInterrupt] = []

    def on_payload(payload: bytes) -> None:
        seen.append(payload)
        if len(seen) == strike + 1:
            raise KeyboardInterrupt

    def loop() -> None:
        try:
            while seen[-1:] != ["SUCCESS"]:
                turn(client)
        except KeyboardInterrupt as interrupt:
            interrupted.append(interrupt)

    with RawServer([STREAM]) as server, MultiClient(NativeProvider()) as client:
        client.add_request(server.config(), HELLO, on_payload, lambda done: seen.append(done.type.name))
        loop()
        client.info_read()  # a completion that is known by now waits for the payloads before it
        loop()
    return seen, bool(interrupted)


def test_an_interrupt_anywhere_in_a_stream_loses_nothing() -> None:
    """Each of the payloads that one event becomes comes once and in order, wherever an interrupt strikes, the completion last."""
    undisturbed, struck = struck_at(1000)
    assert undisturbed[-2:] == [b"[DONE]", "SUCCESS"]
    assert not struck
    for strike in range(len(undisturbed) - 1):
        seen, struck = struck_at(strike)
        assert struck
        assert without_time(seen) == without_time(undisturbed)


def without_time(seen: list[object]) -> list[object]:
    """Payloads but for when they were made."""
    return [re.sub(rb'"created":\d+', b"", each) if isinstance(each, bytes) else each for each in seen]


def test_a_callback_that_raises_is_not_called_again() -> None:
    """The first exception of a `stream_cb` ends its stream: what arrives behind it is not handed on."""
    payloads: list[bytes] = []
    done: list[HttpCompletion] = []

    def on_payload(payload: bytes) -> None:
        payloads.append(payload)
        raise ValueError("no more")

    with MultiClient(ScriptedProvider([text_stream("a", "b", "c")])) as client:
        client.add_request(CFG, HELLO, on_payload, done.append)
        drive(client, lambda: done)
    assert (len(payloads), done[0].error_message) == (1, "stream_cb aborted the request: ValueError: no more")


def test_a_callback_may_close_the_client_in_what_an_interrupt_left() -> None:
    """A payload that the next perform hands on may be answered by closing the client, which ends quietly."""
    seen: list[bytes] = []
    with RawServer([STREAM]) as server:
        client = MultiClient(NativeProvider())

        def on_payload(payload: bytes) -> None:
            seen.append(payload)
            if payload == b"[DONE]":
                client.close()
            elif b'"finish_reason":"stop"' in payload:
                raise KeyboardInterrupt

        client.add_request(server.config(), HELLO, on_payload)
        with pytest.raises(KeyboardInterrupt):
            drive(client, lambda: False)
        client.perform()
    assert seen[-1] == b"[DONE]"


def test_an_interrupt_at_the_error_of_a_stream_loses_no_completion() -> None:
    """Where an interrupt strikes in the callback of a stream's error, its completion still comes, once."""
    seen: list[object] = []
    error = b'{"error":{"message":"it broke","type":"server_error"}}'

    def on_payload(payload: bytes) -> None:
        seen.append(payload)
        if payload == error:
            raise KeyboardInterrupt

    with RawServer([[read, SSE, events(b"a", error), END]]) as server, MultiClient(NativeProvider()) as client:
        client.add_request(server.config(), HELLO, on_payload, lambda done: seen.append(done.type.name))
        with pytest.raises(KeyboardInterrupt):
            drive(client, lambda: False)
        drive(client, lambda: seen[-1] == "SUCCESS")
        assert client.perform() == 0
    assert seen[-2:] == [error, "SUCCESS"]  # as the legacy client ends a stream that told an error


def test_a_callback_that_raises_after_an_interrupt_aborts_its_request() -> None:
    """A payload that an interrupt had left is handed on by the next perform, and a callback raising there ends its request."""
    done: list[HttpCompletion] = []
    raising: list[BaseException] = [KeyboardInterrupt(), ValueError("no more")]
    with RawServer([STREAM]) as server, MultiClient(NativeProvider()) as client:

        def on_payload(payload: bytes) -> None:
            if b'"finish_reason":"stop"' in payload or payload == b"[DONE]":
                raise raising.pop(0)

        client.add_request(server.config(), HELLO, on_payload, done.append)
        with pytest.raises(KeyboardInterrupt):
            drive(client, lambda: done)
        drive(client, lambda: done)
    assert done[0].error_message == "stream_cb aborted the request: ValueError: no more"
    assert isinstance(done[0].exception, ValueError)


def test_a_forgotten_client_closes_its_provider() -> None:
    """A client that was never closed warns when it goes, without the cycle collector, and its provider is closed."""
    provider = ScriptedProvider([hang()])
    client = MultiClient(provider)
    client.add_request(CFG, HELLO, lambda _: None)
    gc.disable()
    try:
        with pytest.warns(ResourceWarning, match="unclosed <MultiClient 1 open"):
            del client
    finally:
        gc.enable()
    with pytest.raises(Exception, match="closed"):
        provider.fileno()


def test_nothing_of_a_removed_request_is_kept() -> None:
    """Callbacks and conversation of a removed request die at once, though the client lives on."""

    class Callback:
        def __call__(self, _what: object) -> None:
            raise AssertionError("called")

    with MultiClient(ScriptedProvider([hang(), hang()]), max_concurrency=1) as client:
        conv, heard = Conversation([Message("user", "x")]), Callback()
        numbers = [client.add_request(CFG, conv, heard, heard) for _ in range(2)]
        watched: list[weakref.ref[Any]] = [weakref.ref(conv), weakref.ref(heard)]
        assert all(map(client.remove, numbers))
        client.perform()
        del conv, heard
        assert [each() for each in watched] == [None, None]


def test_a_forked_child_leaves_its_parents_stream_alone() -> None:
    """In a forked child use is refused and close touches nothing; the parent's stream and its descriptor go on."""
    go = threading.Event()
    seen: list[bytes] = []
    done: list[HttpCompletion] = []
    script: list[Any] = [read, SSE, events(b"a"), wait_for(go), events(b"b"), END]
    with RawServer([script]) as server, MultiClient(NativeProvider()) as client:
        client.add_request(server.config(), HELLO, seen.append, done.append)
        drive(client, lambda: any(b'"a"' in payload for payload in seen))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with pytest.raises(ClosedClientError, match="process"):
                    client.perform()
                start = time.monotonic()
                client.close()
                del client
                gc.collect()
                status = 0 if time.monotonic() - start < 5 else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        go.set()
        drive(client, lambda: done)
    assert any(b'"b"' in payload for payload in seen)
    assert done[0].type.name == "SUCCESS"


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.COMPLETE])
def test_a_call_site_follows_the_rollout(stage: Stage) -> None:
    """Named conversations go where the policy says, calls without a name to control, and the callbacks cannot tell."""
    control, candidate = ScriptedProvider([answer("x")] * 9), ScriptedProvider([answer("x")] * 9)
    done: list[HttpCompletion] = []
    names = iter(["one", "two", None])
    with (
        Rollout(Policy(stage=stage)) as rollout,
        MultiClient(MigratingProvider(control, candidate, rollout), unit=lambda _cfg, _conv: next(names)) as client,
    ):
        for _ in range(3):
            client.add_request(CFG, HELLO, None, done.append)
        drive(client, lambda: len(done) == 3)
    served = (len(control.requests), len(candidate.requests))
    assert served == ((3, 0) if stage is Stage.OFF else (1, 2))
    assert {each.type.name for each in done} == {"SUCCESS"}


def test_the_descriptor_of_a_client_can_be_registered() -> None:
    """The client itself can be given to a selector, as the legacy client can, and tells of an answer."""
    done: list[HttpCompletion] = []
    provider = ScriptedProvider([text_stream("a", every_ms=20)])
    with MultiClient(provider) as client, selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ)
        client.add_request(CFG, HELLO, lambda _: None, done.append)
        while not done:
            assert selector.select(10)
            client.perform()
            client.info_read()
    assert done[0].type.name == "SUCCESS"


def test_a_provider_of_several_descriptors_is_waited_for_on_them_all() -> None:
    """Where a provider names more than one descriptor, the lists for `select` have them all, and the client's own beside."""

    class OfMany(ScriptedProvider):
        def fdset(self) -> tuple[list[int], list[int], list[int]]:
            return [1001, 1002], [1003], [1004]

    with MultiClient(OfMany([])) as client:
        read, write, odd = client.fdset()
    assert (read[:2], write, odd) == ([1001, 1002], [1003], [1004])
    assert len(read) == 3, "a request that is added, or removed, wakes the loop too"


def test_a_stream_without_a_content_type_is_told_once() -> None:
    """What has gone to `stream_cb` does not come a second time as the body, whatever the answer calls itself."""
    payloads: list[bytes] = []
    done: list[HttpCompletion] = []
    with MultiClient(ScriptedProvider([text_stream("hi")])) as client:
        client.add_request(CFG, HELLO, payloads.append, done.append)
        drive(client, lambda: done)
    assert (payloads[-1], done[0].body) == (b"[DONE]", b"")


def test_no_key_in_what_is_shown() -> None:
    """Neither the client, nor what it was asked, nor a completion shows the key."""
    done: list[HttpCompletion] = []
    refusal = json_answer(b'{"error":{"message":"bad %b"}}' % KEY.encode(), "401 No")
    with RawServer([[read, refusal]]) as server, MultiClient(NativeProvider) as client:
        client.add_request(server.config(), HELLO, None, done.append)
        shown = repr((client, next(iter(client._desk.open.values())).asked))
        drive(client, lambda: done)
    assert KEY not in shown + repr(done) + done[0].error_message


@pytest.mark.parametrize(("given", "place"), [(None, "provider"), (7, "provider"), (lambda: 7, "provider")])
def test_a_provider_is_asked_for(given: Any, place: str) -> None:
    """What is no provider, and makes none, is refused by name; so is a limit, or a unit, that is none."""
    with pytest.raises(InvalidConfigError, match=place):
        MultiClient(given)
    with pytest.raises(InvalidConfigError, match="max_concurrency"):
        MultiClient(ScriptedProvider([]), max_concurrency=0)
    with pytest.raises(InvalidConfigError, match="unit"):
        MultiClient(ScriptedProvider([]), unit="conversation")  # type: ignore[arg-type]  # the mistake under test


def test_a_wrong_argument_makes_no_provider() -> None:
    """Arguments are checked before the provider is made: nothing has to be closed."""
    made: list[ModelRequest] = []

    def make() -> Any:
        made.append(ModelRequest("m", ()))

    with pytest.raises(InvalidConfigError):
        MultiClient(make, max_concurrency=-1)
    assert made == []
