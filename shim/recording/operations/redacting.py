"""Redacting what was recorded before: the redaction of today over an exchange of then, and which places it changes.

Not the rules (`shim.recording.redaction`). A line that was redacted is written anew, so fields that this version does not know
are left out of it: nobody could say what stands in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from shim.recording.exchange import Exchange
from shim.recording.files import SCHEMA, encode_exchange
from shim.recording.operations.entries import RecordingEntry
from shim.recording.redaction.redaction import Redaction


class Redacted(NamedTuple):
    """An exchange after redaction.

    Attributes:
        data: its line.
        places: what was changed, such as `request.headers`; empty where there was nothing to take out.
        is_newer: whether its schema is another than this version's, so that fields may have been left out.
    """

    data: bytes
    places: tuple[str, ...]
    is_newer: bool


def redacted(entry: RecordingEntry, redaction: Redaction) -> Redacted:
    """Redact what a line holds."""
    before = entry.exchange
    after = redaction.apply(before)
    return Redacted(encode_exchange(after), changed_places(before, after), _schema_of(entry.data) != SCHEMA)


def changed_places(before: Exchange, after: Exchange) -> tuple[str, ...]:
    """The places in which two forms of an exchange differ, of bodies as closely as redaction tells; never what stood there."""
    told = [place for place in after.redacted if place not in before.redacted]
    changed = [name for name, part in _PARTS.items() if part(before) != part(after)]
    return tuple(dict.fromkeys([*told, *(name for name in changed if not any(each.startswith(name) for each in told))]))


_PARTS: Final[dict[str, Callable[[Exchange], Any]]] = {
    "pair_id": lambda exchange: exchange.pair_id,
    "request.url": lambda exchange: exchange.request.url,
    "request.headers": lambda exchange: exchange.request.headers,
    "request.body": lambda exchange: exchange.request.body,
    "response.reason": lambda exchange: exchange.response and exchange.response.reason,
    "response.headers": lambda exchange: exchange.response and exchange.response.headers,
    "response.body": lambda exchange: exchange.response and exchange.response.segments,
    "fault": lambda exchange: exchange.fault,
    "made": lambda exchange: exchange.made,
    "context": lambda exchange: exchange.context,
}


class _Head(msgspec.Struct):
    schema: str = ""


_schema_decoder = msgspec.json.Decoder(_Head)


def _schema_of(line: bytes) -> str:
    return _schema_decoder.decode(line).schema
