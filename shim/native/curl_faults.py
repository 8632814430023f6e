"""What libcurl's errors mean: error code and words -> the kind of fault.

Not the transfers they end (`http_multi`) nor the category a caller is told (`receiver`). Codes: libcurl-errors(3).
"""

from __future__ import annotations

from typing import Final

from shim.native.transfer import FaultKind, TransferFault

_UNSUPPORTED_PROTOCOL: Final = 1
_WEIRD_SERVER_REPLY: Final = 8
_PARTIAL_FILE: Final = 18
_OPERATION_TIMEDOUT: Final = 28
_BAD_CONTENT_ENCODING: Final = 61
_SEND_FAIL_REWIND: Final = 65
_TOO_LARGE: Final = 100  # a header line beyond libcurl's limit

# Any other is a fault of the network.
_KINDS: dict[int, FaultKind] = {
    _UNSUPPORTED_PROTOCOL: "protocol",
    _WEIRD_SERVER_REPLY: "protocol",
    _PARTIAL_FILE: "truncated",
    _OPERATION_TIMEDOUT: "timeout",
    _BAD_CONTENT_ENCODING: "protocol",
    _TOO_LARGE: "protocol",
}

# libcurl has one error for whatever goes wrong in receiving; its words tell. Where they change, it is a fault of the network.
_WORDS: tuple[tuple[str, FaultKind], ...] = (
    ("chunk hex-length", "protocol"),
    ("Malformed encoding found in chunked", "protocol"),
    ("unexpected eof", "truncated"),  # the end of TCP without that of TLS
)

NO_HEAD: Final = TransferFault("truncated", "the connection was closed inside the head of the answer")
_NOT_SENT_AGAIN: Final = "the connection was closed before an answer came"


def fault_of(code: int, message: str) -> TransferFault:
    """The fault of a transfer that libcurl ended."""
    if code == _SEND_FAIL_REWIND:  # it would have sent the request again
        return TransferFault("network", _NOT_SENT_AGAIN)
    by_words: FaultKind = next((kind for words, kind in _WORDS if words in message), "network")
    return TransferFault(_KINDS.get(code, by_words), f"{message or 'the transfer failed'} (curl error {code})")
