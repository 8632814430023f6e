"""The choice of exchanges: by model, status, ending, time, pair, role, and place.

Not the reading of what people write for these (`shim.cli.recordings_arguments`), nor the lines (`shim.recording.operations`).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from shim.comparison.runs.tally import facts_of

if TYPE_CHECKING:
    from shim.recording.exchange import Exchange

NO_STATUS: Final = "none"
"""Of an exchange for which no head of a response came."""

_DEPLOYMENT = re.compile(r"/(?:deployments|engines)/([^/?]+)")


class ExchangeSelection(Struct, frozen=True, kw_only=True):
    """What is chosen: an exchange for which all hold; what is empty or None asks nothing.

    Attributes:
        models: names, or patterns such as `gpt-4*`.
        statuses: such as `429`, `5xx`, or `none`.
        endings: such as `failed`.
        pairs: pair ids.
        roles: `control`, `candidate`.
        since, until: when it began, in seconds since the epoch; `until` is not included.
        first, last: its place among all lines from 0; `last` is not included.
    """

    models: tuple[str, ...] = ()
    statuses: frozenset[str] = frozenset()
    endings: frozenset[str] = frozenset()
    pairs: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    since: float | None = None
    until: float | None = None
    first: int = 0
    last: int | None = None

    def takes(self, exchange: Exchange) -> bool:
        """Whether it is chosen, whatever its place."""
        return (
            (not self.pairs or exchange.pair_id in self.pairs)
            and (not self.endings or exchange.ended in self.endings)
            and (not self.roles or exchange.role in self.roles)
            and (self.since is None or exchange.started_at >= self.since)
            and (self.until is None or exchange.started_at < self.until)
            and (not self.statuses or not self.statuses.isdisjoint(status_words(exchange)))
            and (not self.models or self._takes_model(model_of(exchange)))
        )

    def takes_place(self, number: int) -> bool:
        """Whether a line at this place is looked at."""
        return number >= self.first and not self.is_past(number)

    def is_past(self, number: int) -> bool:
        """Whether nothing from this place on is chosen."""
        return self.last is not None and number >= self.last

    def _takes_model(self, model: str) -> bool:
        return any(fnmatchcase(model, pattern) for pattern in self.models)


def status_words(exchange: Exchange) -> tuple[str, ...]:
    """What the status of an exchange may be called: `429` and `4xx`, or `none`."""
    if exchange.response is None:
        return (NO_STATUS,)
    status = exchange.response.status
    return str(status), f"{status // 100}xx"


def model_of(exchange: Exchange) -> str:
    """The model that was asked for; where only the address names it, the deployment or engine; "" where nothing does."""
    model = facts_of(exchange).model
    if model:
        return model
    deployment = _DEPLOYMENT.search(exchange.request.url)
    return "" if deployment is None else deployment[1]
