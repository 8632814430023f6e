"""Tests of the wire rung: the same request is a match, another is told, and what cannot be judged is said to be."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import shim
from shim.comparison.rules import IgnoreRule
from shim.comparison.verdict import Outcome
from shim.comparison.wire_rung.compare_wire import compare_wire
from shim.legacy_adapter import LegacyProvider
from shim.model import InvalidRequestError, ModelRequest
from shim.native import NativeProvider
from shim.recording.redaction.redaction import Redaction
from shim.testing.fake_openai import FakeOpenAI
from shim.transfer_observer import SentRequest
from shim.wire import chat
from tests.comparison.equal_pairs import body, recorded, rng_of
from tests.helpers.exchanges import ASKED, exchange, streamed
from tests.properties.strategies import requests

KEY = "sk-made-up-key-1"
X_TENANT = IgnoreRule(path="header.x-tenant", reason="It is not recorded.", owner="team-a")
REQUEST = ModelRequest("gpt-4o", [shim.user("Hi")], temperature=0.7)


class Sender:
    """Sends what it is told to, and notes what it was asked."""

    def __init__(self, **fields: Any) -> None:
        self.asked: list[tuple[ModelRequest, bool]] = []
        self._fields: dict[str, Any] = {
            "method": "POST",
            "url": "https://api.openai.com/v1/chat/completions",
            "headers": (("authorization", f"Bearer {KEY}"), ("content-type", "application/json")),
        } | fields

    def __call__(self, request: ModelRequest, *, stream: bool) -> SentRequest:
        self.asked.append((request, stream))
        sent = {"body": chat.serialize(request, stream=stream)} | self._fields
        return SentRequest(**sent)


# --- candidates ---


def test_the_codecs_are_the_candidate_by_default() -> None:
    """Without a candidate the codecs write the recorded request again, streamed as it was."""
    assert compare_wire(exchange()).outcome is Outcome.MATCH
    assert compare_wire(streamed()).outcome is Outcome.MATCH


def test_another_recording_is_a_candidate() -> None:
    """Two recordings are compared in method, URL, headers and body."""
    assert compare_wire(exchange(), exchange()).outcome is Outcome.MATCH
    verdict = compare_wire(exchange(), exchange(ASKED | {"temperature": 1}))
    assert [each.path for each in verdict.mismatches] == ["body.temperature"]
    assert verdict.seconds > 0


def test_a_sender_is_asked_for_the_recorded_request() -> None:
    """A sender is given the recorded request, and whether it was streamed; what it says is compared, headers included."""
    sender = Sender()
    assert compare_wire(streamed(), sender).outcome is Outcome.MATCH
    ((request, stream),) = sender.asked
    assert (request.messages[0].text, stream) == ("Hi", True)
    beta = Sender(headers=(("openai-beta", "x"), ("content-type", "application/json")))
    assert [each.path for each in compare_wire(exchange(), beta).mismatches] == ["header.openai-beta"]


def test_the_applications_request_is_preferred() -> None:
    """Where the application's request is known, the candidate is asked for that one."""
    sender = Sender()
    assert compare_wire(exchange(), sender, request=REQUEST).outcome is Outcome.MATCH
    assert sender.asked == [(REQUEST, False)]
    verdict = compare_wire(exchange(), request=replace(REQUEST, temperature=0.8))
    assert [each.path for each in verdict.mismatches] == ["body.temperature"]


def test_usage_that_only_one_side_asks_for_is_a_difference() -> None:
    """A stream's usage chunk, asked for by the new path alone, changes the answer and so is told."""
    control = exchange(ASKED | {"stream": True})
    assert compare_wire(control).outcome is Outcome.MATCH
    assert [each.path for each in compare_wire(control, request=REQUEST).mismatches] == ["body.stream_options"]


def test_the_native_provider_sends_what_the_legacy_client_sent() -> None:
    """What the legacy client really sent to a server, the native provider would send: body, URL and headers."""
    request = replace(REQUEST, tools=[shim.ToolDefinition("look", parameters={"type": "object"})], stop=["END"])
    with FakeOpenAI() as server:
        settings_: dict[str, Any] = {"api_key": KEY, "base_url": server.base_url, "organization": "org-1"}
        with LegacyProvider(**settings_) as legacy:
            done: list[Any] = []
            legacy.start_request(request, done.append)
            deadline = time.monotonic() + 10
            while not done and time.monotonic() < deadline:
                legacy.perform()
                legacy.info_read()
        (sent,) = server.requests
        control = recorded(sent.body, url=server.base_url + "/chat/completions")
        headers = tuple(sent.headers.items())
        control = replace(control, request=replace(control.request, headers=headers))
        with NativeProvider(**settings_) as native:
            for asked in (request, None):
                verdict = compare_wire(control, native.sent_request, request=asked)
                assert verdict.outcome is Outcome.MATCH, verdict.message
            verdict = compare_wire(control, native.sent_request, request=replace(request, stop=["STOP"]))
            assert [each.path for each in verdict.mismatches] == ["body.stop[0]"]


def test_headers_of_the_application_are_part_of_the_request() -> None:
    """A recorded header that only the application can have given is given to the sender; one it drops is told."""
    control = recorded(ASKED, headers=(("OpenAI-Beta", "a=v1"), ("X-Tenant", "t"), ("X-Stainless-OS", "Linux")))
    with NativeProvider(api_key=KEY) as native:
        assert compare_wire(control, native.sent_request).outcome is Outcome.MATCH
    paths = [each.path for each in compare_wire(control, Sender()).mismatches]
    assert paths == ["header.openai-beta", "header.x-tenant"]


def test_headers_that_a_recording_may_have_left_out_are_not_judged() -> None:
    """A header that only a sender knows is no difference, unless recordings always keep it."""
    sender = Sender(headers=(("x-new", "1"), ("authorization", f"Bearer {KEY}")))
    without = exchange()
    without = replace(without, request=replace(without.request, headers=()))
    assert compare_wire(without, sender).outcome is Outcome.MATCH
    masked = recorded(ASKED, headers=(("X-Team", "[masked key]"), ("X-Gone", "[masked key]")))
    sender = Sender(headers=(*masked.request.headers[:1], ("authorization", "Bearer x"), ("x-team", KEY)))
    assert [each.path for each in compare_wire(masked, sender).mismatches] == ["header.x-gone"]


# --- what a candidate refuses ---


def test_a_refusal_is_a_mismatch_that_names_the_field() -> None:
    """What a sender refuses to send is told by field, with its words and the bytes the control sent."""

    def refuse(request: ModelRequest, *, stream: bool) -> SentRequest:
        raise InvalidRequestError("temperature is 0.7; leave it out", field="temperature")

    (mismatch,) = compare_wire(exchange(), refuse).mismatches
    assert (mismatch.path, mismatch.rule, mismatch.control) == ("request.temperature", "wire.refused", 0.7)
    assert mismatch.candidate == "refused: temperature is 0.7; leave it out"
    assert ">>>0.7" in mismatch.excerpt


# --- what cannot be judged ---


def test_a_sender_that_fails_is_no_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A candidate without a key, closed or broken has not been compared: the comparator failed, and says why."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    native = NativeProvider()
    without_key = compare_wire(exchange(), native.sent_request)
    native.close()
    closed = compare_wire(exchange(), native.sent_request)

    def broken(request: ModelRequest, *, stream: bool) -> SentRequest:
        raise RuntimeError(f"boom {KEY}")

    for verdict in (without_key, closed, compare_wire(exchange(), broken)):
        assert verdict.outcome is Outcome.FAILED
        assert verdict.reason
        assert KEY not in verdict.message
        assert not verdict.mismatches


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"model": "a", "messages": [{"role": "user", "content": "x"}], "n": 1, "n": 2}', "gives 'n' twice"),
        (b'{"model": "a", "messages": [{"role": "user", "content": "x"}], "n": NaN}', "NaN is no JSON value"),
        (b"--x\r\nContent-Disposition: form-data", "not JSON"),
        (b"", "no body"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"[]", "cannot be read as a request"),
        (b'{"model": "a"}', "cannot be read as a request"),
        (b'{"model": "a", "messages": [{"role": "user", "content": "\\ud800"}]}', "cannot be read as a request"),
    ],
)
def test_a_body_that_cannot_be_judged_fails_the_comparator(data: bytes, reason: str) -> None:
    """A body that is no request, or means several, is no difference between the sides; the reason says what it is."""
    verdict = compare_wire(exchange(data))
    assert verdict.outcome is Outcome.FAILED
    assert reason in verdict.reason


def test_the_same_bytes_are_the_same_whatever_they_are() -> None:
    """Two recordings of the very same bytes are a match, although they are no JSON."""
    assert compare_wire(exchange(b"\xff"), exchange(b"\xff")).outcome is Outcome.MATCH
    assert compare_wire(exchange(b"\xff"), exchange(b"\xfe")).outcome is Outcome.FAILED


def test_a_body_that_was_not_kept_fails_the_comparator() -> None:
    """A request whose body was left out, or kept in part, cannot be judged."""
    whole = exchange()
    left_out = replace(whole, request=replace(whole.request, body=None, sha256="ab"))
    in_part = replace(whole, request=replace(whole.request, body=b"{", length=88))
    for control, candidate in ((left_out, None), (in_part, None), (whole, left_out), (left_out, whole)):
        verdict = compare_wire(control, candidate)
        assert verdict.outcome is Outcome.FAILED
        assert "body" in verdict.reason


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "https://api.openai.com/v1/models"),
        ("POST", "https://api.openai.com/v1/embeddings"),
        ("GET", "https://api.openai.com/v1/chat/completions"),
        ("POST", "https://api.openai.com/v1/chat/completions/x"),
    ],
)
def test_other_endpoints_are_out_of_scope(method: str, url: str) -> None:
    """An exchange with another endpoint is ignored, with a reason, whatever its body."""
    other = exchange(b"\xff", url=url)
    verdict = compare_wire(replace(other, request=replace(other.request, method=method)))
    assert (verdict.outcome, verdict.mismatches) == (Outcome.IGNORED, ())
    assert "neither Chat Completions nor Responses" in verdict.reason


def test_what_was_taken_out_of_a_recording_is_ignored() -> None:
    """A value that the recording's redaction covered is no mismatch, and no match either: it is ignored with a reason."""
    control = exchange(ASKED | {"user": "[removed]", "messages": [{"role": "user", "content": "[r"}]})
    control = replace(control, redacted=("request.body.user", "request.body.messages[*].content", "response.body.id"))
    request = replace(REQUEST, user="ann")
    verdict = compare_wire(control, request=request)
    assert verdict.outcome is Outcome.IGNORED
    assert [each.path for each in verdict.mismatches] == ["body.messages[0].content", "body.user"]
    assert "taken out of the recording" in verdict.reason
    other = compare_wire(control, request=replace(request, temperature=0))
    assert other.outcome is Outcome.MISMATCH
    assert other.mismatches[0].path == "body.temperature"


def test_a_real_redaction_leaves_no_false_alarm() -> None:
    """A recording whose texts, user and keys were taken out matches itself, and alarms neither against the request nor bare."""
    asked = ASKED | {"user": "ann", "messages": [{"role": "user", "content": "Hi there, all of you"}], "x": f"a {KEY}"}
    headers = (("Authorization", f"Bearer {KEY}"), ("Idempotency-Key", "1"), ("OpenAI-Beta", "a"), ("X-Tenant", "t"))
    bare = recorded(asked, url="https://e.org/v1/chat/completions?api-key=abcdefgh1&a=b", headers=headers)
    kept = Redaction(body_paths=("request.body.messages[*].content", "request.body.user")).apply(bare)
    assert kept.redacted
    request = replace(REQUEST, user="ann", messages=[shim.user("Hi there, all of you")], extra_body={"x": f"a {KEY}"})
    assert compare_wire(kept).outcome is Outcome.MATCH
    assert compare_wire(kept, kept).outcome is Outcome.MATCH
    for verdict in (compare_wire(kept, request=request), compare_wire(bare, kept, ignore=[X_TENANT])):
        assert verdict.outcome is Outcome.IGNORED, verdict.message
        assert KEY not in repr(verdict)
    other = compare_wire(kept, request=replace(request, temperature=0.1))
    assert [each.path for each in other.mismatches if each.ignored is None] == ["body.temperature"]
    across = compare_wire(kept, request=replace(request, store=False), api="responses")
    assert {each.path for each in across.mismatches if each.ignored is None} <= {"request.store"}, across.message


def test_an_ignore_rule_covers_a_difference() -> None:
    """A rule with a reason and an owner turns the difference it covers into an ignored one."""
    rule = IgnoreRule(path="body.temperature", reason="Tuned.", owner="team-a")
    verdict = compare_wire(exchange(), exchange(ASKED | {"temperature": 1}), ignore=[rule])
    assert (verdict.outcome, verdict.reason) == (Outcome.IGNORED, "Tuned. (owner: team-a)")


def test_azure_is_in_scope() -> None:
    """A deployment's path with its api-version is compared; the model may be missing from the body."""
    url = "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1"
    assert compare_wire(recorded(ASKED, url=url)).outcome is Outcome.MATCH
    other = recorded(ASKED, url=url.replace("=1", "=2"))
    assert [each.path for each in compare_wire(recorded(ASKED, url=url), other).mismatches] == ["url.query.api-version"]


def test_what_is_not_data_is_refused() -> None:
    """An API that does not exist, and a candidate of another kind, are the caller's mistakes, and raised at once."""
    with pytest.raises(InvalidRequestError, match="api is 'soap'; give one of"):
        compare_wire(exchange(), api="soap")
    with pytest.raises(TypeError, match="candidate is of type str; give an Exchange"):
        compare_wire(exchange(), "legacy")  # type: ignore[arg-type]  # that is the point


def test_no_key_is_told() -> None:
    """The sender's credentials, in whatever header they are, appear nowhere in a verdict."""
    sender = Sender(headers=(("api-key", "0123456789abcdef"), ("Authorization", "Basic dXNlcjpwYXNz")), method="PUT")
    verdict = compare_wire(recorded(ASKED), sender)
    assert [each.path for each in verdict.mismatches] == ["method", "header.authorization", "header.content-type"]
    for secret in ("0123456789abcdef", "dXNlcjpwYXNz"):
        assert secret not in repr(verdict)


@pytest.mark.slow
@settings(max_examples=40)
@given(st.binary(max_size=40) | requests.map(lambda made: json.dumps(made).encode()), st.text(max_size=10))
def test_nothing_is_raised_for_data(data: bytes, tail: str) -> None:
    """Whatever a recording holds, there is a verdict, and its outcome is one of the four."""
    control = recorded(data, url=f"https://[e.org/{tail}/responses" if len(tail) == 3 else "http://e/chat/completions")
    for candidate in (None, recorded(ASKED), Sender()):
        for api in ("auto", "responses"):
            assert isinstance(compare_wire(control, candidate, api=api).outcome, Outcome)
            assert isinstance(compare_wire(recorded(ASKED), control, api=api).outcome, Outcome)


def test_comparing_is_not_much_slower_than_reading() -> None:
    """Two recordings of a typical body are compared in the time of a few dozen readings of it by the fastest reader."""
    asked = json.dumps(body(rng_of(3)) | {"tools": body(rng_of(8)).get("tools")}).encode()
    control, candidate = recorded(asked), recorded(asked + b" ")

    def seconds(work: Any) -> float:
        started = time.process_time()
        for _ in range(50):
            work()
        return time.process_time() - started

    read = min(seconds(lambda: json.loads(asked)) for _ in range(3))
    compared = min(seconds(lambda: compare_wire(control, candidate)) for _ in range(3))
    assert compared < read * 60
