"""Tests of the telemetry layer with a real OpenTelemetry SDK that exports into memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from shim import Client, create_provider
from shim.layers import RetryPolicy, Telemetry, TelemetryLayer
from shim.migration import MigratingProvider, Policy, Rollout
from shim.model import (
    ImagePart,
    InvalidRequestError,
    Message,
    ModelRequest,
    ModelResponse,
    ReasoningPart,
    RefusalPart,
    ResponseFormat,
    ToolCallPart,
    Usage,
    tool_result,
    user,
)
from shim.testing.fake_openai import Cut, FakeOpenAI, Status
from shim.testing.scripted import Answer, Play, ScriptedProvider, answer, hang, text_stream
from tests.helpers.driving import HELLO, ask, start

if TYPE_CHECKING:
    from tests.helpers.providers import Make


class Sdk:
    """An SDK that keeps what it is told."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)

    def telemetry(self, **settings: Any) -> Telemetry:
        """The setting that tells it."""
        return Telemetry(tracer_provider=self.tracers, meter_provider=self.meters, **settings)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that have ended."""
        return self._exporter.get_finished_spans()

    @property
    def span(self) -> dict[str, Any]:
        """The attributes of the one span."""
        (span,) = self.spans
        return dict(span.attributes or {})

    def points(self) -> dict[str, list[Any]]:
        """Metric -> its data points."""
        data: Any = self._reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def close(self) -> None:
        """End it."""
        self.tracers.shutdown()
        self.meters.shutdown()


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    """A new SDK."""
    made = Sdk()
    yield made
    made.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_request_is_a_span(*, make: Make, server: FakeOpenAI, sdk: Sdk, stream: bool) -> None:
    """A request is one client span with what was asked and answered, by the current names, and without any content."""
    request = replace(
        HELLO,
        messages=(user("Hello in JSON"),),
        temperature=0.5,
        max_output_tokens=50,
        stop="END",
        response_format=ResponseFormat("json_object"),
    )
    provider = create_provider(make, base_url=server.base_url, telemetry=sdk.telemetry())
    heard = ask(provider, request, stream=stream)
    provider.close()
    (span,) = sdk.spans
    assert (span.name, span.kind, span.status.status_code) == ("chat gpt-4o-mini", SpanKind.CLIENT, StatusCode.UNSET)
    told, usage = sdk.span, heard.response.usage
    assert usage is not None
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.output.type": "json",
        "gen_ai.response.id": heard.response.id,
        "gen_ai.response.model": heard.response.model,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "openai.api.type": "chat_completions",
        "http.response.status_code": 200,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert ("gen_ai.response.time_to_first_chunk" in told) is ("gen_ai.request.stream" in told) is stream
    assert "Hello" not in repr(told)
    assert heard.response.text not in repr(told)


def test_the_metrics_have_the_current_names(make: Make, server: FakeOpenAI, sdk: Sdk) -> None:
    """Duration and tokens of every request, the time to the first chunk of a stream alone, with the advised buckets."""
    provider = create_provider(make, base_url=server.base_url, telemetry=sdk.telemetry())
    ask(provider, stream=True)
    ask(provider)
    provider.close()
    points = sdk.points()
    assert {name: sum(point.count for point in each) for name, each in points.items()} == {
        "gen_ai.client.operation.duration": 2,
        "gen_ai.client.operation.time_to_first_chunk": 1,
        "gen_ai.client.token.usage": 4,
    }
    assert {point.attributes["gen_ai.token.type"] for point in points["gen_ai.client.token.usage"]} == {
        "input",
        "output",
    }
    duration = points["gen_ai.client.operation.duration"][0]
    assert duration.attributes["gen_ai.request.model"] == "gpt-4o-mini"
    assert duration.attributes["gen_ai.response.model"]
    assert (duration.explicit_bounds[0], duration.explicit_bounds[-1]) == (0.01, 81.92)


def test_a_failure_has_its_category(make: Make, server: FakeOpenAI, sdk: Sdk) -> None:
    """A failed request is a span in error with its category as `error.type`, in the metrics too, and with what had arrived."""
    server.plan(Status(400), Cut(after_events=4))
    provider = create_provider(make, base_url=server.base_url, telemetry=sdk.telemetry())
    ask(provider)
    ask(provider, stream=True)
    provider.close()
    refused, cut = sdk.spans
    assert refused.status.status_code is cut.status.status_code is StatusCode.ERROR
    assert dict(refused.attributes or {})["error.type"] == "invalid_request"
    assert dict(cut.attributes or {})["error.type"] == "truncated"
    assert dict(cut.attributes or {})["gen_ai.response.id"]
    kinds = {point.attributes["error.type"] for point in sdk.points()["gen_ai.client.operation.duration"]}
    assert kinds == {"invalid_request", "truncated"}


def test_a_cancelled_request_is_no_failure_of_the_span(sdk: Sdk) -> None:
    """What its caller ends has `error.type` cancelled, and no status of error; closing ends the span too."""
    layer = TelemetryLayer(ScriptedProvider([hang(), hang()]), sdk.telemetry())
    first = start(layer, stream=True)
    start(layer, stream=False)
    layer.cancel(first.handle)
    layer.close()
    assert [dict(span.attributes or {})["error.type"] for span in sdk.spans] == ["cancelled", "cancelled"]
    assert {span.status.status_code for span in sdk.spans} == {StatusCode.UNSET}


def test_a_refused_request_ends_its_span(sdk: Sdk) -> None:
    """A request that is refused before anything is sent leaves no span open, and raises what it raised."""
    layer = TelemetryLayer(ScriptedProvider([]), sdk.telemetry())
    with pytest.raises(InvalidRequestError, match="messages"):
        layer.start_request(ModelRequest("m", ()), print)
    assert sdk.span["error.type"] == "InvalidRequestError"
    assert sdk.spans[0].status.status_code is StatusCode.ERROR
    layer.close()


def test_content_is_told_only_where_it_is_asked_for(sdk: Sdk) -> None:
    """With `content=True` the messages are told as the conventions' JSON."""
    layer = TelemetryLayer(ScriptedProvider([text_stream("Hi", "!")]), sdk.telemetry(content=True))
    ask(layer, replace(HELLO, system_prompt="Be brief"), stream=True)
    layer.close()
    assert json.loads(sdk.span["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Hello"}]}
    ]
    assert json.loads(sdk.span["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Hi!"}], "finish_reason": "stop"}
    ]
    assert json.loads(sdk.span["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief"}]


def test_every_part_of_a_message_is_told_by_its_kind(sdk: Sdk) -> None:
    """Reasoning, refusals, calls and results are told with what they say, anything larger by its name alone."""
    said = Message("assistant", (ReasoningPart("hm"), RefusalPart("no"), ToolCallPart("c", "look", "{}")))
    request = replace(HELLO, messages=(user(ImagePart("data:image/png;base64,AAAA")), said, tool_result("c", "42")))
    layer = TelemetryLayer(ScriptedProvider([text_stream("Hi")]), sdk.telemetry(content=True))
    ask(layer, request)
    layer.close()
    told = [message["parts"] for message in json.loads(sdk.span["gen_ai.input.messages"])]
    assert told == [
        [{"type": "image"}],
        [
            {"type": "reasoning", "content": "hm"},
            {"type": "refusal", "content": "no"},
            {"type": "tool_call", "id": "c", "name": "look", "arguments": "{}"},
        ],
        [{"type": "tool_call_response", "id": "c", "response": [{"type": "text", "content": "42"}]}],
    ]


def test_parts_of_the_usage_are_told_where_there_are_any(sdk: Sdk) -> None:
    """Tokens read from a cache and reasoned with are told by the conventions' names; none are not told as 0."""
    usages = [Usage(9, 5, reasoning_tokens=3, cached_input_tokens=4), Usage(9, 5)]
    plays = [Play((Answer(ModelResponse(usage=usage)),)) for usage in usages]
    layer = TelemetryLayer(ScriptedProvider(plays), sdk.telemetry())
    for _ in usages:
        ask(layer)
    layer.close()
    told = [{name for name in span.attributes or {} if name.startswith("gen_ai.usage.")} for span in sdk.spans]
    plain = {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"}
    assert told == [plain | {"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.reasoning.output_tokens"}, plain]
    counts = dict(sdk.spans[0].attributes or {})
    assert (counts["gen_ai.usage.cache_read.input_tokens"], counts["gen_ai.usage.reasoning.output_tokens"]) == (4, 3)


def test_it_is_a_child_of_what_is_current(sdk: Sdk) -> None:
    """The span is a child of the one in which the request was started, wherever its completion comes."""
    layer = TelemetryLayer(ScriptedProvider([answer("Hi")]), sdk.telemetry())
    with sdk.tracers.get_tracer("test").start_as_current_span("outer"):
        heard = start(layer, stream=False)
    while not heard.done:
        layer.perform()
        layer.info_read()
    layer.close()
    outer, inner = sdk.spans
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id


def test_a_request_that_was_tried_again_is_one_span(server: FakeOpenAI, sdk: Sdk) -> None:
    """Over a retry layer a span is the logical request, with how often it was sent again."""
    server.plan(Status(503), Status(503))
    settings: dict[str, Any] = {"api_key": "sk-test", "base_url": server.base_url, "telemetry": sdk.telemetry()}
    with Client("native", retries=RetryPolicy(first_backoff=0.01), **settings) as client:
        assert client.complete(HELLO).text
    assert sdk.span["http.request.resend_count"] == 2
    assert "error.type" not in sdk.span


@pytest.mark.parametrize("over", ["both", "the arm"])
def test_arm_and_stage_are_told(server: FakeOpenAI, sdk: Sdk, over: str) -> None:
    """Under a rollout span and metrics have the arm and the stage, whether the layer is over both arms or in one."""
    settings: dict[str, Any] = {"api_key": "sk-test", "base_url": server.base_url}
    settings |= {"telemetry": sdk.telemetry()} if over == "the arm" else {}
    control, candidate = (create_provider(kind, **settings) for kind in ("legacy", "native"))
    with Rollout(Policy(stage="complete")) as rollout:  # type: ignore[arg-type]  # a stage's own value is taken
        migrating = MigratingProvider(control, candidate, rollout)
        provider = migrating if over == "the arm" else TelemetryLayer(migrating, sdk.telemetry())
        ask(provider, replace(HELLO, conversation_id="c1"))
        provider.close()
    expected = {"shim.migration.arm": "candidate", "shim.migration.stage": "complete"}
    assert {name: sdk.span.get(name) for name in expected} == expected
    (point,) = sdk.points()["gen_ai.client.operation.duration"]
    assert {name: point.attributes.get(name) for name in expected} == expected


def test_an_sdk_that_fails_harms_no_request(sdk: Sdk, caplog: pytest.LogCaptureFixture) -> None:
    """What a processor raises is logged; the request has its answer all the same."""

    class Broken(SpanProcessor):
        """Fails at every turn."""

        def on_start(self, *_args: Any, **_fields: Any) -> None:
            raise RuntimeError("broken on start")

        def on_end(self, *_args: Any) -> None:
            raise RuntimeError("broken on end")

    sdk.tracers.add_span_processor(Broken())
    layer = TelemetryLayer(ScriptedProvider([answer("Hi")]), sdk.telemetry())
    assert ask(layer).response.text == "Hi"
    layer.close()
    assert "OpenTelemetry raised" in caplog.text


def test_what_fails_of_a_span_keeps_no_metric_from_being_told(sdk: Sdk) -> None:
    """A processor that raises at a span's end loses no request from the rate and the duration that alerts stand on."""

    class Broken(SpanProcessor):
        """Fails at the end."""

        def on_end(self, *_args: Any) -> None:
            raise RuntimeError("broken on end")

    sdk.tracers.add_span_processor(Broken())
    layer = TelemetryLayer(ScriptedProvider([answer("Hi")]), sdk.telemetry())
    ask(layer)
    layer.close()
    assert len(sdk.points()["gen_ai.client.operation.duration"]) == 1


def test_content_that_cannot_be_told_leaves_the_span(sdk: Sdk) -> None:
    """An answer with half a surrogate pair, which is no text, ends its span with all that can be told."""
    layer = TelemetryLayer(ScriptedProvider([answer("\ud83d")]), sdk.telemetry(content=True))
    ask(layer)
    layer.close()
    assert sdk.span["gen_ai.response.finish_reasons"] == ("stop",)
    assert "gen_ai.client.operation.duration" in sdk.points()


def test_a_setting_that_cannot_be_used_is_refused() -> None:
    """A wrong setting is an error that names it."""
    with pytest.raises(InvalidRequestError, match=r"telemetry\.content is .*; give True or False"):
        Telemetry(content="yes")  # type: ignore[arg-type]  # a wrong kind
    with pytest.raises(InvalidRequestError, match=r"telemetry is .*; give Telemetry"):
        create_provider("native", api_key="k", telemetry=True)  # type: ignore[arg-type]  # a wrong kind


def test_without_the_extra_it_says_what_to_install() -> None:
    """Where OpenTelemetry is missing, asking for the layer names the extra, and everything else works without it."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from shim import Telemetry, create_provider\n"
        "create_provider('native', api_key='k').close()\n"
        "try: create_provider('native', api_key='k', telemetry=Telemetry())\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert "legacy-openai-shim[otel]" in ran.stdout
