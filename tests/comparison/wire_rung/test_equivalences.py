"""Tests of the declared equivalences: each row has a reason, is needed, and hides nothing but what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from shim.comparison.verdict import Outcome
from shim.comparison.wire_rung import equivalences
from shim.comparison.wire_rung.compare_wire import compare_wire
from shim.comparison.wire_rung.equivalences import ACTED_ON, BODY, HEADERS
from shim.recording.redaction.redaction import Redaction
from tests.comparison.equal_pairs import recorded

ASKED: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
# Row -> fields of two bodies that are the same by it, and of two that are not.
BODIES: dict[str, tuple[tuple[dict[str, Any], dict[str, Any]], ...]] = {
    "stream-default": (({"stream": False}, {}), ({"stream": None}, {}), ({"stream": True}, {}), ({"store": False}, {})),
    "number-spelling": (
        ({"temperature": 1, "logit_bias": {"5": 1}}, {"temperature": 1.0, "logit_bias": {"5": 1.0}}),
        ({"temperature": 1}, {"temperature": True}),
        ({"temperature": 1}, {"temperature": "1"}),
        ({"temperature": 1}, {"temperature": 1.0000000000000002}),
        ({"n": 1}, {"n": 1.0}),
        ({"temperature": 0}, {"temperature": None}),
    ),
}
Header = tuple[str, str]
# Row -> headers that are the same by it, and headers that are not; None is no header.
LINES: dict[str, tuple[tuple[Header | None, Header | None], ...]] = {
    "framing": ((("Connection", "close"), None), (("Content-Encoding", "gzip"), None)),
    "client-software": ((("X-Stainless-OS", "Linux"), None), (("X-Other", "1"), None)),
    "accept": ((("Accept", "*/*"), ("accept", "text/event-stream")), (("Accept-Language", "de"), None)),
    "tracing": ((("traceparent", "00-1"), ("traceparent", "00-2")), (("x-trace", "1"), ("x-trace", "2"))),
    "scheme": (
        (("Proxy-Authorization", "Bearer abc"), ("proxy-authorization", "bearer def")),
        (("Proxy-Authorization", "Bearer abc"), ("Proxy-Authorization", "Basic abc")),
        (("Proxy-Authorization", "Bearer abc"), None),
    ),
    "credential": ((("api-key", "1"), ("Api-Key", "2")), (("api-key", "1"), None)),
    "idempotency": ((("Idempotency-Key", "1"), ("idempotency-key", "2")), (("Idempotency-Key", "1"), None)),
}


@pytest.fixture(autouse=True)
def forgotten_rows() -> Iterator[None]:
    """What a test that takes a row away has looked up is not known after it."""
    yield
    for kept in (equivalences.header_form, equivalences.compared_name):
        kept.cache_clear()


def take_away(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on without a row for headers."""
    monkeypatch.setattr(equivalences, "HEADERS", tuple(row for row in HEADERS if row.name != name))
    for kept in (equivalences.header_form, equivalences.compared_name):
        kept.cache_clear()


def bodies_part(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two bodies with these fields part, either way round."""
    found = {
        compare_wire(recorded(ASKED | control), recorded(ASKED | candidate)).outcome
        for control, candidate in ((first, second), (second, first))
    }
    assert len(found) == 1
    return found == {Outcome.MISMATCH}


def headers_part(first: Header | None, second: Header | None) -> bool:
    """Whether two requests with these headers part, either way round."""
    pairs = [[each] if each else [] for each in (first, second)]
    found = {
        compare_wire(recorded(ASKED, headers=control), recorded(ASKED, headers=candidate)).outcome
        for control, candidate in (pairs, pairs[::-1])
    }
    assert len(found) == 1
    return found == {Outcome.MISMATCH}


def test_every_row_has_a_case() -> None:
    """Each row of the tables has a reason in a sentence, and a case below."""
    assert set(BODIES) == {row.name for row in BODY}
    assert set(LINES) | {"media-type"} == {row.name for row in HEADERS}
    reasons = [row.reason for row in BODY] + [row.reason for row in HEADERS]
    assert all(reason.endswith(".") and len(reason) > 20 for reason in reasons)


@pytest.mark.parametrize("name", BODIES)
def test_a_row_for_bodies_is_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bodies that are the same by a row are a match, and without the row a mismatch."""
    same = BODIES[name][0]
    assert not bodies_part(*same)
    monkeypatch.setattr(equivalences, "BODY", tuple(row for row in BODY if row.name != name))
    assert bodies_part(*same)


@pytest.mark.parametrize(("name", "pair"), [(name, pair) for name, pairs in BODIES.items() for pair in pairs[1:]])
def test_a_row_for_bodies_hides_nothing_else(name: str, pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """What lies close to a row and is no case of it is a mismatch."""
    assert bodies_part(*pair)


@pytest.mark.parametrize("name", LINES)
def test_a_row_for_headers_is_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers that are the same by a row are a match, and without the row a mismatch."""
    same = LINES[name][0]
    assert not headers_part(*same)
    take_away(name, monkeypatch)
    assert headers_part(*same)


@pytest.mark.parametrize(("name", "pair"), [(name, pair) for name, pairs in LINES.items() for pair in pairs[1:]])
def test_a_row_for_headers_hides_nothing_else(name: str, pair: tuple[Header | None, Header | None]) -> None:
    """A header that lies close to a row and is no case of it counts."""
    assert headers_part(*pair)


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ("application/json", False),
        ("Application/JSON; charset=utf-8", False),
        ('application/json;charset="UTF-8"', False),
        ("application/json; charset=latin-1", True),
        ("application/jsonl", True),
        ("multipart/form-data; boundary=x", True),
        ("application/json; boundary=x", True),
    ],
)
def test_a_media_type_is_compared_without_its_charset(other: str, *, differs: bool) -> None:
    """JSON with and without `charset=utf-8` is the same content type, whatever the case; any other is another."""
    control = recorded(ASKED)
    headers = tuple((name, other if name == "Content-Type" else value) for name, value in control.request.headers)
    candidate = replace(control, request=replace(control.request, headers=headers))
    assert (compare_wire(control, candidate).outcome is Outcome.MISMATCH) is differs


def test_the_media_type_row_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its row a charset would be a mismatch."""
    control = recorded(ASKED)
    headers = (("Content-Type", "application/json; charset=utf-8"), *control.request.headers[1:])
    candidate = replace(control, request=replace(control.request, headers=headers))
    take_away("media-type", monkeypatch)
    assert compare_wire(control, candidate).outcome is Outcome.MISMATCH


def test_what_only_a_candidate_knows_is_acted_on() -> None:
    """The headers compared although the control's recording may lack them are kept by recordings, and not set aside."""
    aside = {row.name for row in HEADERS if row.form is None}
    named = {name: equivalences.header_form(name) for name in ACTED_ON}
    assert not [name for name, row in named.items() if row is not None and row.name in aside]
    redaction = Redaction()
    assert all(redaction.allows(name, side="request") for name in ACTED_ON)
