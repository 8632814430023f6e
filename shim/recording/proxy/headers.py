"""The heads that are passed on: what a proxy takes out of them and puts into them.

Not the bodies, which pass unchanged (`message_reader`). Hop-by-hop headers: RFC 9110 section 7.6.1; a message with both lengths:
RFC 9112 section 6.3. There is no `Via`: the upstream is to see what it sees without the proxy.
"""

from __future__ import annotations

import h11

from shim.recording.exchange import PAIR_HEADER, Headers
from shim.recording.proxy.message_reader import Head
from shim.recording.proxy.upstream import Upstream

PAIR_ID = PAIR_HEADER.lower().encode()

_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"})
# `Connection` may name other headers to be taken out. Not these: the body keeps the framing they announce.
_NEVER_NAMED = frozenset({b"transfer-encoding", b"content-length", b"host"})
CLOSE = (b"Connection", b"close")


def sent_upstream(request: h11.Request, upstream: Upstream, *, last: bool) -> h11.Request:
    """The request as the upstream gets it. `last`: the client wants its connection closed afterwards."""
    dropped = _dropped(request) | {b"host", PAIR_ID}
    headers = [(b"Host", upstream.authority.encode("ascii"))]
    headers += [(name, value) for name, value in request.headers.raw_items() if name.lower() not in dropped]
    target = upstream.target(request.target.decode("ascii")).encode("ascii")
    return h11.Request(method=request.method, target=target, headers=headers + [CLOSE] * last)


def sent_to_client(head: h11.Response | h11.InformationalResponse, *, last: bool, unframed: bool = False) -> bytes:
    """The head of a response as the client gets it.

    Not written by h11, which would choose the framing of the body anew. `last`: the connection ends with this response.
    `unframed`: the client is one of HTTP/1.0 and gets the chunks without their framing.
    """
    options = _listed(head, b"connection")
    # Both connections live and die together, so what the upstream says of its own is true of the client's too.
    says_so = options <= {b"close", b"keep-alive"} and (b"close" in options) == last
    kept = {b"connection", b"keep-alive"} if says_so else frozenset()
    dropped = (_dropped(head) - kept) | ({b"transfer-encoding"} if unframed else frozenset())
    headers = [(name, value) for name, value in head.headers.raw_items() if name.lower() not in dropped]
    lines = [b"%s: %s\r\n" % header for header in headers + [CLOSE] * (last and not says_so)]
    return b"HTTP/1.1 %d %s\r\n%s\r\n" % (head.status_code, head.reason, b"".join(lines))


def recorded(head: Head) -> Headers:
    """The headers as text, in their order and case; latin-1 as HTTP has it."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items())


def value_of(head: Head, name: bytes) -> str | None:
    """The first header of a name in lower case, None where there is none or it is empty."""
    found = (value.decode("latin-1") for each, value in head.headers if each == name)
    return next(found, None) or None


def is_last(head: h11.Request | h11.Response) -> bool:
    """Whether its sender ends the connection with this message; one of HTTP/1.0 always does here."""
    return head.http_version < b"1.1" or b"close" in _listed(head, b"connection")


def _dropped(head: Head) -> frozenset[bytes]:
    named = _listed(head, b"connection") - _NEVER_NAMED
    both = {b"content-length"} if any(name == b"transfer-encoding" for name, _ in head.headers) else set()
    return _HOP_BY_HOP | named | both


def _listed(head: Head, name: bytes) -> frozenset[bytes]:
    values = (value for each, value in head.headers if each == name)
    return frozenset(part.strip().lower() for value in values for part in value.split(b","))
