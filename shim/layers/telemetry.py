"""Telemetry: an OpenTelemetry span and metrics for each request, by the names of the GenAI conventions.

Not the names (`telemetry_attributes`), no exporter: the program's own OpenTelemetry SDK says where they go, and without one
OpenTelemetry's API does nothing. An event costs nothing, since a completion tells when the first one came. Extra: `otel`.
Source: OpenTelemetry semantic conventions for generative AI, client spans and client metrics.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from shim.layers.layer import Layer
from shim.layers.request_attributes import collected_attributes
from shim.layers.telemetry_attributes import (
    Attributes,
    completion_attributes,
    request_attributes,
    request_content,
    response_content,
)
from shim.model import ErrorCategory, InvalidRequestError, ModelRequest
from shim.model.checks import kind_of
from shim.provider import CallOptions, Completion, OnCompletion, OnEvent, Provider, RequestHandle

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["Telemetry", "TelemetryLayer"]

_log = logging.getLogger(__name__)

_OPERATION: Final = "chat"
# As the conventions advise them for the two kinds of histogram.
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(float(4**power) for power in range(14))
_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
# Of a span's attributes, those that a metric has too: they take few values.
_OF_METRICS: Final = ("gen_ai.request.model", "gen_ai.response.model", "error.type")


class Telemetry(Struct, frozen=True, kw_only=True):
    """What is told of requests, and where.

    Attributes:
        tracer_provider, meter_provider: OpenTelemetry's; None is the program's global one.
        provider_name: `gen_ai.provider.name`: "openai", "azure.ai.openai", or as your dashboards have it.
        content: tell what was asked and answered too. It may be personal, and long.

    Raises:
        InvalidRequestError: one is of the wrong kind; the message names it.
    """

    tracer_provider: Any = None
    meter_provider: Any = None
    provider_name: str = "openai"
    content: bool = False

    def __post_init__(self) -> None:
        for name, kind, remedy in (("provider_name", str, "give a string"), ("content", bool, "give True or False")):
            value = getattr(self, name)
            if not isinstance(value, kind):
                place = f"telemetry.{name}"
                raise InvalidRequestError(f"{place} is {kind_of(value)}; {remedy}", field=place)


class _Observed:
    """A request with its span, until its completion."""

    __slots__ = ("_layer", "_on_completion", "attributes", "span", "stream")

    def __init__(self, layer: TelemetryLayer, span: Span, *, stream: bool, on_completion: OnCompletion) -> None:
        self._layer = layer
        self._on_completion = on_completion
        self.span = span
        self.stream = stream
        self.attributes: Attributes = {}

    def ended(self, completion: Completion) -> object:
        """Be its `on_completion` below."""
        self._layer.tell(self, completion)
        return self._on_completion(completion)


class TelemetryLayer(Layer):
    """Tells OpenTelemetry of every request; `shim.provider` has the invariants.

    A span `chat MODEL` of kind client from start to completion, a child of the span that is current at the start; the histograms
    `gen_ai.client.operation.duration`, `gen_ai.client.operation.time_to_first_chunk` (streams) and `gen_ai.client.token.usage`.
    `error.type` is the error's category. What goes wrong in an SDK is logged, and changes nothing for the request.

    Args:
        provider: what is wrapped. Over a retry layer a span is one logical request, its attempts counted.
        telemetry: what is told, and where; None is `Telemetry()`.
        name: told in messages; None is the wrapped provider's.

    Raises:
        InvalidRequestError: `telemetry` is no `Telemetry`.
        ModuleNotFoundError: OpenTelemetry's API is missing; the message names the extra.
    """

    def __init__(self, provider: Provider, telemetry: Telemetry | None = None, *, name: str | None = None) -> None:
        super().__init__(provider, name=name)
        told = checked_telemetry(Telemetry() if telemetry is None else telemetry)
        from opentelemetry import metrics, trace

        self._content = told.content
        self._common: Attributes = {
            "gen_ai.operation.name": _OPERATION,
            "gen_ai.provider.name": told.provider_name,
        }
        self._client = trace.SpanKind.CLIENT
        self._failed = trace.StatusCode.ERROR
        self._no_span: Span = trace.INVALID_SPAN
        self._in_span: Callable[[Span], Any] = trace.set_span_in_context
        self._tracer = trace.get_tracer(__name__, tracer_provider=told.tracer_provider)
        meter = metrics.get_meter(__name__, meter_provider=told.meter_provider)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="Duration of the operation.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time to the first chunk of a streamed answer.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._usage = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens of the request and of the answer.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; see `Provider`."""
        observed = self._observe(request, stream=False, on_completion=on_completion)
        told = observed.ended if callable(on_completion) else on_completion
        with self._starting(observed):
            return self._provider.start_request(request, told, options=options)

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        observed = self._observe(request, stream=True, on_completion=on_completion)
        told = observed.ended if callable(on_completion) else on_completion
        with self._starting(observed):
            return self._provider.start_stream(request, on_event, told, options=options)

    def tell(self, observed: _Observed, completion: Completion) -> None:
        """Tell how a request ended: its span, and the metrics. What fails of it keeps nothing else from being told."""
        found: Attributes = {}
        with _harmless():
            found = completion_attributes(completion)
            timing, error = completion.timing, completion.error
            if observed.stream and timing.first_event is not None and (error is None or error.partial is not None):
                found[_FIRST_CHUNK] = timing.first_event - timing.started
        with _harmless():
            try:
                self._tell_span(observed.span, completion, found=found)
            finally:
                observed.span.end()
        with _harmless():
            self._tell_metrics(observed, completion, found=found)

    def _tell_span(self, span: Span, completion: Completion, *, found: Attributes) -> None:
        if not span.is_recording():
            return
        error = completion.error
        span.set_attributes(found)
        if error is not None and error.category is not ErrorCategory.CANCELLED:
            span.set_status(self._failed, error.message)
        if self._content and completion.response is not None:
            span.set_attributes(response_content(completion.response))

    def _tell_metrics(self, observed: _Observed, completion: Completion, *, found: Attributes) -> None:
        timing, first_chunk = completion.timing, found.get(_FIRST_CHUNK)
        common = observed.attributes | {name: found[name] for name in _OF_METRICS if name in found}
        context = self._in_span(observed.span)
        self._duration.record(timing.finished - timing.started, common, context=context)
        if isinstance(first_chunk, (int, float)):
            self._first_chunk.record(first_chunk, common, context=context)
        for kind in ("input", "output"):
            tokens = found.get(f"gen_ai.usage.{kind}_tokens")
            if isinstance(tokens, int):
                self._usage.record(tokens, {**common, "gen_ai.token.type": kind}, context=context)

    def _observe(self, request: ModelRequest, *, stream: bool, on_completion: OnCompletion) -> _Observed:
        observed = _Observed(self, self._no_span, stream=stream, on_completion=on_completion)
        observed.attributes = dict(self._common)
        with _harmless():
            known = isinstance(request, ModelRequest)  # what is no request is refused below
            told = request_attributes(request, stream=stream) if known else {}
            model = told.get("gen_ai.request.model")
            observed.attributes |= {} if model is None else {"gen_ai.request.model": model}
            name = _OPERATION if model is None else f"{_OPERATION} {model}"
            observed.span = self._tracer.start_span(name, kind=self._client, attributes={**self._common, **told})
            if self._content and known and observed.span.is_recording():
                observed.span.set_attributes(request_content(request))
        return observed

    @contextmanager
    def _starting(self, observed: _Observed) -> Iterator[None]:
        """Hear what others say of a request while it is started; end the span of one that is refused."""
        try:
            with collected_attributes() as given:
                yield
        except BaseException as refused:
            with _harmless():
                observed.span.set_attribute("error.type", type(refused).__qualname__)
                observed.span.set_status(self._failed)
                observed.span.end()
            raise
        if given:
            with _harmless():
                observed.span.set_attributes(given)
                observed.attributes |= given


def checked_telemetry(telemetry: object) -> Telemetry:
    """The setting, once it is clear that it is one, and that OpenTelemetry is there to be told."""
    if not isinstance(telemetry, Telemetry):
        raise InvalidRequestError(f"telemetry is {kind_of(telemetry)}; give Telemetry()", field="telemetry")
    try:
        import opentelemetry.trace  # noqa: F401 - whether it is there; a namespace package alone would be
    except ModuleNotFoundError as missing:
        message = f"telemetry needs {missing.name}: pip install 'legacy-openai-shim[otel]'"
        raise ModuleNotFoundError(message, name=missing.name) from None
    return telemetry


@contextmanager
def _harmless() -> Iterator[None]:
    """Keep what an SDK or its processors raise from the request they are told of."""
    try:
        yield
    except Exception:  # noqa: BLE001 - telemetry that fails must not fail what it watches
        _log.exception("OpenTelemetry raised; the request goes on without it")
