"""Tests of redacting older recordings: what is taken out, where that is told, and that once is enough."""

from __future__ import annotations

from msgspec.structs import replace

from shim.recording.exchange import Exchange, TransportFault
from shim.recording.files import decode_exchange, encode_exchange
from shim.recording.operations.entries import entries
from shim.recording.operations.redacting import Redacted, redacted
from shim.recording.redaction.redaction import CONVERSATION_PATHS, Redaction
from tests.helpers.exchanges import exchange, streamed
from tests.helpers.lines import entries_of, lines_of, refuse

KEY = "sk-test-0123-of-somebody"
PLAIN = Redaction()


def result(given: Exchange, redaction: Redaction = PLAIN) -> Redacted:
    """What becomes of an exchange."""
    (entry,) = entries_of([given])
    return redacted(entry, redaction)


def told(**fields: object) -> tuple[str, ...]:
    """The places of an exchange with these fields."""
    return result(replace(Redaction().apply(exchange()), **fields)).places


def test_what_a_recorder_wrote_is_left_alone() -> None:
    """An exchange that was redacted already is written the same, and no place is told."""
    for given in (exchange(), streamed()):
        clean = Redaction().apply(given)
        assert result(clean) == (encode_exchange(clean), (), False)


def test_once_is_enough() -> None:
    """What was redacted has nothing to take out by the same rules, bodies covered or left out too."""
    dirty = exchange({"messages": [{"content": f"my key is {KEY}"}]}, context={"key": KEY}, pair_id=KEY)
    for rules in (PLAIN, Redaction(body_paths=CONVERSATION_PATHS), Redaction(bodies="drop")):
        for given in (dirty, streamed()):
            first = result(given, rules)
            assert result(decode_exchange(first.data), rules) == (first.data, (), False)


def test_places_are_told_and_no_secret() -> None:
    """Each place that was changed is told by its name, and what stood there is neither told nor written."""
    clean = Redaction().apply(exchange())
    request = replace(clean.request, headers=(("Cookie", KEY),), url=f"https://h/v1?api_key={KEY}")
    dirty = replace(
        clean,
        request=replace(request, body=f'{{"x": "{KEY}"}}'.encode()),
        fault=TransportFault(stage="body", kind="k", message=f"refused {KEY}"),
        context={"key": KEY},
    )
    found = result(dirty)
    assert found.places == ("request.url", "request.body (keys)", "request.headers", "fault", "context")
    assert KEY.encode() not in found.data
    assert told(pair_id=f"Bearer {KEY}") == ("pair_id",)


def test_named_places_are_told_by_their_paths() -> None:
    """Of places that were asked for the path is told, and not the body as a whole."""
    rules = Redaction(body_paths=["request.body.messages[*].content"])
    assert result(Redaction().apply(exchange()), rules).places == ("request.body.messages[*].content",)


def test_fields_that_are_not_known_are_left_out() -> None:
    """Fields that this version does not know are not written, and a newer schema is told."""
    line = encode_exchange(exchange()).replace(
        b'{"schema":"shim.exchange/1.0"', b'{"note":"x","schema":"shim.exchange/1.7"'
    )
    (entry,) = entries(lines_of(line), on_error=refuse)
    found = redacted(entry, PLAIN)
    assert found.is_newer
    assert b'"note"' not in found.data
