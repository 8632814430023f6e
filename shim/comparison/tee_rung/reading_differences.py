"""Where two readings of the same answer part, and by which rule each place is judged.

Not the reading (`session_reader`, `codec_reader`) nor the verdict (`explanation`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from shim.comparison.canonical import Difference, differences
from shim.comparison.explanation import excerpt
from shim.comparison.tee_rung.readings import arguments_json
from shim.comparison.verdict import Mismatch
from shim.recording.reading import Reading

TEE_EQUIVALENCES: dict[str, str] = {
    "error.message": (
        "what a library says of a connection that broke, or of a body that ended early, are its own words: of two errors of one"
        " such category whose body the server did not send, the words are not compared"
    ),
}
"""What is declared to be the same although it differs, and why; place -> reason."""

_OWN_WORDS = ("network", "timeout", "truncated")
_ENDS = ("StreamDone", "StreamError")
_JOINED = {
    "TextDelta": "text",
    "ReasoningDelta": "text",
    "RefusalDelta": "text",
    "ToolCallDelta": "arguments",
    "ItemDelta": "text",
}

_ANSWER = r"(?:response|error\.partial)\."
_CHOICE = _ANSWER + r"choices\[\d+\]\."
# The first that matches the place decides; what none matches is judged by the last.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"outcome$", "tee.outcome"),
        (r"(?:error\.)?http_status$", "tee.status"),
        (r"error\.(?:category|class|retryable)$", "tee.category"),
        (_CHOICE + r"(?:raw_)?finish_reason$", "tee.finish_reason"),
        (_CHOICE + r"(?:text|reasoning|refusal|parts\[\d+\]\.text)$", "tee.text"),
        (_CHOICE + r"tool_calls\b", "tee.tool_calls"),
        (_ANSWER + r"usage\b", "tee.usage"),
        (r"(?:response|error\.partial)\b", "tee.response"),
        (r"error\b", "tee.error"),
        (r"events\b", "tee.events"),
    )
)


def rule_of(path: str) -> str:
    """The rule that judges a place of a reading."""
    return next((rule for pattern, rule in _RULES if pattern.match(path)), "tee.response")


def readings_part(control: Reading, candidate: Reading, *, broken: bool) -> list[Mismatch]:
    """The places where two readings part, in the order outcome, status, error, response, events.

    Args:
        control: what the one side made of the answer.
        candidate: what the other did.
        broken: whether the answer broke off, so that what a protocol error says is the library's word too.
    """
    found = [_mismatch(each, rule_of(each.path)) for each in _places(control, candidate, broken=broken)]
    return found + _events_part(control.events, candidate.events, outcomes_part=_outcomes_part(control, candidate))


def _outcomes_part(control: Reading, candidate: Reading) -> bool:
    return control.outcome != candidate.outcome


def _places(control: Reading, candidate: Reading, *, broken: bool) -> Iterator[Difference]:
    if _outcomes_part(control, candidate):
        yield Difference("outcome", _summary(control), _summary(candidate))
        yield from differences(control.http_status, candidate.http_status, path="http_status", exact_numbers=True)
        return
    yield from differences(control.http_status, candidate.http_status, path="http_status", exact_numbers=True)
    own_words = _have_own_words(control.error or {}, candidate.error or {}, broken=broken)
    for each in differences(control.error, candidate.error, path="error", exact_numbers=True):
        if not (own_words and each.path in TEE_EQUIVALENCES):
            yield each
    yield from differences(control.response, candidate.response, path="response", exact_numbers=True)


def _summary(reading: Reading) -> str:
    if reading.error is None:
        return reading.outcome
    return f"error: {reading.error.get('category')}: {reading.error.get('message')}"


def _have_own_words(control: dict[str, Any], candidate: dict[str, Any], *, broken: bool) -> bool:
    category = control.get("category")
    by_a_library = category in _OWN_WORDS or (broken and category == "protocol")
    from_the_server = control.get("body") is not None or candidate.get("body") is not None
    return by_a_library and category == candidate.get("category") and not from_the_server


def _mismatch(difference: Difference, rule: str) -> Mismatch:
    return Mismatch(path=difference.path, control=difference.control, candidate=difference.candidate, rule=rule)


Events = Sequence[dict[str, Any]]


def _events_part(control: Events | None, candidate: Events | None, *, outcomes_part: bool) -> list[Mismatch]:
    """Where two event sequences part; where only their cutting does, that.

    With different outcomes the last events differ too, which is said already.
    """
    if control is None or candidate is None:
        return [_mismatch(each, "tee.events") for each in differences(control, candidate, path="events")]
    if outcomes_part:
        control, candidate = (
            [event for event in events if event.get("event") not in _ENDS] for events in (control, candidate)
        )
    cut_otherwise = _sequences_part(control, candidate, rule="tee.granularity")
    if not cut_otherwise:
        return []
    return _sequences_part(joined(control), joined(candidate), rule="tee.events") or cut_otherwise


def _sequences_part(control: Events, candidate: Events, *, rule: str) -> list[Mismatch]:
    return [_mismatch(each, rule) for each in differences(control, candidate, path="events", exact_numbers=True)]


def joined(events: Events) -> list[dict[str, Any]]:
    """The events with each run of deltas of one place made one, empty ones left out, and arguments as the JSON they are."""
    runs: list[dict[str, Any]] = []
    for event in events:
        field = _JOINED.get(event.get("event", ""))
        last = runs[-1] if runs else {}
        if field is not None and all(
            last.get(name) == event.get(name) for name in ("event", "kind", "index", "choice")
        ):
            last[field] += event.get(field, "")
        elif field is None or event.get(field):
            runs.append(dict(event))
    return [_with_json_arguments(event) for event in runs]


def _with_json_arguments(event: dict[str, Any]) -> dict[str, Any]:
    if "arguments" not in event:
        return event
    try:
        return {**event, "arguments": {"json": arguments_json(event["arguments"])}}
    except ValueError:
        return event


_REACH = (24, 12, 6)  # characters on either side that are looked for together
_SHORTEST = 3


def shown(mismatch: Mismatch, body: bytes) -> Mismatch:
    """The mismatch with the bytes around the place where it begins; as it is where that is not found."""
    offset = offset_of(mismatch, body)
    if offset is None:
        return mismatch
    return Mismatch(
        path=mismatch.path,
        control=mismatch.control,
        candidate=mismatch.candidate,
        rule=mismatch.rule,
        excerpt=excerpt(body, offset),
        offset=offset,
    )


def offset_of(mismatch: Mismatch, body: bytes) -> int | None:
    """The offset of the first character that differs, None where it is not found or found twice."""
    texts = [each for each in (mismatch.control, mismatch.candidate) if isinstance(each, str)]
    parted = _common(*texts) if len(texts) > 1 else 0
    for text in texts:
        for before, after in _around(text, parted):
            for ascii_only in (False, True):  # a server may write é or \\u00e9
                head, needle = (_as_json(each, ascii_only=ascii_only) for each in (before, before + after))
                if body.count(needle) == 1:
                    return body.index(needle) + len(head)
    return None


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    differ = (place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    return next(differ, min(len(one), len(other)))


def _around(text: str, place: int) -> Iterator[tuple[str, str]]:
    for reach in _REACH:
        for before, after in ((reach, reach), (0, reach), (reach, 0)):
            pair = text[max(0, place - before) : place], text[place : place + after]
            if len(pair[0]) + len(pair[1]) >= _SHORTEST:
                yield pair


def _as_json(text: str, *, ascii_only: bool) -> bytes:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "replace")
