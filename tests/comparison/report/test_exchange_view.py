"""Tests of the recorded exchange on the page: true to the record, bounded, without keys."""

from __future__ import annotations

from shim.comparison.report.exchange_view import LONGEST_BODY, MOST_SEGMENTS, body_text, moment, recorded
from shim.recording.exchange import RecordedRequest, RecordedResponse, Segment, TransportFault
from tests.helpers.exchanges import URL, exchange, streamed


def test_json_is_indented_and_nothing_else() -> None:
    """Indented JSON keeps duplicate keys, the spelling of numbers, escapes and the order of keys."""
    body = b'{"b":1.0,"a":[],"a":{"x":1e2,"t":"\\u00e9 {[,:]}"},"l":[1,true]}'
    assert body_text(body).text == (
        '{\n  "b": 1.0,\n  "a": [],\n  "a": {\n    "x": 1e2,\n    "t": "\\u00e9 {[,:]}"\n  },\n'
        '  "l": [\n    1,\n    true\n  ]\n}'
    )


def test_what_is_no_json_stays() -> None:
    """A body that is no JSON, or no UTF-8, is shown as it stands, its odd bytes as escapes."""
    assert body_text(b'{"a": nope').text == '{"a": nope'
    assert body_text(b"\xff<html>").text == "\\xff<html>"


def test_deep_json_is_shown() -> None:
    """JSON nested too deeply to be parsed is shown as it stands; how deep that is depends on the interpreter."""
    deep = body_text(b"[" * 200_000 + b"]" * 200_000)
    assert deep.text.startswith("[[[[")


def test_long_bodies_are_cut() -> None:
    """A long body ends with how much is left out, whether it is JSON or not."""
    plain = body_text(b"x" * (LONGEST_BODY + 1))
    assert (len(plain.text), plain.more) == (LONGEST_BODY, "1 more character")
    assert body_text(b"[" + b"1," * 90_000 + b"1]").more == "175,203 more characters"
    spaced = body_text(b"[" + b" " * 90_000 + b'"far"]')
    assert (spaced.text, spaced.more) == ("[", "42,007 more characters")


def test_segments_have_their_times() -> None:
    """Of a stream each segment is shown with its time, its size and its line feeds."""
    view = recorded(streamed(b"data: 1\n\n", b"data: \xf0\x9f"))
    assert view.response is not None
    rows = [(row.at, row.length, row.text.text if row.text else None) for row in view.response.segments]
    assert rows == [("200 ms", "9", "data: 1⏎\n⏎"), ("300 ms", "8", "data: \\xf0\\x9f")]
    assert "17 bytes in 2 segments; head after 100 ms, first after 200 ms" in view.response.note
    assert view.response.body is None


def test_segments_are_bounded() -> None:
    """Of a stream of many segments the first are shown and the others counted."""
    view = recorded(streamed(*[b"data: x\n\n"] * (MOST_SEGMENTS + 7)))
    assert view.response is not None
    assert (len(view.response.segments), view.response.more_segments) == (MOST_SEGMENTS, 7)


def test_left_out_bodies_say_so() -> None:
    """A body that was left out is said to be, with its length, on both sides of the exchange."""
    request = RecordedRequest(method="POST", url=URL, length=90, sha256="00")
    response = RecordedResponse(status=200, segments=(Segment(None, 0.2, 40),))
    view = recorded(exchange(request=request, response=response))
    assert view.request.note == "Body 90 bytes, left out of the recording."
    assert view.response is not None
    assert view.response.note.endswith("The body was left out of the recording.")
    assert [row.text for row in view.response.segments] == [None]


def test_faults_and_context_are_told() -> None:
    """What else is known of an exchange is told by name: how it ended, its fault, what was taken out."""
    fault = TransportFault(stage="body", kind="requests.ReadTimeout", message="timed out", at=2.0)
    view = recorded(
        exchange(ended="failed", fault=fault, redacted=("request.body.user",), context={"app": 1}, started_at=60.0)
    )
    facts = dict(view.facts)
    assert facts["Fault"] == "requests.ReadTimeout at body after 2.00 s: timed out"
    assert (facts["Ended"], facts["Taken out"], facts["Context"]) == ("failed", "request.body.user", '{"app": 1}')
    assert facts["Sent"] == "1970-01-01 00:01:00 UTC"
    assert recorded(exchange(response=None)).response is None
    assert moment(1e300) == "1e+300 s since the epoch"


def test_keys_are_masked() -> None:
    """What looks like an API key is masked in bodies, segments, headers and addresses."""
    key = "sk-" + "a1" * 10
    request = RecordedRequest(method="POST", url=f"{URL}?k={key}", headers=(("X-Auth", key),), body=key.encode())
    view = recorded(streamed(f"data: {key}\n\n".encode(), request=request, context={"k": key}))
    assert key not in repr(view)
