"""Calls in flight: what all providers with a transport of their own have in common.

Not the interface (`shim.provider`), no transport (`shim.legacy_adapter`, `shim.native`) and no codec (`shim.wire`). A `Call` is
one accepted request; `AnswerReader` reads its answer from bytes; `CallTable` holds what is open and what waits for
`info_read()`; `ProviderBase` is the part of a provider that does not depend on how bytes travel.
"""

from shim.calls.answer_headers import AnswerHeaders, MaskedHeaders
from shim.calls.answer_reader import BODY_LIMIT, AnswerFault, AnswerReader, StreamReader, Wanted, reader_of
from shim.calls.call import Call, CallDecoder, Codec, Ending, StreamCall, check_callback
from shim.calls.provider_base import NO_OPTIONS, ProviderBase, checked_options, deadlines_of, endpoint_of, find_key
from shim.calls.request_headers import REFUSED_HEADERS, check_extra_headers
from shim.calls.table import CallTable

__all__ = [
    "BODY_LIMIT",
    "NO_OPTIONS",
    "REFUSED_HEADERS",
    "AnswerFault",
    "AnswerHeaders",
    "AnswerReader",
    "Call",
    "CallDecoder",
    "CallTable",
    "Codec",
    "Ending",
    "MaskedHeaders",
    "ProviderBase",
    "StreamCall",
    "StreamReader",
    "Wanted",
    "check_callback",
    "check_extra_headers",
    "checked_options",
    "deadlines_of",
    "endpoint_of",
    "find_key",
    "reader_of",
]
