"""The tables of what must differ, and why: between the two providers, and between the two APIs; nothing else may.

Not the finding of differences (`both`). A row that a case no longer needs fails that case.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

OUTCOME = ("error.*", "response.*", "events")


@dataclass(frozen=True)
class Row:
    """A difference that is meant.

    Attributes:
        cases: patterns of the cases that have it, `whole/group/name` or `stream/group/name`.
        places: patterns of the places that differ there; each is needed in each of the cases.
        reason: why it must.
    """

    cases: tuple[str, ...]
    places: tuple[str, ...]
    reason: str


ROWS: tuple[Row, ...] = (
    Row(
        ("*/asked/*", "*/field/*", "*/recorded/*", "*/header/*"),
        ("sent.headers.user-agent",),
        "each client says what it is; where a request removes that, Python's urllib3 still does",
    ),
    Row(
        ("*/asked/*", "*/field/*", "*/recorded/*", "*/header/[!h]*"),
        ("sent.headers.connection",),
        "requests says keep-alive, which HTTP/1.1 means anyway",
    ),
    Row(
        ("*/header/no encoding",),
        ("sent.headers.accept-encoding",),
        "where a request removes it, Python's http.client says identity",
    ),
    Row(
        (
            *("*/fault/reset *", "*/fault/cut *", "*/fault/garbage at accept", "*/fault/garbage before the headers"),
            *("*/fault/a body shorter *", "*/fault/HTTP?0.9", "*/fault/SSH"),
            *(
                "*/fault/a head cut *",
                "*/fault/a status *",
                "*/fault/two lengths*",
                "*/fault/101 *",
                "*/fault/frames *",
            ),
            *("*/fault/a head that never ends", "*/fault/too many headers", "*/stalled/*", "*/reset/*"),
            *("stream/streamed/cut *", "stream/streamed/finish, then no last chunk", "stream/streamed/no last chunk"),
            *("stream/streamed/a truncated chunk", "stream/streamed/*chunk*length*"),
            "stream/streamed/a body shorter *",
        ),
        ("error.message",),
        "what a library says of a broken connection are its own words",
    ),
    Row(
        ("*/fault/read by one: *",),
        ("error.*", "response.*", "http_status"),
        "libcurl refuses what Python's http.client overlooks, and the other way round: each reads what it always read",
    ),
    Row(("*/fault/read by one: [!H]*",), ("headers.*",), "the same: these have headers"),
    Row(("stream/fault/read by one: *",), ("events",), "the same, told as events"),
    Row(
        ("*/fault/too many headers",),
        ("http_status", "headers.x", "error.headers"),
        "Python's http.client refuses more than 100 header lines, libcurl counts their bytes",
    ),
    Row(
        ("whole/fault/too many headers",),
        ("error.body", "error.http_status"),
        "the same: to libcurl the empty body is the answer",
    ),
    Row(
        ("stream/fault/too many headers",),
        ("error.category", "error.class", "error.retryable", "error.http_status", "error.partial*"),
        "the same: to libcurl a stream began and ended",
    ),
    Row(
        ("stream/streamed/data in two lines",),
        OUTCOME,
        "a documented quirk of the legacy client: every data line is one payload",
    ),
    Row(
        ("stream/streamed/invalid UTF-8 in a text",),
        OUTCOME,
        "the legacy client hands over the bytes as received; the standard's reader replaces what is not UTF-8",
    ),
    Row(
        ("stream/streamed/a field called error", "stream/recorded/gpustack_error_field"),
        ("error.message", "error.category", "error.class", "error.body"),
        "the legacy client reads data lines only: it sees the early end, not the words",
    ),
    Row(("stream/streamed/a field called error",), ("error.retryable",), "the same: an early end is worth a retry"),
    Row(
        ("stream/recorded/gpustack_error_field",),
        ("error.code", "error.type", "error.partial.extra"),
        "the same: the words have a code, a type and a detail",
    ),
    Row(
        ("stream/streamed/a cut last event", "stream/recorded/stream_truncated"),
        ("error.message",),
        "the legacy client also hands over an event that was not ended, the standard drops it: both are truncated",
    ),
    Row(
        ("stream/streamed/cut before a blank line",),
        ("error.partial*", "events"),
        "the legacy client hands over a data line when it ends, the standard an event when its blank line has come",
    ),
)


CHAT_AND_RESPONSES: tuple[Row, ...] = (
    Row(
        ("*/asked/*call*", "*/asked/*tool*"),
        ("usage.input_tokens", "usage.total_tokens"),
        "the server counts what it is sent: on Responses a tool says whether it is strict, and items stand for messages",
    ),
    Row(
        ("stream/asked/parallel calls",),
        ("events",),
        "only Responses says when a call is complete before the next one begins; on Chat Completions calls may interleave",
    ),
    Row(
        ("*/failing/unknown model",),
        ("http_status", "error.message", "error.param"),
        "OpenAI answers an unknown model with 404 on Chat Completions, and with 400 and other words on Responses",
    ),
    Row(
        ("*/failing/failed*", "whole/failing/an error event", "*/failing/a flat error event"),
        ("error.type",),
        "the error of a Responses object, and a flat error event, have a code and no type",
    ),
    Row(
        ("whole/failing/cut after the headers",),
        ("error.message",),
        "libcurl counts the bytes that are missing, and the bodies differ in length",
    ),
)
"""What must differ between the two APIs of the native provider, and why."""


def check(case: str, found: dict[str, tuple[Any, Any]], *, rows: tuple[Row, ...] = ROWS, wire: bool = False) -> None:
    """Check that a case differs where the table says, in every such place, and nowhere else; `wire`: in what was sent."""
    rows = tuple(row for row in rows if any(fnmatchcase(case, pattern) for pattern in row.cases))
    patterns = [pattern for row in rows for pattern in row.places if pattern.startswith("sent.") is wire]
    unmeant = {place: values for place, values in found.items() if not _any_matches([place], patterns)}
    assert not unmeant, f"{case}: the two differ in {unmeant}"
    idle = [pattern for pattern in patterns if not _any_matches(found, [pattern])]
    assert not idle, f"{case}: the two no longer differ in {idle}; take it out of the table"


def _any_matches(places: Iterable[str], patterns: list[str]) -> bool:
    return any(fnmatchcase(place, pattern) for place in places for pattern in patterns)
