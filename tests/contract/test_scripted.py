"""The provider contract over the scripted provider, which needs no server."""

from shim.model import ErrorCategory, ModelRequest, ProviderError, TextDelta
from shim.provider import Provider
from shim.testing.contract import Behaviour, ProviderContract
from shim.testing.scripted import (
    Emit,
    Fail,
    Play,
    ScriptedProvider,
    answer,
    failure,
    hang,
    text_stream,
    tool_call_stream,
)

TRUNCATED = ProviderError(ErrorCategory.TRUNCATED, "the stream stopped without its end")

PLAYS: dict[Behaviour, Play] = {
    Behaviour.ANSWER: answer("Hello", after_ms=5),
    Behaviour.TEXT_STREAM: text_stream("Hello", " there"),
    Behaviour.TOOL_CALL_STREAM: tool_call_stream("lookup", '{"city":', '"Paris"}'),
    Behaviour.SLOW_STREAM: text_stream(*map(str, range(20)), every_ms=15),
    Behaviour.HTTP_ERROR: failure(ErrorCategory.INVALID_REQUEST, "no such parameter", http_status=400),
    Behaviour.NETWORK_ERROR: failure(ErrorCategory.NETWORK, "connection refused"),
    Behaviour.MALFORMED_BODY: failure(ErrorCategory.PROTOCOL, "not JSON", http_status=200),
    Behaviour.TRUNCATED_STREAM: Play((Emit(TextDelta("Hel")), Fail(TRUNCATED))),
    Behaviour.STALL: hang(),
}


class TestScriptedProvider(ProviderContract):
    """What the contract promises of every provider."""

    def make(self, behaviour: Behaviour) -> Provider:
        """Play the behaviour for every request, remembering none of them."""
        play = PLAYS[behaviour]

        def choose(request: ModelRequest) -> Play:
            return play

        return ScriptedProvider(choose, remember=0)
