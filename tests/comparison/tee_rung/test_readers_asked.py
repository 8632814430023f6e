"""Tests that readers are asked for many or one, and that their failures are told as theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from shim.comparison.readers import Reader, at_once
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.compare_tee import ReadingSide, compare_tee, compare_tee_all
from shim.comparison.tee_rung.readings import Heard, alike
from shim.comparison.tee_rung.session_reader import SessionReader
from shim.comparison.verdict import Outcome
from shim.legacy_adapter import LegacyProvider
from shim.provider import Completion, RequestHandle, Timing
from shim.recording.exchange import UnreadableExchangeError
from shim.recording.reading import Reading
from tests.helpers.exchanges import exchange, streamed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shim.recording.exchange import Exchange

READING = Reading(outcome="response")


class Batches:
    """A reader of many, which notes how many it was given and fails with a pair called so."""

    name = "batches"
    at_once = 8

    def __init__(self) -> None:
        self.given: list[int] = []

    def hear_all(self, exchanges: Sequence[Exchange]) -> list[Reading]:
        """Read them."""
        self.given.append(len(exchanges))
        if any(each.pair_id == "bad" for each in exchanges):
            raise RuntimeError("out of order")
        return [READING] * len(exchanges)

    def read(self, exchange: Exchange) -> Reading:
        """Read one."""
        return self.hear_all([exchange])[0]

    def close(self) -> None:
        """Hold nothing."""


def test_who_reads_many_is_given_many() -> None:
    """A reader of many gets all at once, any other one after the other."""
    reader = Batches()
    assert ReadingSide(reader).told_ahead([exchange(), streamed()]) == [READING, READING]
    assert reader.given == [2]
    assert ReadingSide(CodecReader()).told_ahead([exchange(), streamed()]) == [None, None]


def test_a_batch_that_fails_is_nobody_s_yet() -> None:
    """Where one of many cannot be read nothing is known of any: each is to be read by itself."""
    assert ReadingSide(Batches()).told_ahead([exchange(), exchange(pair_id="bad")]) == [None, None]


def test_a_reader_s_failure_names_it() -> None:
    """What a reader raises is an exchange that cannot be read, with the reader and the reason."""
    with pytest.raises(UnreadableExchangeError, match=r"batches failed to read it: RuntimeError: out of order"):
        ReadingSide(Batches()).told([exchange(pair_id="bad")])
    neither = Heard(Completion(RequestHandle("x", 1), None, None, timing=Timing(started=1.0, finished=2.0)), None)
    with pytest.raises(UnreadableExchangeError, match="neither a response nor an error"):
        ReadingSide(Batches()).reading(neither)
    with pytest.raises(UnreadableExchangeError, match="batches failed to read it"):
        ReadingSide(Batches()).reading(Heard(cast("Any", None), None))


def test_readings_are_compared_by_place() -> None:
    """Two readings are never taken for alike here, even the same one; what two were told may be."""
    assert not alike(READING, READING)
    one, other = (CodecReader().hear(streamed()) for _ in range(2))
    assert alike(one, other)
    assert not alike(one, READING)


def test_how_many_a_reader_wants() -> None:
    """A whole client wants many, the codecs and readers that do not say want one."""
    sides: list[Reader | None] = [Batches(), CodecReader(), None]
    assert [at_once(side) for side in sides] == [8, 1, 1]
    assert SessionReader.at_once > 1


class Careless(CodecReader):
    """A reader that reads otherwise than the one it inherits from, in the simple way alone."""

    name = "careless"

    def read(self, exchange: Exchange) -> Reading:
        """Read nothing."""
        del exchange
        return READING


class Absent(SessionReader):
    """The same over a client."""

    def read(self, exchange: Exchange) -> Reading:
        """Read nothing."""
        del exchange
        return READING


class Wrapped:
    """A reader around another one."""

    name = "wrapped"

    def __init__(self) -> None:
        self._inner = CodecReader()

    def read(self, exchange: Exchange) -> Reading:
        """Read nothing."""
        del exchange
        return READING

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.mark.parametrize("make", [Careless, lambda: Absent(LegacyProvider), Wrapped])
def test_who_overrides_the_simple_way_is_not_bypassed(make: Any) -> None:
    """A reader that defines `read` anew is asked by it, also where it inherits a quicker way."""
    reader = make()
    assert ReadingSide(reader).told([streamed(), streamed()]) == [READING, READING]
    assert compare_tee(streamed(), CodecReader(), candidate=reader).outcome is Outcome.MISMATCH
    together = compare_tee_all([streamed(), exchange()], control=LegacyProvider, candidate=reader)
    assert [each.outcome for each in together] == [Outcome.MISMATCH] * 2


def test_an_overridden_method_of_an_instance_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader whose `read` was replaced is asked by that."""
    reader = CodecReader()
    monkeypatch.setattr(reader, "read", lambda _exchange: READING)
    assert ReadingSide(reader).told([streamed()]) == [READING]
