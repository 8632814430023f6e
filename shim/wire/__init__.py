"""Codecs: pure functions and decoders between bytes and the model. No sockets, no clocks.

Not the transport (`shim.legacy_adapter`, `shim.native`). The only exceptions that leave are the model's own; any other is a bug.
"""

from shim.wire import api_selection, chat, failure, responses, sse

__all__ = ["api_selection", "chat", "failure", "responses", "sse"]
