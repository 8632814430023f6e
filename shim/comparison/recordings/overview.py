"""What a recording is about: how many exchanges, of when, of which APIs and models, how they ended, how many are pairs.

Not its figures (`figures`), nor their form for people or programs (`shim.cli.recordings_output`).
"""

from __future__ import annotations

import hashlib
from typing import Final, final

from msgspec import Struct, field

from shim.comparison.recordings.selection import model_of
from shim.comparison.runs.tally import MOST_NAMES, OTHERS
from shim.recording.exchange import Exchange, api_of

PAIR_WINDOW: Final = 100_000
"""Pair ids that are remembered at least; the partner of a pair stands within so many others, or it is not found."""
OTHER_API: Final = "other"


@final
class PairCounter:
    """Counts pairs: ids of which there is a record of the control and one of the candidate.

    Attributes:
        pairs: how many were found.
    """

    def __init__(self, window: int = PAIR_WINDOW) -> None:
        self._window = window
        self._recent: dict[int, str] = {}  # hash of the id -> its role, "" once both were seen
        self._older: dict[int, str] = {}
        self._roles: set[str] = set()
        self._forgot = False
        self.pairs = 0

    @property
    def is_exact(self) -> bool:
        """Whether no pair can have been missed or counted twice."""
        return not self._forgot or len(self._roles) < 2  # of one role alone there are none

    def add(self, pair_id: str, role: str) -> None:
        """Take an exchange."""
        digest = hashlib.blake2b(pair_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        key = int.from_bytes(digest, "big")
        self._roles.add(role)
        known = self._recent.get(key)
        if known is None:
            known = self._older.get(key)
        if known is not None and known not in ("", role):
            self.pairs += 1
            role = ""
        self._recent[key] = role if known is None or role == "" else known
        if len(self._recent) >= self._window:
            self._forgot = self._forgot or bool(self._older)
            self._older, self._recent = self._recent, {}


class Overview(Struct, kw_only=True):
    """What a file is about, or several.

    Attributes:
        exchanges, unreadable: lines that are exchanges, and that are none.
        first_at, last_at: when the first exchange began and the last one was over, in seconds since the epoch; 0: not known.
        apis, models, endings, roles: -> exchanges; names beyond `MOST_NAMES` count together.
        pairs: see `PairCounter`.
    """

    exchanges: int = 0
    unreadable: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    apis: dict[str, int] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)
    endings: dict[str, int] = field(default_factory=dict)
    roles: dict[str, int] = field(default_factory=dict)
    pairs: PairCounter = field(default_factory=PairCounter)

    def add(self, exchange: Exchange) -> None:
        """Take an exchange."""
        self.exchanges += 1
        count(self.apis, api_of(exchange) or OTHER_API)
        count(self.models, model_of(exchange))
        count(self.endings, exchange.ended)
        count(self.roles, exchange.role)
        self.pairs.add(exchange.pair_id, exchange.role)
        if exchange.started_at > 0:
            self.first_at = min(self.first_at or exchange.started_at, exchange.started_at)
            self.last_at = max(self.last_at, exchange.started_at + exchange.finished)


def count(counts: dict[str, int], name: str) -> None:
    """Count under a name, or under `OTHERS` once there are too many names."""
    known = name if name in counts or len(counts) < MOST_NAMES else OTHERS
    counts[known] = counts.get(known, 0) + 1
