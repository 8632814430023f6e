"""What goes wrong on the way: rewrites a framed response so that it is cut, stalled, garbled, late or slow.

Pure functions from script to script and to the timeline that is played; no sockets. Point faults count body pieces and
bytes, so they come first; then the script becomes a timeline, and timing faults shift and slice that.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable

from shim.model.exhaustive import assert_never
from shim.testing.fake_openai.behaviours import Cut, Drip, Fault, Garbage, Point, Reset, Slow, Stall, Striking, Where
from shim.testing.fake_openai.http.framing import Script, chunk
from shim.testing.fake_openai.http.player import ConnectionEnding, Timeline, TimelinePiece


def stage(script: Script, faults: Iterable[Fault]) -> Timeline:
    """The timeline of a response with its faults applied."""
    faults = tuple(faults)
    return timed(struck(script, faults, wrap=chunk), faults)


def struck(script: Script, faults: Iterable[Fault], *, wrap: Callable[[bytes], TimelinePiece]) -> Script:
    """The script with the faults that strike at a point; `wrap` makes a piece of the body out of framed garbage."""
    for fault in faults:
        if isinstance(fault, Point):
            script = _strike(script, fault, wrap=wrap)
    return script


def timed(script: Script, faults: Iterable[Fault]) -> Timeline:
    """The timeline of a script with the faults that make it late or slow."""
    timing = [fault for fault in faults if isinstance(fault, (Slow, Drip))]
    return functools.reduce(_retime, timing, timeline_of(script))


def at_accept(fault: Striking) -> Timeline:
    """What a connection meets that is struck before it has asked anything."""
    data = fault.data if isinstance(fault, Garbage) else b""
    return Timeline((TimelinePiece(data),) if data else (), _ending(fault))


def timeline_of(script: Script) -> Timeline:
    """The script in the order it is sent; the head goes at once, the end with the last piece."""
    end = script.pieces[-1].at if script.pieces else 0.0
    head = (TimelinePiece(script.head),) if script.head else ()
    tail = (TimelinePiece(script.tail, end),) if script.tail else ()
    return Timeline((*head, *script.pieces, *tail), script.ending, gather=script.gather)


def _ending(fault: Striking) -> ConnectionEnding:
    if isinstance(fault, (Cut, Garbage)):
        return ConnectionEnding.CLOSE
    if isinstance(fault, Reset):
        return ConnectionEnding.RESET
    if isinstance(fault, Stall):
        return ConnectionEnding.STALL
    assert_never(fault)


def _strike(script: Script, fault: Striking, *, wrap: Callable[[bytes], TimelinePiece]) -> Script:
    before = _before(script, fault)
    if not isinstance(fault, Garbage):
        return dataclasses.replace(before, tail=b"", ending=_ending(fault))
    # Whatever follows the garbage keeps its place: the reader must cope with both.
    noise = wrap(fault.data) if fault.framed else TimelinePiece(fault.data)
    return _with_noise(script, before=before, noise=noise)


def _before(script: Script, point: Point) -> Script:
    """The part of the script that is sent before the point."""
    if point.where is not Where.AFTER_HEADERS:
        return dataclasses.replace(script, head=b"", pieces=())
    if point.after_bytes is None:
        return dataclasses.replace(script, pieces=script.pieces[: point.after_events])
    return dataclasses.replace(script, pieces=tuple(_first_bytes(script.pieces, point.after_bytes)))


def _first_bytes(pieces: Iterable[TimelinePiece], count: int) -> Iterable[TimelinePiece]:
    for piece in pieces:
        if count <= 0:
            return
        if piece.payload_size <= count:
            yield piece
        else:
            # Inside a chunk: its announced size stays, so the reader knows that bytes are missing.
            yield dataclasses.replace(piece, data=piece.data[: piece.lead + count], trail=0)
        count -= piece.payload_size


def _with_noise(script: Script, *, before: Script, noise: TimelinePiece) -> Script:
    if not before.head:
        return dataclasses.replace(script, head=noise.data + script.head, ending=ConnectionEnding.CLOSE)
    sent = b"".join(piece.data for piece in before.pieces)
    body = b"".join(piece.data for piece in script.pieces)
    rest = TimelinePiece(body[len(sent) :], at=script.pieces[-1].at if script.pieces else 0.0)
    late = dataclasses.replace(noise, at=before.pieces[-1].at if before.pieces else 0.0)
    return dataclasses.replace(script, pieces=(*before.pieces, late, rest), ending=ConnectionEnding.CLOSE)


def _retime(timeline: Timeline, fault: Slow | Drip) -> Timeline:
    if isinstance(fault, Slow):
        late = tuple(TimelinePiece(one.data, one.at + fault.first_byte_delay) for one in timeline.pieces)
        return dataclasses.replace(timeline, pieces=late)
    if isinstance(fault, Drip):
        return dataclasses.replace(timeline, pieces=tuple(_dripped(timeline, fault)), gather=False)
    assert_never(fault)


def _dripped(timeline: Timeline, drip: Drip) -> Iterable[TimelinePiece]:
    at = 0.0
    for piece in timeline.pieces:
        at = max(at, piece.at)
        for start in range(0, len(piece.data), drip.size):
            yield TimelinePiece(piece.data[start : start + drip.size], at)
            at += drip.delay
