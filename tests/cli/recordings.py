"""Recorded exchanges and files of them: for the tests of `shim compare` and `shim recordings`.

Not how exchanges are made by hand (`tests.helpers.exchanges`).
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from shim.recording.exchange import Exchange
from shim.recording.files import encode_exchange, read_exchanges
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


START = 1767225600.0  # 2026-01-01 UTC
ERROR = b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'


def some() -> list[Exchange]:
    """Four exchanges: a pair, a failure, one of another model."""
    return [
        exchange(pair_id="a", started_at=START),
        exchange(pair_id="a", started_at=START + 1, role="candidate"),
        exchange({"model": "o1"}, ERROR, status=429, pair_id="b", started_at=START + 10, finished=2.5),
        streamed(pair_id="c", started_at=START + 5, ended="aborted"),
    ]


def ids_in(path: str | Path) -> list[str]:
    """The pair ids of a file."""
    return [each.pair_id for each in read_exchanges(path)]
