"""Chat Completions: the codec between its bodies and the model.

Not the framing of its streams (`shim.wire.sse`) nor its error bodies (`shim.wire.failure`).
Source: OpenAI API reference, Chat Completions; openai-python `types/chat/`; oddities of compatible servers as each reader notes.
"""

from shim.wire.chat.request import serialize, to_body
from shim.wire.chat.request_import import parse_request
from shim.wire.chat.response import events_of, parse_response
from shim.wire.chat.stream import StreamDecoder

__all__ = ["StreamDecoder", "events_of", "parse_request", "parse_response", "serialize", "to_body"]
