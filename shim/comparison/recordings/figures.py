"""The figures of recorded traffic: rates, statuses, categories, times and sizes with their quantiles.

Not what a file is about (`overview`), no verdict on it (`shim.comparison.runs`). The category of a failure is what the native
provider's own reader makes of the recorded bytes, so an error object in a stream under status 200 counts as what it is.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from shim.comparison.recordings.overview import count
from shim.comparison.recordings.selection import NO_STATUS, model_of
from shim.comparison.runs.tally import Histogram, facts_of
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.recording.exchange import Exchange, UnreadableExchangeError
from shim.recording.recorded_answer import family_of
from shim.wire.failure import parse_error

OK: Final = "ok"
ABORTED: Final = "aborted"
"""The caller closed the answer: no failure of the server's, and no answer either."""
UNKNOWN_CATEGORY: Final = "unknown"

_KILO: Final = 1000.0  # sizes are counted in thousands of bytes, so that a histogram made for times holds them
_reader = CodecReader()


class Figures(Struct, kw_only=True):
    """The figures of what was added.

    Attributes:
        exchanges: how many.
        first_at, last_at: when the first began and the last was over, in seconds since the epoch; 0: not known.
        statuses: `200`, `none` -> exchanges.
        categories: `ok`, `aborted`, or the category of the failure -> exchanges.
        models, endings: -> exchanges.
        latencies: kind (`chat_completions`, `responses stream`, …) -> seconds until a complete exchange was over.
        first_bytes: kind -> seconds until the first bytes of the body.
        request_sizes, response_sizes: of bodies, in thousands of bytes; see `Size`.
    """

    exchanges: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)
    endings: dict[str, int] = field(default_factory=dict)
    latencies: dict[str, Histogram] = field(default_factory=dict)
    first_bytes: dict[str, Histogram] = field(default_factory=dict)
    request_sizes: Histogram = field(default_factory=Histogram)
    response_sizes: Histogram = field(default_factory=Histogram)

    def add(self, exchange: Exchange) -> None:
        """Take an exchange."""
        self.exchanges += 1
        facts = facts_of(exchange)
        count(self.statuses, str(facts.status) if facts.status else NO_STATUS)
        count(self.categories, category_of(exchange))
        count(self.models, model_of(exchange))
        count(self.endings, exchange.ended)
        if exchange.started_at > 0:
            self.first_at = min(self.first_at or exchange.started_at, exchange.started_at)
            self.last_at = max(self.last_at, exchange.started_at + exchange.finished)
        if facts.finished is not None:
            self.latencies.setdefault(facts.kind, Histogram()).add(facts.finished)
        if facts.first_byte is not None:
            self.first_bytes.setdefault(facts.kind, Histogram()).add(facts.first_byte)
        if exchange.request.length >= 0:
            self.request_sizes.add(exchange.request.length / _KILO)
        if exchange.response is not None:
            self.response_sizes.add(exchange.response.length / _KILO)

    @property
    def seconds(self) -> float:
        """From the first exchange's begin to the last one's end."""
        return max(0.0, self.last_at - self.first_at)

    @property
    def rate(self) -> float | None:
        """Exchanges a second over that time; None where it is not known."""
        return self.exchanges / self.seconds if self.seconds else None

    @property
    def failure_share(self) -> float:
        """The share of failures, those that a caller ended not among them."""
        well = self.categories.get(OK, 0) + self.categories.get(ABORTED, 0)
        return (self.exchanges - well) / self.exchanges if self.exchanges else 0.0


def bytes_of(sizes: Histogram, share: float) -> int:
    """A quantile of sizes, in bytes."""
    return round(sizes.quantile(share) * _KILO)


def largest_bytes_of(sizes: Histogram) -> int:
    """The largest of sizes, in bytes; exact."""
    return round(sizes.largest * _KILO)


def all_bytes_of(sizes: Histogram) -> int:
    """The sum of sizes, in bytes."""
    return round(sizes.total * _KILO)


def category_of(exchange: Exchange) -> str:
    """`ok`, `aborted`, or the category of the failure."""
    if exchange.ended == "aborted":
        return ABORTED
    try:
        completion = _reader.hear(exchange).completion
    except UnreadableExchangeError:  # another API, or a body that was left out: status and fault are still there
        return _category_without_reading(exchange)
    return OK if completion.error is None else str(completion.error.category.value)


def _category_without_reading(exchange: Exchange) -> str:
    response = exchange.response
    if exchange.fault is not None:
        return family_of(exchange.fault)
    if response is None:
        return UNKNOWN_CATEGORY
    if response.status < 400:  # RFC 9110 15: what is below is no error
        return OK
    return str(parse_error(response.status, dict(response.headers), response.body or b"").category.value)
