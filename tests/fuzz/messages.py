"""What the proxy's reader tells of a message in pieces, put together so that two splits of it can be compared.

Not the reader (`shim.recording.proxy.message_reader`) nor the target that asks (`targets`).
"""

from __future__ import annotations

from collections.abc import Iterable

import h11

from shim.recording.proxy.message_reader import MessageReader


def request_told(pieces: Iterable[bytes]) -> dict[str, object]:
    """Of a client's request."""
    return _told(MessageReader.of_request(), pieces)


def response_told(pieces: Iterable[bytes]) -> dict[str, object]:
    """Of an answer to a GET."""
    return _told(MessageReader.of_response(h11.Request(method="GET", target="/", headers=[("Host", "h")]))[0], pieces)


def _told(reader: MessageReader, pieces: Iterable[bytes]) -> dict[str, object]:
    heads: list[object] = []
    body, plain, beyond, complete, broken = b"", b"", b"", False, ""
    for piece in pieces:
        if complete or broken:  # another reader's, or nobody's
            beyond += piece
            continue
        fed = reader.feed(piece)
        reader.read_on(fed)
        heads += [(type(head), list(head.headers)) for head in fed.heads]
        body += fed.body
        plain += b"".join(fed.pieces)
        complete, beyond, broken = fed.complete, fed.beyond, fed.broken
    if broken:  # h11's words for it, and how much stands behind the break, depend on what was read together
        return {"heads": heads, "all": body + beyond, "broken": True}
    return {"heads": heads, "body": body, "plain": plain, "complete": complete, "beyond": beyond}
