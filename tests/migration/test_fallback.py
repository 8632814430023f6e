"""Tests of a candidate's failed request that control does not serve after all: refused there, cancelled, or closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from msgspec.structs import replace

from shim.migration import MigratingProvider, Policy, Rollout
from shim.model import ErrorCategory, StreamEvent, UnsupportedFeatureError
from shim.provider import RequestHandle
from shim.testing.scripted import ScriptedProvider, failure, text_stream
from tests.helpers.driving import HELLO, Heard, drive

ASKED = replace(HELLO, conversation_id="c1")


class Refuses(ScriptedProvider):
    """Starts no stream."""

    def start_stream(self, *_args: Any, **_named: Any) -> RequestHandle:
        """Refuse."""
        raise UnsupportedFeatureError("refused", field="tools", api="chat_completions")


@pytest.fixture
def make() -> Iterator[Callable[[ScriptedProvider], MigratingProvider]]:
    """Makes a provider whose candidate fails each request, over a given control."""
    with ExitStack() as stack:

        def make(control: ScriptedProvider) -> MigratingProvider:
            candidate = ScriptedProvider(lambda _: failure("server", "boom"))
            rollout = stack.enter_context(Rollout(Policy(stage="complete")))  # type: ignore[arg-type]  # as users write it
            return stack.enter_context(MigratingProvider(control, candidate, rollout, fallback=True))

        yield make


Make = Callable[[ScriptedProvider], MigratingProvider]


def refused(provider: MigratingProvider, act: Callable[[StreamEvent], object] | None = None) -> Heard:
    """A stream that the candidate has failed and control has refused, right before its error event."""
    heard = Heard(act)
    provider.start_stream(ASKED, heard.on_event, heard.on_completion)
    provider.perform()
    provider.info_read()
    return heard


def test_its_error_comes_in_its_place(make: Make) -> None:
    """The error event of a fallback that control refuses comes in perform(), its completion after it in info_read()."""
    provider = make(Refuses([]))
    heard = refused(provider)
    assert (heard.kinds, heard.done, provider.timeout()) == ([], False, 0)
    provider.perform()
    assert (heard.kinds, heard.done, provider.timeout()) == (["StreamError"], False, 0)
    assert provider.info_read() == 1
    assert (heard.done, provider.timeout()) == (True, -1)


def test_a_callback_that_raises_at_it_loses_no_completion(make: Make) -> None:
    """What `on_event` raises at that event ends its stream, as at any other."""

    def act(_event: StreamEvent) -> None:
        raise ZeroDivisionError

    provider = make(Refuses([]))
    heard = refused(provider, act)
    drive(provider, lambda: heard.done)
    assert heard.error.category is ErrorCategory.ABORTED
    assert isinstance(heard.error.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("in_event", [False, True])
def test_closing_delivers_it(make: Make, *, in_event: bool) -> None:
    """A provider that is closed before that event, or in it, delivers the completion, once."""
    provider = make(Refuses([]))
    heard = refused(provider, lambda _event: provider.close())
    if in_event:
        provider.perform()
    provider.close()
    assert [each.error.message for each in heard.completions if each.error] == ["boom"]
    assert heard.kinds == (["StreamError"] if in_event else [])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("everything", [False, True])
def test_what_was_cancelled_is_served_by_nobody(make: Make, *, stream: bool, everything: bool) -> None:
    """A request that is cancelled after the candidate has failed it, and before that was told, is not sent to control."""
    control = ScriptedProvider(lambda _: text_stream("old"))
    provider, heard = make(control), Heard()
    if stream:
        handle = provider.start_stream(ASKED, heard.on_event, heard.on_completion)
    else:
        handle = provider.start_request(ASKED, heard.on_completion)
    provider.perform()
    provider.cancel(None if everything else handle)
    drive(provider, lambda: heard.done)
    assert heard.error.message == "boom"
    assert (heard.kinds, list(control.requests)) == ([], [])
