"""Tests that a comparer judges many as each by itself, and takes every exchange for what it is."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest
from msgspec.structs import replace

from shim.comparison.verdict import Outcome
from shim.endpoint import Endpoint
from shim.factory import create_comparer
from shim.recording.exchange import Exchange, Headers
from shim.wire import chat, responses
from tests.comparison.recorded_cases import CHAT, chat_case
from tests.helpers.exchanges import ASKED, exchange, streamed

FULL = 320  # exchanges, all unlike, after which no cache of a comparer grows
INPUT = {"model": "gpt-4o", "input": "Hi"}
JSON = ("Content-Type", "application/json")
AZURE = "https://team.openai.azure.com/openai/deployments/x/chat/completions?api-version=2024-10-21"


def settled(verdicts: list[Any]) -> list[Any]:
    """Verdicts without the time they took."""
    return [replace(each, seconds=0.0) for each in verdicts]


def test_many_are_judged_as_each_by_itself() -> None:
    """Both rungs say of an exchange among many what they say of it alone."""
    cases = [chat_case(name) for name in CHAT] + [exchange(ended="overflow"), exchange(url=AZURE), streamed(b"x")]
    with create_comparer() as together, create_comparer() as alone:
        found = [settled(each) for each in together.compare_all(cases)]
        assert found == [settled(alone.compare(each)) for each in cases]
    assert {len(each) for each in found} == {2}


@pytest.mark.parametrize(
    ("settings", "many"),
    [({}, True), ({"rungs": ("wire",)}, False), ({"resplit": True}, False), ({"control": None}, False)],
)
def test_how_many_are_best_compared_together(settings: dict[str, Any], *, many: bool) -> None:
    """Many, where a whole client reads them and each is read once; else one, so that what is found is known at once."""
    with create_comparer(**settings) as comparer:
        assert (comparer.at_once > 1) is many


def test_each_exchange_is_written_for_its_own_address_and_api() -> None:
    """Recordings of several addresses and APIs, one after the other and again, are each compared with their own."""
    urls = ("https://a.example/v1/chat/completions", "https://b.example/v1/chat/completions", AZURE)
    cases = [exchange(url=url) for url in urls] + [
        exchange({"model": "gpt-4o", "input": "Hi"}, b"{}", url="https://a.example/v1/responses")
    ]
    with create_comparer(rungs=("wire",)) as comparer:
        for case in cases * 2:
            (verdict,) = comparer.compare(case)
            assert not [each.path for each in verdict.mismatches if each.path.startswith(("url", "request"))]
            assert verdict.outcome is not Outcome.FAILED


@pytest.mark.parametrize("settings", [{}, {"endpoint": Endpoint("https://a.example/v1")}], ids=["recorded", "told"])
@pytest.mark.parametrize(
    "headers",
    [
        (JSON, ("Authorization", "Bearer sk-test")),
        (JSON, ("Authorization", "Bearer sk-test"), ("IDEMPOTENCY-KEY", "once")),
    ],
    ids=["plain", "with a key of its own"],
)
def test_the_candidate_is_asked_as_its_control_was(settings: dict[str, Any], headers: Headers) -> None:
    """API, address and what one call was given are those of each recording, so that none of them is a difference."""
    requests = {
        "chat/completions": (ASKED, chat.parse_request(ASKED)),
        "responses": (INPUT, responses.parse_request(INPUT)),
    }
    with create_comparer(rungs=("wire",), candidate_settings=settings) as comparer:
        for path, (body, request) in requests.items():
            case = exchange(body, b"{}", url=f"https://a.example/v1/{path}")
            case = replace(case, request=replace(case.request, headers=headers))
            for asked in (None, request):  # of a live call the request is known as it was given, before any layer
                (verdict,) = comparer.compare(case, request=asked)
                assert verdict.outcome is Outcome.MATCH, verdict.message


def test_the_candidate_gives_azures_key_where_the_control_did() -> None:
    """A recorded `api-key`, however it is spelled, is no difference of the way in which a key is given."""
    case = exchange(url=AZURE)
    case = replace(case, request=replace(case.request, headers=(JSON, ("API-Key", "azure"))))
    with create_comparer(rungs=("wire",)) as comparer:
        (verdict,) = comparer.compare(case)
    assert not [each.path for each in verdict.mismatches if each.path.startswith("header")]


def test_the_made_reading_of_each_is_its_own() -> None:
    """Without a control each exchange is judged by what it says its control made of it."""
    with create_comparer(rungs=("tee",)) as comparer:
        told: list[Exchange] = [replace(each, made=comparer.readings(each)[1]) for each in (exchange(), streamed())]
    wrong = replace(told[0], made=told[1].made)
    with create_comparer(rungs=("tee",), control=None) as comparer:
        outcomes = [verdict.outcome for (verdict,) in comparer.compare_all([*told, wrong])]
    assert outcomes == [Outcome.MATCH, Outcome.MATCH, Outcome.MISMATCH]


@pytest.mark.slow
def test_a_comparer_keeps_nothing_of_what_it_compared() -> None:
    """Exchanges that differ in all that differs from day to day leave memory where it was, once what is kept of a few is full."""
    held: list[int] = []
    tracemalloc.start()
    try:
        with create_comparer() as comparer:
            for part in (range(FULL), range(FULL, FULL + 600)):  # caches have a bound, up to which they may grow
                for first in part[::8]:
                    comparer.compare_all([unlike(number) for number in range(first, first + 8)])
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 60_000  # a hundred bytes an exchange; one that is kept is some four thousand


def unlike(number: int) -> Exchange:
    """A whole answer or a stream, with words, a pair, a model, an address, a header and an id that no other one has."""
    url = f"https://host-{number}.example/v1/chat/completions"
    body = {"model": f"model-{number}", "messages": [{"role": "user", "content": f"Question {number}? {'x' * 500}"}]}
    made = streamed(asked=body, url=url) if number % 2 else exchange(body, url=url)
    own = (*made.request.headers, (f"X-Own-{number}", f"value {number}"))
    return replace(made, pair_id=f"pair-{number}", request=replace(made.request, headers=own))
