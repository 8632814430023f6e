"""Responses API: the codec between its bodies and the model.

Not the framing of its streams (`shim.wire.sse`) nor its error bodies (`shim.wire.failure`).
Source: OpenAI API reference, Responses; openai-python `types/responses/`; oddities of compatible servers as each reader notes.
"""

from shim.wire.responses.request import serialize, to_body
from shim.wire.responses.request_import import parse_request
from shim.wire.responses.response import events_of, parse_response
from shim.wire.responses.stream import StreamDecoder

__all__ = ["StreamDecoder", "events_of", "parse_request", "parse_response", "serialize", "to_body"]
