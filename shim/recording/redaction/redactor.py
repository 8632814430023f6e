"""The redaction of one exchange after the other: each part without its secrets, by the rules that are given.

Not the rules (`redaction`), the looks of a key (`key_mask`) nor the places of a body (`body_paths`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, Protocol, final

import msgspec
from msgspec.structs import replace

from shim.recording.content_encoding import undone_bytes
from shim.recording.exchange import (
    Exchange,
    Headers,
    RecordedRequest,
    RecordedResponse,
    Segment,
    UnreadableExchangeError,
    header_of,
    sha256_of,
)
from shim.recording.reading import Reading
from shim.recording.redaction.body_cover import BodyCover
from shim.recording.redaction.body_paths import BodyPath, Side, UnreadableBodyError
from shim.recording.redaction.key_mask import KeyMask, secrets_of, without_parameters

# A compressed body is looked into up to this size; one that is larger is left out.
_MOST_PLAIN: Final = 64 * 1024 * 1024
_SHORT: Final = 16 * 1024  # a body of more bytes is looked through by itself


class Rules(Protocol):
    """What is to be taken out; a `Redaction` is one."""

    def kept(self, headers: Headers, *, side: Side) -> Headers:
        """The headers that stay, and what of their values; keys in these are not masked yet."""
        ...

    def paths(self, side: Side) -> Sequence[BodyPath]:
        """The places of that side's body."""
        ...

    def cover(self, side: Side) -> BodyCover | None:
        """What covers them; None where none are covered, or the body is left out."""
        ...

    def drops(self, side: Side) -> bool:
        """Whether that side's body is left out."""
        ...


class _AskedHead:
    """What is left of a request's URL and headers; and the mask of its keys, so it is not shown."""

    __slots__ = ("_asked", "content_encoding", "content_type", "headers", "mask", "url")

    def __init__(self, rules: Rules, request: RecordedRequest) -> None:
        # Of a list that its owner goes on with, what it was: such a one is never taken for the same.
        self._asked = (request.url, tuple(map(tuple, request.headers)))
        self.mask = KeyMask(secrets_of(request.url, request.headers))
        kept = rules.kept(request.headers, side="request")
        self.url, *values = self.mask.texts([without_parameters(request.url), *_values(kept)])
        self.headers = _with_values(kept, values)
        self.content_type = header_of(request.headers, "content-type") or ""
        self.content_encoding = header_of(request.headers, "content-encoding")

    def is_of(self, request: RecordedRequest) -> bool:
        """Whether it is all the same for this request."""
        url, headers = self._asked
        return headers == request.headers and url == request.url


@final
class Redactor:
    """Redacts exchanges by the same rules, one after the other: requests are often alike but for their bodies.

    For any number of threads. It remembers the last request's keys, so it is not shared any wider than they are.
    """

    __slots__ = ("_head", "_rules")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._head: _AskedHead | None = None

    def __reduce__(self) -> tuple[type[Redactor], tuple[Rules]]:
        return Redactor, (self._rules,)

    def redacted(self, exchange: Exchange) -> Exchange:
        """Give what `Redaction.apply` gives."""
        head = self._head
        if head is None or not head.is_of(exchange.request):
            head = self._head = _AskedHead(self._rules, exchange.request)
        return _Redacting(self._rules, exchange, head=head).result()


class _Redacting:
    """The redaction of one exchange."""

    def __init__(self, rules: Rules, exchange: Exchange, *, head: _AskedHead) -> None:
        self._rules = rules
        self._exchange = exchange
        self._head = head
        self._mask = head.mask
        self._answer = None if exchange.response is None else exchange.response.body
        self._clean: Sequence[bytes] = ()  # bodies that were looked through already, and hold no key
        self._places: list[str] = []

    def result(self) -> Exchange:
        exchange = self._exchange
        response, fault = exchange.response, exchange.fault
        texts = [exchange.pair_id]
        headers: Headers = ()
        if response is not None:
            headers = self._rules.kept(response.headers, side="response")
            texts += (response.reason, *_values(headers))
        if fault is not None:
            texts += (fault.kind, without_parameters(fault.message))
        masked = self._masked(texts)
        request = self._request(exchange.request)
        if response is not None:
            if masked is not texts:
                headers = _with_values(headers, masked[2 : 2 + len(headers)])
            response = self._response(response, reason=masked[1], headers=headers)
        if fault is not None:
            fault = replace(fault, kind=masked[-2], message=masked[-1])
        made, context = self._made(exchange.made), self._context(exchange.context)
        return replace(
            exchange,
            pair_id=masked[0],
            request=request,
            response=response,
            fault=fault,
            made=made,
            context=context,
            redacted=tuple(dict.fromkeys((*exchange.redacted, *self._places))),
        )

    def _masked(self, texts: Sequence[str]) -> Sequence[str]:
        """The texts without keys. Mostly none has one, nor has a body: one look at all of them together tells."""
        bodies = [body for body in (self._exchange.request.body, self._answer) if body and len(body) <= _SHORT]
        if not self._mask.are_clean(texts, beside=bodies):
            return self._mask.texts(texts)
        self._clean = bodies
        return texts

    def _request(self, request: RecordedRequest) -> RecordedRequest:
        head = self._head
        if head.url != request.url:
            self._places.append("request.url")
        if request.body is None:
            if request.sha256 is not None:  # longer than is kept
                self._places.append("request.body")
            return replace(request, url=head.url, headers=head.headers)
        body, sha256 = self._body(
            request.body, side="request", content_type=head.content_type, encoding=head.content_encoding
        )
        return replace(request, url=head.url, headers=head.headers, body=body, sha256=sha256)

    def _response(self, response: RecordedResponse, *, reason: str, headers: Headers) -> RecordedResponse:
        before = self._answer
        if before is None or not response.segments:
            return replace(response, reason=reason, headers=headers)
        content_type = header_of(response.headers, "content-type") or ""
        encoding = None if response.decoded else header_of(response.headers, "content-encoding")
        body, sha256 = self._body(before, side="response", content_type=content_type, encoding=encoding)
        segments = response.segments if body is before else _resplit(response.segments, body)
        return replace(response, reason=reason, headers=headers, segments=segments, sha256=sha256)

    def _body(
        self, body: bytes, *, side: Side, content_type: str, encoding: str | None
    ) -> tuple[bytes | None, str | None]:
        """What is kept of a body, and the hash where that is nothing."""
        cleaned = self._readable(body, side=side, content_type=content_type, encoding=encoding)
        if cleaned is None or self._rules.drops(side):
            self._places.append(f"{side}.body")
            return None, sha256_of(body if cleaned is None else cleaned)
        return cleaned, None

    def _readable(self, body: bytes, *, side: Side, content_type: str, encoding: str | None) -> bytes | None:
        """The body without keys and chosen places; None where they cannot be told."""
        try:
            plain = body if encoding is None else undone_bytes(body, encoding, limit=_MOST_PLAIN)
            if plain == body:  # not encoded, whatever the header says
                return self._cleaned(body, side=side, content_type=content_type)
            return body if self._cleaned(plain, side=side, content_type=content_type) is plain else None
        except (UnreadableBodyError, UnreadableExchangeError):
            return None

    def _cleaned(self, body: bytes, *, side: Side, content_type: str) -> bytes:
        is_stream = _is_stream(content_type, body)
        masked = body if self._is_clean(body, is_stream=is_stream) else self._mask.masked(body, named=not is_stream)
        if masked is not body:
            self._places.append(f"{side}.body (keys)")
        cover = self._rules.cover(side)
        if cover is None:
            return masked
        cleaned, places = cover.covered(masked, is_stream=is_stream)
        self._places += places
        return cleaned if places else masked

    def _is_clean(self, body: bytes, *, is_stream: bool) -> bool:
        """Whether one look tells that no key is in a body."""
        if body in self._clean:
            return True
        response = self._exchange.response
        if not is_stream or response is None or body is not self._answer:
            return False
        return self._mask.is_clean_stream(body, [segment.data or b"" for segment in response.segments])

    def _made(self, made: Reading | None) -> Reading | None:
        """What the control made of it holds the answer in other words: it goes where any of the answer goes."""
        if made is None:
            return None
        if self._rules.drops("response") or self._rules.paths("response"):
            self._places.append("made")
            return None
        text = msgspec.json.encode(made)
        masked = self._mask.masked(text)
        return made if masked is text else msgspec.json.decode(masked, type=Reading)

    def _context(self, context: dict[str, Any]) -> dict[str, Any]:
        """Plain JSON; a context that is none is refused by `msgspec.json.encode`'s TypeError."""
        if not context:
            return context
        decoded: dict[str, Any] = msgspec.json.decode(self._mask.masked(msgspec.json.encode(context)))
        return decoded


def _values(headers: Headers) -> list[str]:
    return [value for _, value in headers]


def _with_values(headers: Headers, values: Sequence[str]) -> Headers:
    return tuple([(name, value) for (name, _), value in zip(headers, values, strict=True)])


def _resplit(segments: Sequence[Segment], body: bytes | None) -> tuple[Segment, ...]:
    """The same segments with other bytes, or none."""
    if body is None:
        return tuple([Segment(None, segment.at, segment.length) for segment in segments])
    if len(segments) == 1:
        return (Segment.of(body, segments[0].at),)
    lengths = [segment.length for segment in segments]
    pieces = [body[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
    return tuple(map(Segment, pieces, [segment.at for segment in segments], lengths))


def _is_stream(content_type: str, body: bytes) -> bool:
    """Whether a body is an event stream; some servers forget to say so."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "text/event-stream" or body.lstrip(b"\xef\xbb\xbf\r\n").startswith((b"data:", b"event:", b":"))
