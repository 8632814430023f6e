"""Tests that what both sides give the same codec is read once, and that nothing is told otherwise for it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.compare_tee import compare_tee, compare_tee_all
from shim.comparison.tee_rung.readings import Heard, alike
from shim.comparison.tee_rung.session_reader import SessionReader
from shim.comparison.verdict import Outcome
from shim.legacy_adapter import LegacyProvider
from shim.model.caps import Caps
from shim.recording.exchange import TransportFault
from shim.recording.recorded_answer import presented
from shim.wire import chat
from tests.comparison.recorded_cases import CHAT, chat_case
from tests.comparison.tee_rung.test_properties import ends, events, stream_of
from tests.helpers.exchanges import ASKED, CHUNKS, exchange, segments_of, sse, streamed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.model import ModelResponse, StreamEvent
    from shim.recording.exchange import Exchange

WHOLE = sse(*CHUNKS)
RESET = TransportFault(stage="body", kind="builtins.ConnectionResetError", message="as it was")

# What this side may find where the other one found `WHOLE`.
OTHERS: dict[str, Exchange] = {
    "the same in pieces": streamed(*WHOLE.splitlines(keepends=True)),
    "less": streamed(sse(*CHUNKS[:2], done=False)),
    "less, and a reset": streamed(sse(*CHUNKS[:2], done=False), ended="failed", fault=RESET),
    "no end": streamed(sse(*CHUNKS, done=False)),
    "more": streamed(WHOLE + sse(CHUNKS[1])),
    "another piece": streamed(sse(*CHUNKS[:2], CHUNKS[1], *CHUNKS[2:])),
    "another order": streamed(sse(*CHUNKS[:1], CHUNKS[2], CHUNKS[1], *CHUNKS[3:])),
    "an error": streamed(sse(*CHUNKS[:2], {"error": {"message": "No."}}, *CHUNKS[2:])),
    "nonsense": streamed(sse(CHUNKS[0], done=False) + b"data: nonsense\n\n" + WHOLE),
    "an error's status": streamed(b'{"error": {"message": "No."}}', status=500),
    "no stream": streamed(b'{"id": "x", "choices": []}'),
    "a reset after the end": streamed(WHOLE, ended="failed", fault=RESET),
    "nothing": streamed(b""),
}


@pytest.fixture(scope="module")
def control() -> Iterator[SessionReader]:
    """The legacy client in the calling thread."""
    reader = SessionReader(LegacyProvider)
    yield reader
    reader.close()


def beside(recorded: Exchange, other: Heard) -> Heard:
    """What the codecs tell of an exchange where another side was told what `other` was."""
    return CodecReader().hear_beside(recorded, replace(other, answer=(recorded, presented(recorded))))


@pytest.mark.parametrize("name", CHAT)
def test_every_case_is_told_as_without_the_other_side(name: str, control: SessionReader) -> None:
    """Each recorded case, as recorded and line by line, is read beside the control as it is alone."""
    recorded = chat_case(name)
    assert recorded.response is not None
    lines = replace(recorded.response, segments=segments_of(*CHAT[name].body.splitlines(keepends=True)))
    for each in (recorded, replace(recorded, response=lines)):
        (heard,) = control.hear_all([each])
        assert CodecReader().hear_beside(each, heard).reading() == CodecReader().read(each)


@pytest.mark.parametrize("name", OTHERS)
def test_what_parts_from_the_other_side_is_read_alone(name: str, control: SessionReader) -> None:
    """Wherever this side finds other payloads than the other one did, it tells what it does alone."""
    (heard,) = control.hear_all([streamed(WHOLE)])
    assert beside(OTHERS[name], heard).reading() == CodecReader().read(OTHERS[name])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(events, max_size=6),
    other=st.lists(events, max_size=6),
    common=st.integers(0, 6),
    end=ends,
    cuts=st.lists(st.integers(0, 400), max_size=4),
)
def test_generated_streams_are_told_as_without_the_other_side(
    control: SessionReader,
    *,
    told: list[tuple[str, str]],
    other: list[tuple[str, str]],
    common: int,
    end: str,
    cuts: list[int],
) -> None:
    """Any stream, split anywhere, is read beside one that begins as it does or is the same as it is alone."""
    body = stream_of(told, end)
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    recorded = streamed(*([body[start:stop] for start, stop in itertools.pairwise(places)] or [b""]))
    alone = CodecReader().read(recorded)
    for known in (told, told[:common] + other):
        (heard,) = control.hear_all([streamed(stream_of(known, end))])
        assert beside(recorded, heard).reading() == alone


def test_the_codec_reads_once_what_both_hand_over(control: SessionReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that both sides cut alike goes through its decoder once, one that they cut otherwise twice."""
    read: list[bytes] = []
    feed = chat.StreamDecoder.feed

    def noting(decoder: chat.StreamDecoder, payload: bytes) -> list[StreamEvent]:
        read.append(payload)
        return feed(decoder, payload)

    monkeypatch.setattr(chat.StreamDecoder, "feed", noting)
    verdict = compare_tee(streamed(WHOLE), control)
    assert (verdict.outcome, len(read)) == (Outcome.MATCH, len(CHUNKS) + 1)
    read.clear()
    two_lines = streamed(WHOLE.replace(b', "choices"', b',\ndata: "choices"', 1))
    assert compare_tee(two_lines, control).outcome is Outcome.MISMATCH
    assert len(read) > len(CHUNKS) + 1


def test_a_body_that_both_have_is_parsed_once(control: SessionReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole answer goes through its codec once; another body, and one that is an error, are read by each side."""
    read: list[bytes] = []
    parse = chat.parse_response

    def noting(body: bytes) -> ModelResponse:
        read.append(body)
        return parse(body)

    monkeypatch.setattr(chat, "parse_response", noting)
    assert compare_tee(exchange(), control).outcome is Outcome.MATCH
    assert len(read) == 1
    (heard,) = control.hear_all([exchange()])
    for pieces in ((WHOLE,), (b"{",), (b'{"id": "x", "choices": []}',), (b'{"error": {"message": "No."}}',)):
        other = exchange(ASKED, *pieces)
        assert beside(other, heard).reading() == CodecReader().read(other)
        assert compare_tee(other, control).outcome is Outcome.MATCH


@pytest.mark.parametrize("recorded", [exchange(), streamed(WHOLE)], ids=["whole", "stream"])
def test_what_the_control_makes_of_it_afterwards_is_its_own(recorded: Exchange, control: SessionReader) -> None:
    """What is taken over is what left the codec: where the control tells less or something else, the other side does not."""
    (heard,) = control.hear_all([recorded])
    completion = heard.completion
    assert completion.response is not None
    wrong = replace(completion, response=replace(completion.response, model="odd", request_id="other"))
    odd = replace(heard, completion=wrong, events=None if heard.events is None else heard.events[:1])
    taken = CodecReader().hear_beside(recorded, odd)
    assert taken.reading() == CodecReader().read(recorded)
    assert not alike(odd, taken)
    assert alike(heard, taken)


def test_under_other_caps_each_side_reads_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the control's streams may bring another measure than this side's, nothing is taken over."""
    few = SessionReader(LegacyProvider, caps=Caps(events=1000))
    try:
        (heard,) = few.hear_all([streamed(WHOLE)])
    finally:
        few.close()
    made: list[chat.StreamDecoder] = []

    def noting(*, caps: Caps) -> chat.StreamDecoder:
        made.append(decoder := StreamDecoder(caps=caps))
        return decoder

    StreamDecoder = chat.StreamDecoder  # noqa: N806 - a class
    monkeypatch.setattr(chat, "StreamDecoder", noting)
    assert CodecReader().hear_beside(streamed(WHOLE), heard).events == heard.events
    assert len(made) == 1


class Deaf(CodecReader):
    """A reader that tells something else of what it is given, in its own way of hearing."""

    name = "deaf"

    def hear(self, exchange: Exchange) -> Heard:
        """Hear half of it."""
        heard = super().hear(exchange)
        return replace(heard, events=(heard.events or [])[:1])


def test_a_reader_of_its_own_way_is_asked_for_it(control: SessionReader) -> None:
    """A reader that inherits from the codecs' and hears otherwise is never passed by."""
    verdicts = compare_tee_all([streamed(WHOLE)] * 3, control=control, candidate=Deaf())
    assert [verdict.outcome for verdict in verdicts] == [Outcome.MISMATCH] * 3


class MakesMore(CodecReader):
    """A control whose library takes for whole what was cut: it is told of another answer than the recorded one."""

    def hear(self, exchange: Exchange) -> Heard:
        """What the codecs make of the answer it had made of that."""
        return super().hear(streamed(WHOLE))


def test_a_control_that_tells_of_another_answer_lends_the_candidate_none() -> None:
    """What a control made of a cut answer before it was read is not what the candidate reads: they differ, as they do."""
    cut = OTHERS["less"]
    for verdict in (compare_tee(cut, MakesMore()), *compare_tee_all([cut], control=MakesMore())):
        assert verdict.outcome is Outcome.MISMATCH
        assert verdict.mismatches[0].path == "outcome"
