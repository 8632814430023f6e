"""Tests of the redaction: what may be kept of an exchange, and what is taken out first."""

from __future__ import annotations

import gzip
import json
import pickle
from base64 import b64encode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shim.recording.exchange import Exchange, RecordedRequest, TransportFault, sha256_of
from shim.recording.reading import Reading
from shim.recording.redaction.redaction import CONVERSATION_PATHS, Redaction
from shim.recording.redaction.redactor import Redactor
from tests.helpers.exchanges import ANSWER, ASKED, CHUNKS, exchange, sse, streamed

KEY = "sk-test-0123-key"
HEADERS = (
    ("Authorization", f"Bearer {KEY}"),
    ("api-key", "azure-1234"),
    ("Idempotency-Key", "once-1"),
    ("Cookie", "session=1"),
    ("OpenAI-Organization", "org-1"),
    ("X-Stainless-Lang", "python"),
    ("X-Mine", "private"),
)


def keyed(made: Exchange, **changes: Any) -> Exchange:
    """An exchange whose request carries a key."""
    return replace(made, request=replace(made.request, headers=HEADERS, **changes))


def body_of(made: Exchange) -> bytes:
    """The response's body."""
    assert made.response is not None
    assert made.response.body is not None
    return made.response.body


def test_headers_are_kept_by_a_list() -> None:
    """Headers outside the list are dropped; of credentials the scheme stays, or that there was one."""
    kept = Redaction().apply(keyed(exchange())).request.headers
    assert kept == (
        ("Authorization", "Bearer [removed]"),
        ("api-key", "[removed]"),
        ("Idempotency-Key", "[removed]"),
        ("OpenAI-Organization", "org-1"),
        ("X-Stainless-Lang", "python"),
    )


def test_a_list_of_ones_own() -> None:
    """Another list of headers takes the place of ours, and cannot let a credential through."""
    kept = Redaction(headers=["x-*", "authorization", "cookie"]).apply(keyed(exchange())).request.headers
    assert dict(kept) == {
        "Authorization": "Bearer [removed]",
        "Cookie": "[removed]",
        "X-Stainless-Lang": "python",
        "X-Mine": "private",
    }


def test_a_bare_authorization_has_no_scheme() -> None:
    """A credential without a scheme does not pass for one."""
    made = exchange()
    made = replace(made, request=replace(made.request, headers=(("Authorization", KEY),)))
    assert Redaction().apply(made).request.headers == (("Authorization", "[removed]"),)


@given(st.lists(st.integers(0, 120), max_size=6))
def test_an_echoed_key_goes_wherever_it_is_split(cuts: list[int]) -> None:
    """The request's own key is masked in the answer even if it straddles segments, and splits and times stay as they were."""
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}."}}).encode()
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[start:end] for start, end in pairwise(places)]
    made = keyed(exchange(ASKED, *pieces, status=401))
    clean = Redaction().apply(made)
    assert clean.response is not None
    assert made.response is not None
    assert KEY.encode() not in body_of(clean)
    assert [(each.at, each.length) for each in clean.response.segments] == [
        (each.at, each.length) for each in made.response.segments
    ]
    assert json.loads(body_of(clean))["error"]["message"].startswith("Incorrect API key provided: [masked key]")
    assert clean.redacted == ("response.body (keys)",)


def test_no_key_anywhere() -> None:
    """A key is found nowhere in what is kept: not in URL, headers, bodies, fault, what was made of it, context or pair id."""
    made = keyed(
        exchange({**ASKED, "user": KEY}, json.dumps({"text": KEY}).encode()),
        url=f"https://host/v1/chat/completions?api-version=1&api-key={KEY}",
    )
    assert made.response is not None
    made = replace(
        made,
        pair_id=KEY,
        response=replace(made.response, reason=KEY, headers=(("X-Request-Id", KEY), ("Set-Cookie", KEY))),
        fault=TransportFault(stage="body", kind="x.Y", message=f"/v1?api-key={KEY} with Bearer {KEY}"),
        made=Reading(outcome="error", error={"message": KEY}),
        context={"given": [KEY]},
    )
    clean = Redaction().apply(made)
    assert KEY not in repr(clean)
    assert clean.made is not None
    assert clean.redacted[0] == "request.url"
    assert Redaction().apply(clean) == clean


ANSWERED = (("Content-Type", "application/json"),)


@pytest.mark.parametrize("key", [KEY, "azure-1234", "gsk_abcdefghijkl"])
@pytest.mark.parametrize("place", ["pair_id", "url", "request header", "reason", "response header", "kind", "message"])
def test_one_text_with_a_key_is_enough(place: str, key: str) -> None:
    """A key in a single text of an exchange whose bodies hold none is masked there, and all else stays."""
    made = keyed(exchange(), url="https://host/v1/chat/completions")
    told = made.response
    assert told is not None
    made = replace(made, fault=TransportFault(stage="body", kind="x.Y", message="gone"))
    keyed_one = {
        "pair_id": replace(made, pair_id=key),
        "url": replace(made, request=replace(made.request, url=f"https://host/{key}/chat/completions")),
        "request header": replace(made, request=replace(made.request, headers=(*HEADERS, ("Accept", key)))),
        "reason": replace(made, response=replace(told, reason=key)),
        "response header": replace(made, response=replace(told, headers=(*ANSWERED, ("X-Request-Id", key)))),
        "kind": replace(made, fault=TransportFault(stage="body", kind=key)),
        "message": replace(made, fault=TransportFault(stage="body", kind="x.Y", message=f"of {key}.")),
    }[place]
    clean = Redaction().apply(keyed_one)
    assert key not in repr(clean)
    assert clean.request.body == made.request.body
    assert body_of(clean) == body_of(made)
    assert Redaction().apply(clean) == clean


@pytest.mark.parametrize("side", ["request", "response"])
def test_one_body_with_a_key_is_enough(side: str) -> None:
    """A key in one body alone is masked there, and the other body stays."""
    asked: dict[str, Any] = {**ASKED, "user": KEY} if side == "request" else ASKED
    made = keyed(exchange(asked, json.dumps({"text": KEY if side == "response" else "no"}).encode()))
    clean = Redaction().apply(made)
    assert KEY not in repr(clean)
    assert clean.redacted == (f"{side}.body (keys)",)


@given(st.integers(0, 199), st.integers(1, 15), st.integers(0, 2))
def test_a_key_in_a_long_stream_is_masked_over_its_pieces(number: int, place: int, kind: int) -> None:
    """A key in any event of a long stream, behind an escape, cut by a read or written in base64, is masked; splits stay."""
    basic = b64encode(b"ann:pass-word-1").decode()
    key = (KEY, "gsk_abcdefghijkl", basic)[kind]
    events = [
        sse({"choices": [{"delta": {"content": f"word {each}"}}], "id": "c" * 60}, done=False) for each in range(200)
    ]
    whole = sse({"choices": [{"delta": {"content": f"a\n{key}"}}], "id": "c" * 60}, done=False)
    cut = whole.index(key.encode()) + place
    pieces = [*events[:number], whole[:cut], whole[cut:], *events[number:]]
    made = streamed(*pieces)
    made = replace(made, request=replace(made.request, headers=(*HEADERS, ("Proxy-Authorization", f"Basic {basic}"))))
    clean = Redaction().apply(made)
    assert clean.response is not None
    assert key.encode() not in body_of(clean)
    assert [segment.length for segment in clean.response.segments] == list(map(len, pieces))
    assert body_of(clean).startswith(b"".join(events[:number]))
    assert body_of(clean).endswith(b"".join(events[number:]))


def test_chosen_places_are_covered_on_both_sides() -> None:
    """Places of the request and of the answer are covered, and told by the path they were asked for."""
    paths = ["request.body.messages[*].content", "request.body.user", "response.body.choices[*].message.content"]
    clean = Redaction(body_paths=paths).apply(exchange())
    assert clean.request.body is not None
    assert json.loads(clean.request.body)["messages"] == [{"role": "user", "content": "**"}]
    assert json.loads(body_of(clean))["choices"][0]["message"]["content"] == "******"
    assert clean.redacted == (paths[0], paths[2])


@given(st.integers(1, 40))
def test_a_stream_is_covered_across_its_splits(size: int) -> None:
    """The texts of a stream are covered however it was split, and the splits stay."""
    whole = sse(*CHUNKS)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    clean = Redaction(body_paths=["response.body.choices[*].message.content"]).apply(streamed(*pieces))
    assert clean.response is not None
    expected = whole.replace(b'"Hel"', b'"***"').replace('"lo 🌍"'.encode(), b'"*******"')
    assert body_of(clean) == expected
    assert [each.length for each in clean.response.segments] == list(map(len, pieces))


def test_what_was_made_of_it_goes_with_the_answer() -> None:
    """Where any of the answer is taken out, what the control made of it goes too: it says the same in other words."""
    made = replace(exchange(), made=Reading(outcome="response", response={"text": "Hello."}))
    clean = Redaction(body_paths=["response.body.choices[*].message.content"]).apply(made)
    assert clean.made is None
    assert "made" in clean.redacted


def test_bodies_can_be_left_out() -> None:
    """Without bodies their hashes, their lengths and the times of their pieces stay."""
    made = streamed()
    clean = Redaction(bodies="drop").apply(made)
    assert clean.response is not None
    assert made.response is not None
    assert made.request.body is not None
    assert clean.request.body is None
    assert (clean.request.sha256, clean.request.length) == (sha256_of(made.request.body), len(made.request.body))
    assert (clean.response.body, clean.response.sha256) == (None, sha256_of(body_of(made)))
    assert [(each.at, each.length) for each in clean.response.segments] == [
        (each.at, each.length) for each in made.response.segments
    ]
    assert clean.redacted == ("request.body", "response.body")
    assert Redaction(bodies="drop").apply(clean) == clean


def test_one_body_can_be_left_out() -> None:
    """A path that is a whole body leaves out that one alone."""
    clean = Redaction(body_paths=["request.body"]).apply(exchange())
    assert clean.request.body is None
    assert body_of(clean) == json.dumps(ANSWER).encode()


def test_a_body_that_cannot_be_looked_into_is_left_out() -> None:
    """Where places are to be covered and the body is no JSON, nothing of it is kept."""
    clean = Redaction(body_paths=["response.body.text"]).apply(exchange(ASKED, b"<html>Ann asked", status=502))
    assert clean.response is not None
    assert clean.response.body is None
    assert clean.response.length == 15


@pytest.mark.parametrize(("text", "stays"), [("plain", True), (KEY, False)])
def test_compressed_bodies_are_looked_into(text: str, stays: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    """A body that was read compressed is kept as it is if nothing in it must go, and else left out."""
    body = gzip.compress(json.dumps({"text": text}).encode())
    made = keyed(exchange(ASKED, body))
    assert made.response is not None
    made = replace(made, response=replace(made.response, headers=(("Content-Encoding", "gzip"),), decoded=False))
    clean = Redaction().apply(made).response
    assert clean is not None
    assert clean.body == (body if stays else None)


def test_a_body_of_unknown_encoding_is_left_out() -> None:
    """What nobody here can decompress cannot be searched, so it is not kept."""
    made = exchange(ASKED, b"\x01\x02")
    assert made.response is not None
    made = replace(made, response=replace(made.response, headers=(("Content-Encoding", "br"),), decoded=False))
    clean = Redaction().apply(made).response
    assert clean is not None
    assert (clean.body, clean.sha256) == (None, sha256_of(b"\x01\x02"))


def test_the_conversation_goes_with_the_ready_paths() -> None:
    """With the paths offered for it, nothing of what was said is kept, streamed or not."""
    redaction = Redaction(body_paths=CONVERSATION_PATHS)
    for made in (exchange(), streamed()):
        clean = redaction.apply(made)
        assert clean.request.body is not None
        kept = clean.request.body + body_of(clean)
        assert not [word for word in (b'"Hi"', b"Hel", b"lo \xf0\x9f") if word in kept]


def test_an_unread_request_body_stays_unread() -> None:
    """A request whose body was a file has none to redact, and no hash."""
    made = replace(exchange(), request=RecordedRequest(method="POST", url="http://h/"))
    assert Redaction(bodies="drop").apply(made).request == made.request


@pytest.mark.parametrize("sha256", [None, "00" * 32], ids=["unread", "too long"])
def test_a_request_whose_body_was_left_out_is_redacted_all_the_same(sha256: str | None) -> None:
    """Where nothing is kept of a body, keys are taken out of the address and the headers as ever."""
    url = f"https://api.openai.com/v1/chat/completions?key={KEY}"
    found = Redaction().apply(keyed(exchange(), url=url, body=None, sha256=sha256)).request
    assert KEY not in repr((found.url, found.headers))
    assert found.headers == Redaction().apply(keyed(exchange())).request.headers


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bodies": "none"}, "keep"),
        ({"body_paths": ["messages"]}, "request.body.user"),
        ({"body_paths": "request.body"}, "list"),
        ({"headers": "accept"}, "list"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    """A setting that cannot be meant is refused with what can."""
    with pytest.raises((ValueError, TypeError), match=words):
        Redaction(**settings)


def test_an_empty_list_keeps_no_header() -> None:
    """Where no header is allowed none is kept."""
    rules = Redaction(headers=[])
    assert not any(rules.allows(name, side="request") for name in ("accept", "", "content-type"))


@pytest.mark.parametrize(
    ("body", "content_type", "kept"),
    [
        (
            b"grant_type=client_credentials&client_id=app-1&client_secret=Qx8~Kq2",
            "application/x-www-form-urlencoded",
            b"app-1",
        ),
        (
            b'{"token_type": "Bearer", "access_token": "opaque-1", "refresh_token": "0.AXoA"}',
            "application/json",
            b"Bearer",
        ),
        (b'{"client_secret": {"value": "ek_0123456789abcdef0"}, "id": "sess_1"}', "application/json", b"sess_1"),
        (b"data: eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0ZXN0In0.c2ln\n\n", "text/event-stream", b"data: "),
    ],
)
def test_tokens_that_pass_for_other_purposes_are_masked(body: bytes, content_type: str, kept: bytes) -> None:
    """What a session fetches tokens with, and gets, is masked by its names and looks, on both sides, at its length."""
    headers = (("Content-Type", content_type),)
    made = exchange(
        {},
        body,
        content_type=content_type,
        request=RecordedRequest(method="POST", url="https://login/token", headers=headers, body=body, length=len(body)),
    )
    applied = Redaction().apply(made)
    for cleaned in (applied.request.body, body_of(applied)):
        assert cleaned is not None
        assert len(cleaned) == len(body)
        assert kept in cleaned
        for secret in (b"Qx8", b"opaque-1", b"0.AXoA", b"ek_0", b"c2ln"):
            assert secret not in cleaned
    assert Redaction().apply(applied) == applied


def test_a_stream_that_names_a_field_is_kept() -> None:
    """The words of a model that name a credential's field, in an event stream, stay as they were."""
    body = b'data: {"delta": "say", "password": "is a word"}\n\n'
    assert body_of(Redaction().apply(streamed(body))) == body


def test_one_after_the_other_is_redacted_as_alone() -> None:
    """Whatever an exchange follows, it is redacted as by itself: by its own keys, its own headers and its own address."""
    rules = Redaction(body_paths=["request.body.user"])
    redactor = Redactor(rules)
    heads = [
        (("Authorization", f"Bearer {key}"), ("Content-Type", kind))
        for key in ("first-key-0", "second-key")
        for kind in ("application/json", "text/event-stream")
    ]
    told = sse({"a": "first-key-0"}, {"b": "second-key"})
    made = [
        replace(
            streamed(told), request=RecordedRequest(method="POST", url=url, headers=head, body=told, length=len(told))
        )
        for head in heads
        for url in ("http://h/v1", "http://h/v1?key=second-key")
    ]
    for each in [*made, *made[::-1], *made[::3] * 2]:
        assert redactor.redacted(each) == rules.apply(each)


def test_headers_that_changed_in_place_are_not_taken_for_the_same() -> None:
    """Whoever gives a list of headers, and puts another key into it for the next request, has that key masked too."""
    headers: Any = [("Authorization", "Bearer first-key-0")]
    redactor = Redactor(Redaction())
    for key in ("first-key-0", "second-key"):
        headers[0] = ("Authorization", f"Bearer {key}")
        made = replace(
            streamed(sse({"a": key})), request=RecordedRequest(method="POST", url="http://h/v1", headers=headers)
        )
        assert key.encode() not in body_of(redactor.redacted(made))


def test_a_key_does_not_leave_by_what_is_remembered() -> None:
    """What remembers a request's keys shows none, and is pickled without them."""
    redactor = Redactor(Redaction())
    redactor.redacted(keyed(exchange()))
    assert KEY not in repr(redactor)
    assert KEY.encode() not in pickle.dumps(redactor)
