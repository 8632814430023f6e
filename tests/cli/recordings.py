"""Recorded exchanges that match, differ, or cannot be compared, and files of them: for the tests of `shim compare`.

Not how exchanges are made by hand (`tests.helpers.exchanges`).
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from shim.recording.exchange import Exchange
from shim.recording.files import encode_exchange
from tests.helpers.exchanges import exchange, streamed

GOOD = (exchange(pair_id="good-0"), streamed(pair_id="good-1"))
# A recorded content type that no client of ours would send.
ODD = replace(GOOD[0].request, headers=(("Content-Type", "text/plain"),))
DIFFERENT = exchange(pair_id="other-type", request=ODD)
UNREADABLE = exchange(b'{"model": 3}', pair_id="no-request")


def recorded(path: Path, *exchanges: Exchange, more: bytes = b"") -> str:
    """A file of these exchanges, and more bytes behind them."""
    path.write_bytes(b"".join(map(encode_exchange, exchanges)) + more)
    return str(path)
