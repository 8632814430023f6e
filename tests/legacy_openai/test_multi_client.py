"""Tests of legacy_openai/multi_client.py: the loop, the callbacks, the order, the end."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Any

import pytest

from legacy_openai import (
    ClosedClientError,
    Config,
    Conversation,
    EmptyConversationError,
    HttpCompletion,
    InvalidConfigError,
    Message,
    MissingApiKeyError,
    MultiClient,
)
from tests.helpers.raw_server import (
    END,
    HELLO,
    SSE,
    Action,
    RawServer,
    events,
    json_answer,
    read,
    stall,
    wait_for,
)
from tests.legacy_openai.driving import drive, eventually, threads

STREAM: list[Action] = [read, SSE, events(b"a", b"b", b"[DONE]"), END]
ANSWER: list[Action] = [read, json_answer(b"{}")]


def readable(client: MultiClient) -> bool:
    """Whether select() says that there is something to do; timeout() must agree, once no other thread is just leaving it."""
    agreed = []

    def agree() -> bool:
        found = bool(select.select(*client.fdset(), 0)[0])
        agreed.append(found)
        return client.timeout() == (0 if found else -1)

    assert eventually(agree)
    return agreed[-1]


def test_bad_input_raises_at_once_and_calls_nothing_back() -> None:
    """A missing key and an empty conversation raise in add_request, and no callback ever runs."""
    called: list[object] = []
    with MultiClient() as client:
        with pytest.raises(MissingApiKeyError):
            client.add_request(Config(openai_model="m"), HELLO, called.append, called.append)
        with pytest.raises(EmptyConversationError):
            client.add_request(
                Config(openai_api_key="k", openai_model="m"), Conversation(), called.append, called.append
            )
        assert (client.perform(), client.info_read(), client.timeout(), called) == (0, 0, -1, [])
        assert threads() == 0


@pytest.mark.parametrize("wrong", [0, -1, True, "5", None])
def test_max_concurrency_is_checked(wrong: Any) -> None:
    """A limit that is no positive int is refused by name."""
    with pytest.raises(InvalidConfigError, match="max_concurrency"):
        MultiClient(max_concurrency=wrong)
    with pytest.raises(InvalidConfigError, match="session"):
        MultiClient("session")  # type: ignore[arg-type] # the mistake under test


def test_the_classic_loop_ends_with_everything_delivered() -> None:
    """The loop of the module's docstring delivers all data and all completions."""
    seen: list[object] = []
    with RawServer([STREAM * 8]) as server, MultiClient() as client:
        for _ in range(5):
            client.add_request(server.config(), HELLO, seen.append, lambda done: seen.append(done.request_id))
        while client.perform():
            milliseconds = client.timeout()
            select.select(*client.fdset(), None if milliseconds < 0 else milliseconds / 1000)
            client.info_read()
        client.info_read()
    assert seen.count(b"[DONE]") == 5
    assert {one for one in seen if isinstance(one, int)} == {1, 2, 3, 4, 5}


def test_the_descriptor_says_exactly_when_there_is_something_to_do() -> None:
    """The descriptor is readable for data, then for completions, and silent otherwise."""
    go = threading.Event()
    with RawServer([[read, SSE, events(b"a"), wait_for(go), END]]) as server, MultiClient() as client:
        assert not readable(client)
        client.add_request(server.config(), HELLO, lambda _: None)
        assert eventually(lambda: readable(client))
        assert client.perform() == 1
        assert not readable(client)
        assert client.info_read() == 0
        go.set()
        assert eventually(lambda: readable(client))
        assert client.perform() == 0
        assert readable(client)
        assert client.info_read() == 1
        assert not readable(client)


def test_wakeup_works_from_any_thread_until_the_next_perform() -> None:
    """A wake-up makes a waiting select return, once, and is quiet after close."""
    client = MultiClient()
    waker = threading.Thread(target=client.wakeup)
    waker.start()
    assert select.select(*client.fdset(), 10)[0]
    waker.join()
    client.perform()
    assert not readable(client)
    client.close()
    client.wakeup()


def test_callbacks_run_on_the_callers_thread_and_in_their_place() -> None:
    """Stream data comes from inside perform, completions from inside info_read, on the thread that calls them."""
    places: list[tuple[str, str, int]] = []
    place = ""

    def note(kind: str) -> Any:
        return lambda _: places.append((kind, place, threading.get_ident()))

    with RawServer([STREAM * 8]) as server, MultiClient() as client:
        client.add_request(server.config(), HELLO, note("data"), note("done"))
        while not any(kind == "done" for kind, _, _ in places):
            select.select(*client.fdset(), 5)
            place = "perform"
            client.perform()
            place = "info_read"
            client.info_read()
    here = threading.get_ident()
    assert places == [("data", "perform", here)] * 3 + [("done", "info_read", here)]


def test_requests_over_the_limit_wait_in_order() -> None:
    """With one at a time, requests are sent and end in the order in which they were added."""
    order: list[int] = []
    with RawServer([ANSWER * 8]) as server, MultiClient(max_concurrency=1) as client:
        for number in range(8):
            cfg = server.config(params={"seed": number})
            client.add_request(cfg, HELLO, None, lambda done: order.append(done.request_id))
        assert threads() <= 1
        drive(client, lambda: len(order) == 8)
    assert order == list(range(1, 9))
    assert [b'"seed":%d}' % number in request for number, request in enumerate(server.requests)] == [True] * 8


def test_a_request_is_a_snapshot() -> None:
    """What the caller changes after add_request does not reach the request."""
    gate = threading.Event()
    with RawServer([[wait_for(gate), *ANSWER]]) as server, MultiClient() as client:
        cfg, conv = server.config(params={"stop": ["x"]}), Conversation().add(Message("user", "before"))
        done: list[HttpCompletion] = []
        client.add_request(cfg, conv, None, done.append)
        cfg.params["stop"].append("y")
        cfg.openai_model = "after"
        next(iter(conv)).content = "after"
        gate.set()
        drive(client, lambda: done)
    assert b"after" not in server.requests[0]
    assert b'["x"]' in server.requests[0]


@pytest.mark.slow
def test_two_hundred_streams_at_once() -> None:
    """Two hundred concurrent streams are each delivered whole and in order."""
    found: dict[int, list[bytes]] = {}
    done: list[HttpCompletion] = []
    payloads = [b"%d" % number for number in range(20)]
    gate = threading.Event()
    with (
        RawServer([[read, SSE, wait_for(gate), events(*payloads), END]]) as server,
        MultiClient(max_concurrency=200) as client,
    ):
        for number in range(200):
            found[number] = []
            client.add_request(server.config(), HELLO, found[number].append, done.append)
        assert eventually(lambda: len(server.requests) == 200)
        assert threads() == 200
        gate.set()
        drive(client, lambda: len(done) == 200)
    assert all(one == payloads for one in found.values())
    assert all(one.type.name == "SUCCESS" for one in done)


def test_a_raising_stream_cb_aborts_its_request_alone() -> None:
    """The failing request completes with its exception, the others go on."""
    done: list[HttpCompletion] = []
    good: list[bytes] = []
    error = ValueError("no more")

    def fail(payload: bytes) -> None:
        raise error

    with RawServer([STREAM * 8]) as server, MultiClient() as client:
        first = client.add_request(server.config(), HELLO, fail, done.append)
        client.add_request(server.config(), HELLO, good.append, done.append)
        drive(client, lambda: len(done) == 2)
        assert eventually(lambda: threads() == 0)
        assert not readable(client)
    aborted = next(one for one in done if one.request_id == first)
    assert (aborted.type.name, aborted.http_code, aborted.exception) == ("NETWORK_ERROR", 200, error)
    assert aborted.error_message == "stream_cb aborted the request: ValueError: no more"
    assert good == [b"a", b"b", b"[DONE]"]


def test_a_raising_completion_cb_leaves_the_rest_queued() -> None:
    """An exception of a completion callback leaves info_read, and the next call delivers the others."""
    done: list[int] = []

    def fail(completion: HttpCompletion) -> None:
        raise LookupError

    with RawServer([ANSWER * 3]) as server, MultiClient(max_concurrency=1) as client:
        for callback in (fail, None, lambda completion: done.append(completion.request_id)):
            client.add_request(server.config(), HELLO, None, callback)
        assert eventually(lambda: client.perform() == 0)
        with pytest.raises(LookupError):
            client.info_read()
        assert readable(client)
        assert client.info_read() == 2
        assert not readable(client)
    assert done == [3]


def test_an_interrupt_in_a_callback_loses_nothing() -> None:
    """A KeyboardInterrupt leaves perform, and the next call goes on after the payload it struck."""
    seen: list[bytes] = []

    def interrupt(payload: bytes) -> None:
        seen.append(payload)
        if len(seen) == 2:
            raise KeyboardInterrupt

    done: list[HttpCompletion] = []
    with RawServer([STREAM * 8]) as server, MultiClient() as client:
        client.add_request(server.config(), HELLO, interrupt, done.append)
        with pytest.raises(KeyboardInterrupt):
            drive(client, lambda: done)
        drive(client, lambda: done)
    assert seen == [b"a", b"b", b"[DONE]"]
    assert done[0].type.name == "SUCCESS"


def test_callbacks_may_add_and_remove_requests() -> None:
    """A stream callback can remove its own request and start another, and perform refuses to be nested."""
    seen: list[object] = []
    with RawServer([STREAM * 8]) as server, MultiClient() as client:

        def replace(payload: bytes) -> None:
            seen.append(payload)
            with pytest.raises(RuntimeError, match="inside perform"):
                client.perform()
            assert client.remove(1)
            client.add_request(server.config(), HELLO, None, lambda done: seen.append(done.request_id))

        client.add_request(server.config(), HELLO, replace, seen.append)
        drive(client, lambda: len(seen) == 2)
    assert seen == [b"a", 2]


@pytest.mark.parametrize("place", ["stream", "completion"])
def test_callbacks_may_close_the_client(place: str) -> None:
    """Closing from inside a callback ends everything; no other callback runs."""
    seen: list[object] = []
    with RawServer([STREAM * 8]) as server:
        client = MultiClient()

        def close(what: object) -> None:
            seen.append(what)
            client.close()

        callbacks = (close, seen.append) if place == "stream" else (lambda _: None, close)
        for _ in range(3):
            client.add_request(server.config(), HELLO, *callbacks)
        with pytest.raises(ClosedClientError):
            drive(client, lambda: False)
        assert len(seen) == 1
        assert eventually(lambda: threads() == 0)


def test_an_exception_after_removing_oneself_is_not_lost() -> None:
    """When a callback removes its own request and raises, the exception leaves perform."""
    with RawServer([STREAM * 8]) as server, MultiClient() as client:

        def fail(payload: bytes) -> None:
            client.remove(1)
            raise LookupError("lost?")

        client.add_request(server.config(), HELLO, fail)
        with pytest.raises(LookupError, match="lost"):
            drive(client, lambda: False)


def test_remove_at_every_stage_means_no_callback() -> None:
    """Waiting, running, ended but unread, finished, unknown: after remove nothing is called back."""
    called: list[object] = []
    with RawServer([[read, SSE, stall], ANSWER]) as server, MultiClient(max_concurrency=1) as client:
        running = client.add_request(server.config(), HELLO, called.append, called.append)
        waiting = client.add_request(server.config(params={"user": "never sent"}), HELLO, None, called.append)
        assert server.stalled.acquire(timeout=10)
        assert client.remove(waiting)
        assert client.remove(running)
        assert not client.remove(running)
        assert not client.remove(999)
        ended = client.add_request(server.config(), HELLO, None, called.append)
        assert eventually(lambda: client.perform() == 0)
        assert client.remove(ended)
        assert not client.remove(ended)
        assert client.info_read() == 0
        assert not readable(client)
    assert not called
    assert len(server.requests) == 2
    assert not any(b"never sent" in request for request in server.requests)


def test_a_closed_client_says_so() -> None:
    """Close can be called twice, and every later use raises an error that says what to do."""
    client = MultiClient()
    client.close()
    client.close()
    assert not client.remove(1)
    for use in (client.fileno, client.fdset, client.timeout, client.perform, client.info_read):
        with pytest.raises(ClosedClientError, match="closed"):
            use()
    with pytest.raises(ValueError, match="closed"):
        client.fileno()
    with pytest.raises(RuntimeError, match="new MultiClient"):
        client.add_request(Config(), HELLO)
    assert repr(client) == "<MultiClient closed>"


def test_a_forgotten_client_warns_and_ends_its_threads() -> None:
    """A client that was never closed warns when it goes, and leaves no thread behind."""
    with RawServer([[read, stall]]) as server:
        client = MultiClient()
        client.add_request(server.config(), HELLO)
        assert server.stalled.acquire(timeout=10)
        with pytest.warns(ResourceWarning, match="unclosed <MultiClient 1 open"):
            del client
        assert eventually(lambda: threads() == 0)


def test_a_forked_child_closes_without_waiting_or_disturbing() -> None:
    """In a forked child, use is refused, close returns at once, and the parent's stream goes on."""
    go = threading.Event()
    seen: list[bytes] = []
    done: list[HttpCompletion] = []
    with RawServer([[read, SSE, events(b"a"), wait_for(go), events(b"b"), END]]) as server, MultiClient() as client:
        client.add_request(server.config(), HELLO, seen.append, done.append)
        drive(client, lambda: seen)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with pytest.raises(ClosedClientError, match="process"):
                    client.perform()
                start = time.monotonic()
                client.close()
                status = 0 if time.monotonic() - start < 5 else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        go.set()
        drive(client, lambda: done)
    assert seen == [b"a", b"b"]
    assert done[0].type.name == "SUCCESS"


def test_limit_reached_is_sent() -> None:
    """With limit_reached the request says tool_choice none."""
    with RawServer([ANSWER]) as server, MultiClient() as client:
        client.add_request(server.config(), HELLO, limit_reached=True)
        assert eventually(lambda: client.perform() == 0)
    assert b'"tool_choice":"none"' in server.requests[0]
