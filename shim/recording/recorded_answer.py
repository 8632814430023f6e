"""A recorded answer as a reader meets it: head, body in pieces with its content-encoding undone, and how it breaks off.

Not the readers (`session_reader`, `codec_reader`) nor other ways to cut the same bytes (`variants`). What stands between a
socket and these bytes (framing, compression) is a transport's work, and is not compared.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Literal, TypeAlias

from msgspec import Struct

from shim.recording.content_encoding import undone
from shim.recording.exchange import (
    Exchange,
    Headers,
    RecordedResponse,
    Segment,
    TransportFault,
    UnreadableExchangeError,
    is_streamed,
)

FaultFamily: TypeAlias = Literal["timeout", "network", "truncated", "protocol"]
Stage: TypeAlias = Literal["connect", "headers", "body"]

BODY_LIMIT = 64 * 1024 * 1024  # bytes of a body that a reader takes, as the legacy client and the native provider do

# Stands for a key where a reader must be given one; nothing is sent anywhere.
REPLAY_KEY = "replay-without-a-key"

# They speak of the bytes on the wire, and these are the bytes after that.
_OF_THE_FRAMING = frozenset({"content-encoding", "content-length", "transfer-encoding"})


_data_of = attrgetter("data")  # of a segment; one may have hundreds


class Break(Struct, frozen=True):
    """How an answer broke off: where, in what way, and what the library called that and said of it."""

    stage: Stage
    family: FaultFamily
    kind: str = ""
    message: str = ""


class Presented(Struct, frozen=True, kw_only=True):
    """What a reader meets; `status` is 0 where no head came, no piece is empty, `broken` is None where the body is whole."""

    status: int
    reason: str
    headers: Headers
    pieces: tuple[bytes, ...]
    broken: Break | None
    streamed: bool


def presented(exchange: Exchange) -> Presented:
    """What a reader meets of an exchange.

    Raises:
        UnreadableExchangeError: its body was left out, is not whole, or is compressed in a way that is not read here.
    """
    _check_kept(exchange)
    response = exchange.response
    broken = _broken(exchange)
    if response is None:
        streamed = is_streamed(exchange)
        return Presented(status=0, reason="", headers=(), pieces=(), broken=broken, streamed=streamed)
    segments, broken = _decoded(response, broken=broken)
    return Presented(
        status=response.status,
        reason=response.reason,
        headers=tuple([header for header in response.headers if header[0].lower() not in _OF_THE_FRAMING]),
        pieces=tuple(filter(None, map(_data_of, segments))),
        broken=broken,
        streamed=is_streamed(exchange),
    )


def is_surely_presentable(exchange: Exchange) -> bool:
    """Whether `presented` gives an exchange's answer; False also where only decompressing it would tell."""
    try:
        _check_kept(exchange)
        _broken(exchange)
    except UnreadableExchangeError:
        return False
    response = exchange.response
    return response is None or response.decoded or response.header("content-encoding") is None


def _check_kept(exchange: Exchange) -> None:
    response = exchange.response
    if exchange.ended == "overflow":
        raise UnreadableExchangeError("the body is larger than was kept; record with a larger max_body")
    if response is not None and None in map(_data_of, response.segments):
        raise UnreadableExchangeError("the body of the response was left out; record with bodies kept")
    if response is None and exchange.fault is None and exchange.ended != "aborted":
        raise UnreadableExchangeError("the exchange has neither a response nor a fault; record it again")


def _broken(exchange: Exchange) -> Break | None:
    if exchange.fault is not None:
        fault = exchange.fault
        return Break(_stage(exchange, fault), family_of(fault), fault.kind, fault.message)
    if exchange.ended == "aborted":  # its caller wanted no more of it; a reader that does wants more than there is
        stage: Stage = "headers" if exchange.response is None else "body"
        return Break(stage, "truncated", "aborted", "the recording ends here: the caller closed the answer")
    if exchange.ended == "failed":
        raise UnreadableExchangeError("the exchange failed and does not say how; record it again")
    return None


def _stage(exchange: Exchange, fault: TransportFault) -> Stage:
    if exchange.response is not None:
        return "body"
    return "headers" if fault.stage == "body" else fault.stage


# The first row with one of its words in the exception's name decides, then the first with one in what it said.
_BY_KIND: tuple[tuple[tuple[str, ...], FaultFamily], ...] = (
    (("timeout",), "timeout"),
    (("incompleteread", "truncated"), "truncated"),
    (("decod", "badstatusline", "linetoolong", "invalidchunk", "chunking", "protocol_", "remoteprotocol"), "protocol"),
    (("reset", "refused", "aborted", "brokenpipe", "remotedisconnected", "ssl", "proxy"), "network"),
)
_BY_WORDS: tuple[tuple[tuple[str, ...], FaultFamily], ...] = (
    (("timed out", "timeout"), "timeout"),
    (("invalidchunklength", "chunkingerror", "badstatusline", "linetoolong", "not validly chunked"), "protocol"),
    (("httpexception(", "chunk size line"), "protocol"),
    (("incompleteread", "ended prematurely", "ended it early", "without sending complete"), "truncated"),
    (("reset", "refused", "aborted", "broken pipe", "remotedisconnected"), "network"),
)
_ENDS_EARLY = ("ChunkedEncodingError", "ProtocolError")  # of requests and urllib3: the body broke off


def family_of(fault: TransportFault) -> FaultFamily:
    """What kind of failure a recorded fault is, whichever library named it."""
    name = fault.kind.rpartition(".")[2]
    if fault.kind == "protocol":  # the native transport's own word; so are the names of the other families
        return "protocol"
    found = _first(_BY_KIND, name.lower()) or _first(_BY_WORDS, fault.message.lower())
    return found or ("truncated" if fault.stage == "body" and name in _ENDS_EARLY else "network")


def _first(rows: tuple[tuple[tuple[str, ...], FaultFamily], ...], text: str) -> FaultFamily | None:
    return next((family for words, family in rows if any(word in text for word in words)), None)


def _decoded(response: RecordedResponse, *, broken: Break | None) -> tuple[tuple[Segment, ...], Break | None]:
    """Undo the content-encoding; a body that is damaged breaks off there."""
    encoding = None if response.decoded else response.header("content-encoding")
    if encoding is None:
        return response.segments, broken
    plain = undone(response.segments, encoding, limit=BODY_LIMIT)
    if plain.damage:
        broken = Break("body", "protocol", "urllib3.exceptions.DecodeError", plain.damage)
    return plain.segments, broken
