"""A loopback server that speaks enough of the OpenAI API to test, demonstrate and measure a client against it.

Not a mock of a client library: every byte crosses a real socket, framed by h11 or h2, so anything that speaks HTTP can call
it. It answers only on loopback addresses, and remembers counters and what was stored with it alone, within bounds. It follows
the API reference for what it accepts, today's and that of the time of openai 0.28, and the wire facts for what it sends.

    with FakeOpenAI(api_key="sk-test") as server:
        server.plan(rate_limited(retry_after=1), Cut(after_events=3), stream_failed())
        ...call server.base_url...
        assert server.requests[0].json["model"] == "gpt-4o"

    with FakeOpenAI(tls=True, http2=True) as server:
        ...call server.base_url, trusting server.ca_file...

    with FakeOpenAI(api_key="test", deployments=["my-chat"]) as server:
        ...call server.azure_endpoint as an Azure OpenAI resource...

`api` has the table of endpoints, which `endpoints()` lists; `chat`, `responses`, `endpoints`, `models` and `azure` answer them.
`persona` holds what is said, `http` how it travels, and `behaviours` what may be planned. Models that OpenAI has retired are
served all the same: give `models` to have any other name refused. Fine-tuning jobs take a step each time they are looked at.

Model names that select a benchmark answer (a stream of precomputed events): `fake-burst-1000` sends 1,000 text events at
once, `fake-paced-20x100` sends 100 text events, 20 a second. A user message with the word "refuse" is refused; by Azure's
paths, one with "content filter" too.

On a server with `http2`, `Cut` and `Reset` end their own stream with RST_STREAM (CANCEL and INTERNAL_ERROR) and leave the
connection; a fault at `Where.ACCEPT` still strikes the connection. `RawResponse`, and `Garbage` that is neither framed nor
at accept, have no meaning there: planning them is a ValueError.
"""

try:
    import h11 as _h11  # noqa: F401 - asked for here, so that the parts need not say what to install
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"the fake OpenAI server needs {missing.name}: pip install 'legacy-openai-shim[testing]'", name=missing.name
    ) from None

from shim.testing.fake_openai.answers import Answer, events_answer, json_answer, stream_answer
from shim.testing.fake_openai.api import endpoints
from shim.testing.fake_openai.behaviours import (
    Behaviour,
    Burst,
    Cut,
    Drip,
    FailureForm,
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
    StreamFailure,
    Where,
    error_event,
    overloaded,
    quota_exceeded,
    rate_limited,
    server_error,
    stream_failed,
)
from shim.testing.fake_openai.http.server import FakeOpenAI, serve
from shim.testing.fake_openai.ledger import RecordedRequest

__all__ = [
    "Answer",
    "Behaviour",
    "Burst",
    "Cut",
    "Drip",
    "FailureForm",
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
    "StreamFailure",
    "Where",
    "endpoints",
    "error_event",
    "events_answer",
    "json_answer",
    "overloaded",
    "quota_exceeded",
    "rate_limited",
    "serve",
    "server_error",
    "stream_answer",
    "stream_failed",
]
