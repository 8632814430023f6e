"""Tests of the fuzz targets: each holds over its seeds and over all that fuzzing has found, and can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.wire.sse import ServerSentEvent, SSEDecoder
from tests.fuzz.inputs import FuzzInput
from tests.fuzz.seeds import FINDINGS, findings_of, seeds_of, words
from tests.fuzz.targets import TARGETS, sse

FOUND = [(target, name) for target in TARGETS for name in findings_of(target)]


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_holds_over_its_seeds(target: str) -> None:
    """What fuzzing begins with, the repository's fixtures in the form of the target, breaks no promise."""
    seeds = seeds_of(target)
    assert len(seeds) > 4
    for seed in seeds:
        TARGETS[target](seed)


@pytest.mark.parametrize(("target", "name"), FOUND)
def test_what_was_found_stays_mended(target: str, name: str) -> None:
    """An input that broke a promise once breaks it no more."""
    TARGETS[target](findings_of(target)[name])


def test_no_finding_is_idle() -> None:
    """Every file among the findings is read by a target."""
    files = {path.relative_to(FINDINGS) for path in FINDINGS.rglob("*") if path.is_file()}
    assert files == {Path(target) / name for target, name in FOUND}


def test_a_target_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser that forgets what came in an earlier piece is found by the seeds alone."""

    def forgetful(self: SSEDecoder, data: bytes) -> list[ServerSentEvent]:
        return feed(SSEDecoder(), data)

    feed = SSEDecoder.feed
    monkeypatch.setattr(SSEDecoder, "feed", forgetful)
    with pytest.raises(AssertionError, match="split"):
        sse(next(seed for seed in seeds_of("sse") if len(FuzzInput(seed).pieces()) > 3))


@pytest.mark.parametrize("steering", [b"", b"\0", b"\0\0", b"\0\1", b"\7\x2a", b"\xff\xff"])
def test_the_pieces_of_an_input_are_its_data(steering: bytes) -> None:
    """However an input says that it is split, its pieces together are its data, and none is empty."""
    given = FuzzInput(steering + b"data: hello\n\n" if len(steering) == 2 else steering)
    assert b"".join(given.pieces()) == given.data
    assert all(given.pieces())


def test_the_words_are_those_of_the_fixtures() -> None:
    """The fuzzer's words hold the names of fields of both APIs and the marks of each framing."""
    assert {b'"choices"', b'"output_index"', b"data: ", b"0\r\n\r\n"} <= set(words())
