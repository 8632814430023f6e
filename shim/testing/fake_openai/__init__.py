"""A loopback server that speaks enough of the OpenAI API to test, demonstrate and measure a client against it.

Not a mock of a client library: every byte crosses a real socket, framed by h11, so anything that speaks HTTP can call it.
It keeps no state between requests beyond counters, and it answers only on loopback addresses.
It follows the Chat Completions reference for what it accepts, and the wire facts of that API for what it sends.

    with FakeOpenAI(api_key="sk-test") as server:
        server.plan(rate_limited(retry_after=1), Cut(after_events=3))
        ...call server.base_url...
        assert server.requests[0].json["model"] == "gpt-4o"

Model names that select a benchmark answer (a stream of precomputed events): `fake-burst-1000` sends 1,000 text events at
once, `fake-paced-20x100` sends 100 text events, 20 a second. A user message with the word "refuse" is refused.
"""

from shim.testing.fake_openai.answers import Answer, json_answer, stream_answer
from shim.testing.fake_openai.behaviours import (
    Behaviour,
    Burst,
    Cut,
    Drip,
    Garbage,
    JsonToStream,
    Paced,
    RawResponse,
    Replay,
    Reset,
    Respond,
    Slow,
    Stall,
    Status,
    Where,
    overloaded,
    quota_exceeded,
    rate_limited,
    server_error,
)
from shim.testing.fake_openai.ledger import RecordedRequest
from shim.testing.fake_openai.server import FakeOpenAI, serve

__all__ = [
    "Answer",
    "Behaviour",
    "Burst",
    "Cut",
    "Drip",
    "FakeOpenAI",
    "Garbage",
    "JsonToStream",
    "Paced",
    "RawResponse",
    "RecordedRequest",
    "Replay",
    "Reset",
    "Respond",
    "Slow",
    "Stall",
    "Status",
    "Where",
    "json_answer",
    "overloaded",
    "quota_exceeded",
    "rate_limited",
    "serve",
    "server_error",
    "stream_answer",
]
