"""Tests that both providers send the same request: body as JSON, headers, method and path, for every field and question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shim.testing.fake_openai import FakeOpenAI, Respond, json_answer
from tests.equivalence.both import Both, sent
from tests.equivalence.cases import ASKED, FIELDS, HEADERS, REPLAYED, Case
from tests.equivalence.questions import TEXT
from tests.equivalence.table import check

if TYPE_CHECKING:
    from shim.testing.fake_openai import Answer, RecordedRequest

CASES = [*ASKED, *FIELDS, *HEADERS, *REPLAYED]
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
PLACES: dict[str, tuple[str, dict[str, str]]] = {
    # The base URL's end, and the settings.
    "as given": ("/v1", {}),
    "a slash at the end": ("/v1/", {}),
    "a longer path with a query": ("/proxy/openai%20x/v1?api-version=1&a=b", {}),
    "no path": ("", {}),
    "an organization and a project": ("/v1", {"organization": "org-1", "project": "proj_2"}),
}


def answer_anything(_request: RecordedRequest) -> Answer:
    """Answer whatever was asked, in few words."""
    return json_answer({"id": "c", "model": "m", "choices": [CHOICE]})


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_same_request_is_on_the_wire(listener: FakeOpenAI, both: Both, case: Case) -> None:
    """Whatever is asked, the server receives the same JSON and the same headers from either, save for the table's."""
    listener.plan(Respond(answer_anything), Respond(answer_anything))
    both.ask(case.request, stream=case.stream)
    check(case.name, sent(listener), wire=True)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("place", PLACES)
def test_the_same_address_is_asked(*, listener: FakeOpenAI, place: str, stream: bool) -> None:
    """Whatever the base URL and the account, both ask the same path and query with the same headers."""
    end, account = PLACES[place]
    listener.plan(Respond(answer_anything), Respond(answer_anything))
    with Both(listener.base_url.removesuffix("/v1") + end, **account) as both:
        both.ask(TEXT, stream=stream)
    check("stream/asked/simple text" if stream else "whole/asked/simple text", sent(listener), wire=True)
