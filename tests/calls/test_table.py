"""Tests of shim.calls.table: what it tells of the calls that are open."""

from __future__ import annotations

from typing import Any

from shim.calls import Call, CallTable, StreamCall
from shim.model.caps import DEFAULT_CAPS
from shim.provider import RequestHandle
from shim.wire import chat


def call(number: int, *, stream: bool = False) -> Call:
    """An open call."""
    given: dict[str, Any] = {"codec": chat, "api_key": "sk-test", "extra_headers": {}}
    if stream:
        return StreamCall(RequestHandle("p", number), print, on_event=print, caps=DEFAULT_CAPS, **given)
    return Call(RequestHandle("p", number), lambda completion: None, **given)


def test_events_may_gather_while_no_call_is_awaited_whole() -> None:
    """Streams let events gather; a whole answer, open or waiting to be delivered, does not, and counts once."""
    table = CallTable()
    assert table.may_gather(None)
    table.add(call(1, stream=True))
    assert table.may_gather(None)
    whole = call(2)
    table.add(whole)
    assert not table.may_gather(None)
    for _ in range(2):
        table.end(whole, whole.cancelled("no more"))
    assert not table.may_gather(None)
    table.deliver()
    assert table.may_gather(None)


def test_the_next_call_hurries_whoever_asked_last() -> None:
    """What was given with the last question is called by the next call, once, and what was given before it is not."""
    table = CallTable()
    hurried: list[str] = []
    table.may_gather(lambda: hurried.append("first"))
    table.may_gather(lambda: hurried.append("second"))
    table.add(call(1))
    table.add(call(2))
    assert hurried == ["second"]
