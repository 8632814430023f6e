"""How long a server asks to wait before the next try, from its response headers, or else from what its error says.

Not the decision to wait (`shim.layers.retries`). Order: `retry-after-ms`, then `retry-after` (RFC 9110 10.2.3: seconds
or a date), then the `x-ratelimit-reset-*` of the limit that is used up (OpenAI, Rate limits: durations such as "6m0s", "20ms").
Gemini sends none of them, but a `google.rpc.RetryInfo` among the details of its error (AIP-193).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

_UNIT_MS: dict[str, float] = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_LIMITS = ("requests", "tokens")


def retry_after_ms(headers: Mapping[str, str], *, limited: bool) -> int | None:
    """Read the wait in milliseconds, None where the server named none.

    Args:
        headers: names in lower case. A date is read against the server's own `date`, so that its clock does not matter;
            against ours only where it sent none.
        limited: whether a rate limit was hit; only then do the resets, which OpenAI sends with every answer, name a wait.

    A value that is negative, not a number or unreadable says nothing; so does 0, since it names no time to wait. Of a header that
    came several times, as when a proxy adds its own, the longest wait counts.
    """
    readers = (_milliseconds, _seconds, _date, _rate_limit_reset) if limited else (_milliseconds, _seconds, _date)
    for read in readers:
        wait = read(headers)
        if wait is not None and math.isfinite(wait) and wait > 0:
            return math.ceil(wait)
    return None


def told_wait_ms(error: Mapping[str, Any]) -> int | None:
    """Read the wait that an error names among its details, None where it names none."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        wait = _duration(delay) if isinstance(delay, str) else None
        if wait and math.isfinite(wait):
            return math.ceil(wait)
    return None


def _number(text: str | None) -> float | None:
    """A number, or the largest of those that field lines of one name were joined from (RFC 9110, 5.3)."""
    try:
        return max(map(float, text.split(", "))) if text is not None else None
    except ValueError:
        return None


def _milliseconds(headers: Mapping[str, str]) -> float | None:
    return _number(headers.get("retry-after-ms"))


def _seconds(headers: Mapping[str, str]) -> float | None:
    seconds = _number(headers.get("retry-after"))
    return None if seconds is None else seconds * 1000


def _date(headers: Mapping[str, str]) -> float | None:
    until, now = (_when(headers.get(name)) for name in ("retry-after", "date"))
    if until is None:
        return None
    return (until - (datetime.now(timezone.utc).timestamp() if now is None else now)) * 1000


def _when(text: str | None) -> float | None:
    try:
        return None if text is None else parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _rate_limit_reset(headers: Mapping[str, str]) -> float | None:
    """Wait for the limit that is used up; where none is said to be, for the longer, which is enough for either."""
    used_up = [name for name in _LIMITS if headers.get(f"x-ratelimit-remaining-{name}") == "0"]
    waits = [_duration(headers.get(f"x-ratelimit-reset-{name}")) for name in used_up or _LIMITS]
    return max((wait for wait in waits if wait is not None), default=None)


def _duration(text: str | None) -> float | None:
    if text is None or not _DURATION.fullmatch(text.strip()):
        return None
    return sum(float(amount) * _UNIT_MS[unit] for amount, unit in _PIECE.findall(text))
