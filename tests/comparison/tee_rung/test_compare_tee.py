"""Tests that the tee rung says what it found, of any recording, and raises for none."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec.structs import replace

from shim.comparison import Exchange, IgnoreRule, Outcome, TransportFault
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.compare_tee import compare_tee, compare_tee_all
from shim.comparison.tee_rung.known_quirks import UNENDED
from shim.comparison.tee_rung.session_reader import SessionReader
from shim.comparison.tee_rung.variants import ALL_OFFSETS
from shim.legacy_adapter import LegacyProvider
from shim.native import NativeProvider
from shim.recording.exchange import RecordedResponse, Segment
from tests.comparison.faulty_readers import FAULTS, Retelling
from tests.comparison.recorded_cases import CHAT, RESPONSES, chat_case, exchange_of
from tests.helpers.driving import eventually
from tests.helpers.exchanges import ASKED, CHUNKS, exchange, sse, streamed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.recording.reading import Reading

SHORT = ({**CHUNKS[0], "choices": [{"index": 0, "delta": {"content": "é"}}]}, CHUNKS[3])
"""A stream short enough to be cut everywhere in a moment."""


@pytest.fixture(scope="module")
def legacy() -> Iterator[SessionReader]:
    """The legacy client and adapter on a replaying session."""
    reader = SessionReader(LegacyProvider)
    yield reader
    reader.close()


class Raising:
    """A reader with an error of its own."""

    name = "broken"

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def read(self, exchange: Exchange) -> Reading:
        """Fail."""
        raise self._error

    def close(self) -> None:
        """Hold nothing."""


def test_a_match_says_what_was_asked_and_how_long_it_took(legacy: SessionReader) -> None:
    """A verdict names the exchange, the request in a line, the number of presentations and the time."""
    verdict = compare_tee(streamed(), legacy)
    assert (verdict.rung, verdict.outcome, verdict.pair_id, verdict.ok) == ("tee", Outcome.MATCH, "p1", True)
    assert verdict.asked == "POST /v1/chat/completions · gpt-4o, streamed"
    assert (verdict.variant, verdict.variants, verdict.mismatches) == ("as recorded", 1, ())
    assert verdict.seconds > 0


def test_a_mismatch_explains_itself(legacy: SessionReader) -> None:
    """The message tells what each side made of the answer, where they part, and the rule."""
    fault = FAULTS["counts one token more"]
    verdict = compare_tee(chat_case(fault.case), legacy, candidate=fault.reader)
    (mismatch,) = verdict.mismatches
    assert (mismatch.path, mismatch.control + 1) == ("response.usage.output_tokens", mismatch.candidate)
    for words in ("legacy", "faulty", "response.usage.output_tokens", "Tokens must be counted the same", "(HTTP 200)"):
        assert words in verdict.message


def test_a_difference_of_text_is_shown_in_the_bytes(legacy: SessionReader) -> None:
    """The bytes around the first differing character are told with their offset."""
    verdict = compare_tee(exchange(), legacy, candidate=FAULTS["names another model"].reader)
    (mismatch,) = verdict.mismatches
    body = exchange().response.body or b""  # type: ignore[union-attr]  # it has one
    assert mismatch.offset == body.index(b"gpt-4o")
    assert '"model": ">>>gpt-4o"' in verdict.message


def test_what_makes_a_provider_is_made_for_the_call_alone() -> None:
    """Given as a class, the legacy provider is made, used and closed: no thread of it is left."""
    before = set(threading.enumerate())
    assert compare_tee(streamed(), LegacyProvider).outcome is Outcome.MATCH
    eventually(lambda: set(threading.enumerate()) <= before)


def test_what_the_control_made_of_it_is_compared_where_no_reader_is_given() -> None:
    """A recording that says what its control told its caller is compared with that."""
    recorded = streamed()
    told = CodecReader().read(recorded)
    assert compare_tee(replace(recorded, made=told), resplit=True).outcome is Outcome.MATCH
    other = replace(told, response={**(told.response or {}), "model": "gpt-3"})
    verdict = compare_tee(replace(recorded, made=other))
    assert [mismatch.path for mismatch in verdict.mismatches] == ["response.model"]


@pytest.mark.parametrize(
    ("recorded", "options", "words"),
    [
        (exchange(), {}, "give control=LegacyProvider"),
        (exchange(made=CodecReader().read(exchange())), {"truncate": True}, "give control=LegacyProvider"),
        (
            exchange(made=CodecReader().read(exchange()), redacted=("response.body (keys)",)),
            {},
            "redacted after its control had read it",
        ),
        (exchange(ended="overflow"), {"control": CodecReader()}, "larger than was kept"),
        (
            exchange(response=RecordedResponse(status=200, segments=(Segment(None, 0.0, 3),))),
            {"control": CodecReader()},
            "left out",
        ),
        (
            exchange(),
            {"control": Raising(RuntimeError("key sk-abcdefghijk"))},
            "broken failed to read it: RuntimeError: key",
        ),
        (
            exchange(),
            {"control": CodecReader(), "candidate": Raising(KeyError("x"))},
            "broken failed to read it: KeyError",
        ),
        (exchange(), {"control": NativeProvider}, "native failed to read it: TypeError"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_no_mismatch(recorded: Exchange, options: Any, words: str) -> None:
    """What fails in the comparing has an outcome of its own, says why, and shows no key."""
    verdict = compare_tee(recorded, **options)
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason
    assert "sk-abc" not in repr(verdict)
    assert verdict.mismatches == ()


def test_an_interrupt_leaves() -> None:
    """Control-C in a reader ends the comparison."""
    with pytest.raises(KeyboardInterrupt):
        compare_tee(exchange(), Raising(KeyboardInterrupt()))


def test_a_side_that_is_neither_reader_nor_maker_is_refused() -> None:
    """An error of the program is raised at once."""
    with pytest.raises(TypeError, match="give a reader"):
        compare_tee(exchange(), cast("Any", "legacy"))


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        (exchange(url="https://api.openai.com/v1/embeddings"), "neither Chat Completions nor Responses"),
        (exchange_of(RESPONSES["json_basic"]), "legacy does not read"),
        (
            exchange(
                response=None,
                ended="failed",
                fault=TransportFault(stage="connect", kind="requests.exceptions.InvalidURL"),
            ),
            "the client itself refused it",
        ),
    ],
)
def test_what_is_not_compared_is_ignored_with_the_reason(legacy: SessionReader, recorded: Exchange, words: str) -> None:
    """Another API than both sides read, and a request that was never sent, are out of scope and no match."""
    verdict = compare_tee(recorded, legacy)
    assert verdict.outcome is Outcome.IGNORED
    assert words in verdict.reason


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_are_compared_where_both_sides_read_them(name: str) -> None:
    """Two readers of the Responses API are compared, split too."""
    verdict = compare_tee(exchange_of(RESPONSES[name]), CodecReader(), candidate=CodecReader())
    assert verdict.outcome is Outcome.MATCH


@pytest.mark.parametrize(
    "fault",
    [
        TransportFault(
            stage="body", kind="requests.exceptions.ChunkedEncodingError", message="IncompleteRead(0 bytes read)"
        ),
        TransportFault(stage="body", kind="urllib3.exceptions.ReadTimeoutError", message="Read timed out."),
        TransportFault(stage="body", kind="builtins.ConnectionResetError", message="reset by peer"),
        TransportFault(stage="body", kind="urllib3.exceptions.DecodeError", message="not gzip"),
    ],
)
def test_a_recorded_failure_is_read_the_same_in_each_sides_words(legacy: SessionReader, fault: TransportFault) -> None:
    """Category and partial response are compared, the library's words are not."""
    recorded = streamed(sse(*CHUNKS[:2], done=False), ended="failed", fault=fault)
    assert compare_tee(recorded, legacy).outcome is Outcome.MATCH
    assert compare_tee(replace(recorded, response=None), legacy).outcome is Outcome.MATCH


def test_an_answer_its_caller_closed_is_compared_as_far_as_it_goes(legacy: SessionReader) -> None:
    """Closed after its end it is a response to both, before that a truncated one."""
    for recorded in (streamed(ended="aborted"), streamed(sse(*CHUNKS[:2], done=False), ended="aborted")):
        assert compare_tee(recorded, legacy).outcome is Outcome.MATCH


def test_every_split_is_compared(legacy: SessionReader) -> None:
    """Byte by byte and in two at every offset: so many presentations, and all match."""
    body = sse(*SHORT)
    verdict = compare_tee(streamed(body), legacy, resplit=True)
    assert (verdict.outcome, verdict.variants) == (Outcome.MATCH, 1 + 1 + len(body) - 1)


def test_the_split_that_breaks_a_reader_is_named(legacy: SessionReader) -> None:
    """The first presentation that does not match is told, with the bytes around it."""
    fault = FAULTS["decodes each piece alone"]
    verdict = compare_tee(streamed(sse(*SHORT)), legacy, candidate=fault.reader, resplit=True)
    assert verdict.outcome is Outcome.MISMATCH
    assert verdict.variant == "byte by byte"
    pieces = sse(*SHORT)
    at = pieces.index("é".encode()) + 1
    only_in_two = replace(streamed(pieces[:at], pieces[at:]))
    assert compare_tee(only_in_two, legacy, candidate=fault.reader).mismatches[0].rule == "tee.text"


@pytest.mark.slow
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_every_cut_is_compared(legacy: SessionReader, line_end: bytes) -> None:
    """At every offset, ended and reset: the sides part only where an event has no end, and that is ignored, not a match."""
    body = sse(*SHORT).replace(b"\n", line_end)
    verdict = compare_tee(streamed(body), legacy, truncate=True)
    assert verdict.outcome is Outcome.IGNORED, verdict.message
    assert verdict.variants == 1 + 2 * len(body)
    assert verdict.reason == str(UNENDED)


def test_cuts_of_a_whole_answer_match(legacy: SessionReader) -> None:
    """An answer that is no stream is read the same however short it is cut."""
    recorded = exchange(ASKED, b'{"id":"c","choices":[{"message":{"content":"\xc3\xa9"}}]}')
    assert compare_tee(recorded, legacy, truncate=True, resplit=True).outcome is Outcome.MATCH


def lenient(completion: Any, events: Any) -> Any:
    """Take an answer cut inside its finish for whole, as the fault of a candidate."""
    error = completion.error
    if error is None or error.partial is None or not error.partial.choices:
        return completion, events
    return replace(completion, response=error.partial, error=None), events


@pytest.mark.slow
def test_the_known_quirk_hides_no_fault(legacy: SessionReader) -> None:
    """A candidate that errs only where a cut leaves an event without its end is still a mismatch."""
    body = sse(*SHORT)
    finish = body.index(b"data", 10)

    class OnlyThere(Retelling):
        def read(self, exchange: Exchange) -> Reading:
            length = 0 if exchange.response is None else exchange.response.length
            cut_inside = finish + 40 < length < body.index(b"data: [DONE]") - 2
            return super().read(exchange) if cut_inside else CodecReader().read(exchange)

    verdict = compare_tee(streamed(body), legacy, candidate=OnlyThere(lenient), truncate=True)
    assert verdict.outcome is Outcome.MISMATCH
    assert verdict.variant.startswith("cut at ")
    assert verdict.mismatches[0].offset is not None
    assert ">>>" in verdict.mismatches[0].excerpt


def test_a_difference_that_is_ignored_stays_ignored_in_every_presentation(legacy: SessionReader) -> None:
    """An ignore rule holds for splits too, and the outcome is ignored, not a match."""
    rule = IgnoreRule(path="response.model", reason="an alias", owner="me")
    verdict = compare_tee(chat_case("json_error_to_stream"), legacy, ignore=[rule])
    assert verdict.outcome is Outcome.MATCH
    fault = FAULTS["names another model"]
    verdict = compare_tee(exchange(), legacy, candidate=fault.reader, ignore=[rule], resplit=True)
    assert (verdict.outcome, verdict.reason) == (Outcome.IGNORED, str(rule))
    assert verdict.variants == 2 + len(exchange().response.body or b"") - 1  # type: ignore[union-attr]  # it has one


@pytest.mark.slow
def test_a_long_body_is_compared_at_as_many_offsets_as_the_verdict_says(legacy: SessionReader) -> None:
    """Over the limit the offsets are chosen, and their number is told."""
    body = sse(*SHORT[:1], done=False) + b": " + b"x" * (4 * ALL_OFFSETS) + b"\n\n" + sse(SHORT[1])
    verdict = compare_tee(replace(streamed(body), made=legacy.read(streamed(body))), resplit=True)
    assert verdict.outcome is Outcome.MATCH
    assert 100 < verdict.variants < ALL_OFFSETS


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"data", b"[1]", b"null", b'{"choices":3}', b"data: {}\n\n" * 3])
@pytest.mark.parametrize("status", [200, 204, 302, 404, 500, 599])
def test_nothing_a_server_answers_is_raised(legacy: SessionReader, body: bytes, status: int) -> None:
    """Bodies of any kind under any status are read the same by both, but for JSON that is called a stream, which is told."""
    called_a_stream = streamed(body, status=status)
    if body[:1] in (b"[", b"{") and status in (200, 204):
        verdict = compare_tee(called_a_stream, legacy)
        assert "called an event stream; the legacy client finds no data line" in verdict.message
        called_a_stream = exchange(ASKED, body, status=status)
    for recorded in (exchange(ASKED, body, status=status), called_a_stream):
        verdict = compare_tee(recorded, legacy, resplit=True)
        assert verdict.outcome is Outcome.MATCH, verdict.message


@pytest.mark.slow
def test_recorded_cases_are_read_the_same_however_they_are_split(legacy: SessionReader) -> None:
    """A short recorded answer and a short stream, split everywhere, match."""
    for name in ("json_error_in_200", "groq_error_event"):
        assert CHAT[name].body
        verdict = compare_tee(chat_case(name), legacy, resplit=True)
        assert verdict.outcome is Outcome.MATCH, verdict.message


UNREADABLE = (
    exchange(ended="overflow"),
    exchange(url="https://api.openai.com/v1/models"),
    exchange(url="http://[::1/v1/chat/completions"),
    exchange(url="https://api.openai.com/v1/responses"),
    exchange(response=None, ended="failed"),
    replace(exchange(), response=RecordedResponse(status=200, headers=(("Content-Encoding", "br"),), decoded=False)),
    replace(exchange(), response=RecordedResponse(status=200, segments=(Segment(None, 0.1, 5),))),
)


def test_many_together_are_judged_as_each_by_itself(legacy: SessionReader) -> None:
    """Whatever stands beside it, an exchange gets the verdict that it gets alone, the unreadable among them too."""
    cases = [chat_case(name) for name in CHAT]
    mixed = [each for pair in zip(cases, UNREADABLE * len(cases), strict=False) for each in pair]
    together = compare_tee_all(mixed, control=legacy)
    alone = [compare_tee(each, legacy) for each in mixed]
    assert [replace(each, seconds=0.0) for each in together] == [replace(each, seconds=0.0) for each in alone]
    assert {each.outcome for each in together} == set(Outcome)
    assert all(each.seconds > 0 for each in together)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.shows == "as recorded"])
def test_a_fault_is_found_among_many(name: str, legacy: SessionReader) -> None:
    """A reader's fault is caught among exchanges that it reads well, in its own place."""
    fault = FAULTS[name]
    cases = [exchange(), chat_case(fault.case), streamed()]
    alone = [compare_tee(each, legacy, candidate=fault.reader) for each in cases]
    together = compare_tee_all(cases, control=legacy, candidate=fault.reader)
    assert [each.mismatches for each in together] == [each.mismatches for each in alone]
    assert together[1].outcome is Outcome.MISMATCH


def test_nothing_is_compared_where_there_is_nothing(legacy: SessionReader) -> None:
    """No exchanges, no verdicts."""
    assert compare_tee_all([], control=legacy) == []
