"""Bad events: which kinds of bad event a request had, from its completion.

Not their statistics (`guard`), not the thresholds of slowness (`slowness`). The guard compares the arms, so an error that both
have alike, an outage say, is no evidence; an error counts here where more of it in the candidate would be the candidate's doing.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from shim.migration.decision import SlowAfter
from shim.model import ErrorCategory
from shim.provider import Completion, Timing

__all__ = ["ERROR", "ERRORS", "MISMATCH", "REFUSED", "SLOW", "ErrorRule", "bad_kinds", "seconds_of"]

ERROR: Final = "error"
"""A guardrail: the request failed in a way that the candidate could cause."""

SLOW: Final = "slow"
"""A signal: the answer took longer than 95 of 100 of the control's last ones."""

MISMATCH: Final = "mismatch"
"""A signal: wire or tee found a difference on this request."""

REFUSED: Final = "refused"
"""A signal: the candidate refused the request before anything was sent, and control served it."""


class ErrorRule(Struct, frozen=True):
    """The kind of bad event that an error of a category is, None for none, and why."""

    kind: str | None
    why: str


ERRORS: Final[dict[ErrorCategory, ErrorRule]] = {
    ErrorCategory.AUTH: ErrorRule(ERROR, "the candidate may send the key wrongly; a bad key fails in both arms"),
    ErrorCategory.PERMISSION: ErrorRule(ERROR, "the candidate may leave out the organization or the project"),
    ErrorCategory.RATE_LIMIT: ErrorRule(ERROR, "the candidate may retry more, or use a key with a lower limit"),
    ErrorCategory.QUOTA: ErrorRule(ERROR, "the candidate may use a project that has less credit"),
    ErrorCategory.INVALID_REQUEST: ErrorRule(ERROR, "the candidate may build the request differently"),
    ErrorCategory.NOT_FOUND: ErrorRule(ERROR, "the candidate may ask at another path, or for another model"),
    ErrorCategory.SERVER: ErrorRule(ERROR, "what the candidate sends may be what the server fails on"),
    ErrorCategory.TIMEOUT: ErrorRule(ERROR, "the candidate may wait less long, or hang"),
    ErrorCategory.CONTENT_FILTER: ErrorRule(
        ERROR, "the candidate may send the prompt differently; the filter is the same"
    ),
    ErrorCategory.NETWORK: ErrorRule(ERROR, "the candidate has connections of its own"),
    ErrorCategory.TRUNCATED: ErrorRule(ERROR, "the candidate may lose the end of an answer"),
    ErrorCategory.PROTOCOL: ErrorRule(ERROR, "the candidate may not understand what the control does"),
    ErrorCategory.CANCELLED: ErrorRule(None, "the caller ended it"),
    ErrorCategory.ABORTED: ErrorRule(None, "the caller's own callback raised"),
    ErrorCategory.UNKNOWN: ErrorRule(ERROR, "nobody knows that it was not the candidate"),
}


def bad_kinds(completion: Completion, slow_after: SlowAfter) -> tuple[str, ...]:
    """The kinds of bad event of one request: `ERROR` or `SLOW`, or none. A failed request is not slow as well."""
    if completion.error is not None:
        kind = ERRORS[completion.error.category].kind
        return () if kind is None else (kind,)
    streamed, seconds = seconds_of(completion.timing)
    limit = slow_after.streamed if streamed else slow_after.whole
    return (SLOW,) if limit is not None and seconds > limit else ()


def seconds_of(timing: Timing) -> tuple[bool, float]:
    """Whether it was a stream, and its seconds: to the first event of a stream, to the end of a whole answer.

    How long a stream goes on depends on how much there is to say; how long it takes to begin does not.
    """
    if timing.first_event is not None:
        return True, timing.first_event - timing.started
    return False, timing.finished - timing.started
