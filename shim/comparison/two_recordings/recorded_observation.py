"""What is kept of a recorded answer: the fields by which the shadow judges its calls, and not a word of what was said.

Not those fields (`shim.comparison.shadow_rung.observation`) nor the reading (`codec_reader`). A recording tells what came over
the wire, whatever its client made of it. Of an endpoint that is no model's the status and the times are told.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from shim.comparison.shadow_rung.observation import CallObservation, observed
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.model import ErrorCategory, InvalidRequestError, ModelRequest
from shim.recording.exchange import Exchange, UnreadableExchangeError, api_of, is_streamed
from shim.recording.recorded_answer import family_of
from shim.wire import chat, responses
from shim.wire.failure import parse_error

_CODECS: dict[str, Any] = {"chat_completions": chat, "responses": responses}
_READER: Final = CodecReader()  # it holds nothing


def observation_of(exchange: Exchange) -> CallObservation:
    """What is kept of an exchange.

    Raises:
        UnreadableExchangeError: its answer was left out, or is not whole.
    """
    api = api_of(exchange)
    if api is None:
        return _by_status(exchange)
    request = _request_of(exchange)
    seen = observed(_READER.hear_timed(exchange), request, streamed=is_streamed(exchange))
    return _by_whom(seen, exchange)


def _request_of(exchange: Exchange) -> ModelRequest:
    """What was asked, for the schemas it gave; a body that cannot be read gave none, and the wire rung says so."""
    try:
        request: ModelRequest = _CODECS[api_of(exchange) or "chat_completions"].parse_request(
            exchange.request.body or b""
        )
    except InvalidRequestError:
        return ModelRequest("", ())
    return request


def _by_whom(seen: CallObservation, exchange: Exchange) -> CallObservation:
    """Tell an answer that its own caller ended from one that the server cut."""
    if seen.ending == "failed" and exchange.ended == "aborted":
        return replace(seen, category=ErrorCategory.ABORTED.value)
    return seen


def _by_status(exchange: Exchange) -> CallObservation:
    response, fault = exchange.response, exchange.fault
    status = None if response is None else response.status
    streamed = is_streamed(exchange)
    if exchange.ended == "aborted":
        return CallObservation(ending="failed", category=ErrorCategory.ABORTED.value, status=status, streamed=streamed)
    if fault is not None:
        return CallObservation(ending="failed", category=family_of(fault), status=status, streamed=streamed)
    if response is None:
        raise UnreadableExchangeError("the exchange has neither a response nor a fault; record it again")
    if 200 <= response.status < 300:
        return CallObservation(ending="answered", status=status, streamed=streamed, seconds=exchange.finished)
    error = parse_error(response.status, dict(response.headers), response.body or b"")
    return CallObservation(ending="failed", category=error.category.value, status=status, streamed=streamed)
