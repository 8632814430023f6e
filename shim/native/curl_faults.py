"""What libcurl's errors mean: error code and words -> the kind of fault.

Not the transfers they end (`http_multi`) nor the category a caller is told (`receiver`). Codes: libcurl-errors(3).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from shim.descriptors import current_shortage, shortage
from shim.native.transfer import FaultKind, Transfer, TransferFault

_UNSUPPORTED_PROTOCOL: Final = 1
_WEIRD_SERVER_REPLY: Final = 8
_HTTP2: Final = 16  # its framing
_PARTIAL_FILE: Final = 18
_OPERATION_TIMEDOUT: Final = 28
_BAD_CONTENT_ENCODING: Final = 61
_SEND_FAIL_REWIND: Final = 65
_TOO_LARGE: Final = 100  # a header line beyond libcurl's limit

# Certificates: not trusted, of another host, ours not taken, a file of them that cannot be read. Trying again changes nothing.
_CERTIFICATE: Final = frozenset({58, 60, 66, 77, 83, 90, 98})

# What fails where there is no descriptor for a socket, a lookup or a file of certificates.
_NEEDS_DESCRIPTOR: Final = frozenset({2, 5, 6, 7, 27, 35, 45, 58, 66, 77, 82, 83})

# Any other is a fault of the network.
_KINDS: dict[int, FaultKind] = {
    _UNSUPPORTED_PROTOCOL: "protocol",
    _WEIRD_SERVER_REPLY: "protocol",
    _HTTP2: "protocol",
    _PARTIAL_FILE: "truncated",
    _OPERATION_TIMEDOUT: "timeout",
    _BAD_CONTENT_ENCODING: "protocol",
    _TOO_LARGE: "protocol",
}

# libcurl has one error for whatever goes wrong in receiving, and one for what a proxy says; its words tell. Where they change, it
# is a fault of the network. Patterns.
_WORDS: tuple[tuple[str, FaultKind], ...] = (
    ("chunk hex-length", "protocol"),
    ("Malformed encoding found in chunked", "protocol"),
    # A tunnel that is refused: trying again helps only where the status passes by itself, as a proxy's own troubles (5xx) do.
    ("CONNECT tunnel failed, response (?!408|425|429)[34]", "invalid_request"),
    ("No authentication method was acceptable|rejected by the SOCKS5 server", "invalid_request"),
    (r"SOCKS5 connection to .*\([278]\)", "invalid_request"),  # not allowed, or not supported (RFC 1928 6)
    ("request rejected because", "invalid_request"),  # SOCKS4, of who we are
    ("invalid version in initial SOCKS5|SOCKS4 reply has wrong version", "protocol"),
    ("received invalid frame", "protocol"),  # of HTTP/2: a message that RFC 9113 8.1.1 calls malformed
    ("Invalid HTTP header field", "protocol"),
    ("Too many response headers", "protocol"),
    ("nghttp2 recv error", "protocol"),
    ("unexpected eof", "truncated"),  # the end of TCP without that of TLS
    ("SSL_ERROR_SYSCALL, errno 0", "truncated"),  # the same, seen by what was still to be sent
)

# Of the certificate that we show, or do not: the server's alert may come behind the handshake (RFC 8446 6.2).
_OURS_REFUSED: Final = re.compile(
    "alert (?:certificate (?:required|expired|revoked|unknown)|bad certificate|unsupported certificate|unknown ca)"
)
_QUOTES_PROXY: Final = "Unsupported proxy"  # libcurl's words, with the whole URL behind them: it may hold a password
_NO_PROXY: Final = (
    "what the environment or `proxy` names is not the URL of a proxy; give one such as http://127.0.0.1:3128, "
    "with %40 for an @ in its user name or password"
)

NO_HEAD: Final = TransferFault("truncated", "the connection was closed inside the head of the answer")
_NOT_SENT_AGAIN: Final = "the connection was closed before an answer came"


def fault_of(code: int, message: str, *, answered: bool, odd_status: int | None = None) -> TransferFault:
    """The fault of a transfer that libcurl ended.

    Args:
        code: libcurl's.
        message: its words.
        answered: whether a status line had come: what ends before it is no answer cut short.
        odd_status: of a head that came and was none of an answer.
    """
    if _QUOTES_PROXY in message:
        return TransferFault("invalid_request", f"{_NO_PROXY} (curl error {code})")
    short = current_shortage() if code in _NEEDS_DESCRIPTOR else None  # libcurl does not tell why
    if short is not None:
        return TransferFault("network", f"{message or 'no connection was made'} (curl error {code}): {shortage(short)}")
    if odd_status is not None:
        words = "switched protocols" if odd_status == 101 else "sent no status of HTTP"
        return TransferFault(
            "protocol", f"the server {words} ({odd_status}), which was not asked for (curl error {code})"
        )
    if code == _SEND_FAIL_REWIND:  # it would have sent the request again
        return TransferFault("network", _NOT_SENT_AGAIN)
    ours_refused = _OURS_REFUSED.search(message) is not None
    if ours_refused or code in _CERTIFICATE:
        place = "client_cert" if ours_refused else "ca_file"
        return TransferFault(
            "protocol", f"the certificate check of TLS failed: {message}; see {place} (curl error {code})"
        )
    by_words: FaultKind = next((kind for words, kind in _WORDS if re.search(words, message)), "network")
    if by_words == "truncated" and not answered:
        by_words = "network"
    return TransferFault(_KINDS.get(code, by_words), f"{message or 'the transfer failed'} (curl error {code})")


def is_unseen(transfer: Transfer, *, had_ended: Callable[[int], bool], curl: Any) -> bool:
    """Whether the server has seen nothing of a transfer that failed: its connection was a kept one that `had_ended` before."""
    easy = transfer.easy
    return (
        not transfer.status
        and not transfer.started_over  # once is enough: the next is on a connection of its own
        and not easy.getinfo(curl.NUM_CONNECTS)
        and had_ended(easy.getinfo(curl.LOCAL_PORT))
    )
