"""Tests of what the legacy adapter alone promises about phases; what every provider does is in `tests/contract`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shim.model import StreamDone
from shim.testing.fake_openai import FakeOpenAI
from tests.contract.test_phases import turn_until, workers
from tests.helpers.driving import Heard, eventually, start
from tests.helpers.providers import WAYS_TO_END, AnyProvider, Make
from tests.scenarios.chunks import FINISH as FINISH_CHUNK
from tests.scenarios.chunks import delta, streaming

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("end", WAYS_TO_END)
def test_others_that_ended_in_the_same_turn_may_be_ended(
    make: Make, server: FakeOpenAI, end: Callable[[AnyProvider], None]
) -> None:
    """A stream cancelled or closed by another's last event gets no event, although its answer is there already."""
    server.plan(*[streaming(delta(content="Hi"), FINISH_CHUNK, done=False)] * 3)
    with make(server.base_url) as provider:
        heard = [Heard(lambda event: end(provider) if isinstance(event, StreamDone) else None) for _ in range(3)]
        for each in heard:
            start(provider, stream=True, heard=each)
        server.wait_for_requests(3)
        eventually(lambda: not workers())
        turn_until(provider, lambda: all(each.done for each in heard))
        assert sorted(each.kinds[-1] for each in heard) == ["StreamDone", "TextDelta", "TextDelta"]
        assert sorted(each.completion.ok for each in heard) == [False, False, True]
