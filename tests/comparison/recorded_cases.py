"""The cases of `fixtures/` as recorded exchanges.

Not the fixtures' form (`shim.testing.fixtures`) nor exchanges made by hand (`made`).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from shim.recording.exchange import Exchange, RecordedRequest, RecordedResponse, Segment
from shim.testing.fixtures import Fixture, discover, load

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CHAT = {path.name: load(path) for path in discover(FIXTURES / "chat")}
RESPONSES = {path.name: load(path) for path in discover(FIXTURES / "responses")}

PATHS = {"chat_completions": "chat/completions", "responses": "responses"}

# Where the legacy client's documented quirks make another reading of a case as it was recorded.
READ_OTHERWISE = ("gpustack_error_field",)


def exchange_of(case: Fixture) -> Exchange:
    """A case as it would have been recorded."""
    body = json.dumps(case.request).encode()
    url = f"https://api.openai.com/v1/{PATHS[case.api]}"
    response = RecordedResponse(
        status=case.status,
        reason=case.reason,
        headers=case.headers,
        segments=tuple(Segment.of(segment.data, segment.at) for segment in case.segments),
    )
    request = RecordedRequest(method="POST", url=url, body=body, length=len(body))
    return Exchange(pair_id=case.name, request=request, response=response)


@cache
def chat_case(name: str) -> Exchange:
    """A case of `fixtures/chat`."""
    return exchange_of(CHAT[name])
