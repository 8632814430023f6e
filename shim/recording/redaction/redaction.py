"""What is taken out of an exchange before it is written or handed on: an allow-list of headers, keys, chosen places.

Not the looks of a key (`key_mask`) nor the places of a body (`body_paths`). What is covered keeps its length: the split of
a body, its times and its lengths stay exactly as they were.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from itertools import accumulate, pairwise
from typing import Any, Final, Literal, TypeAlias, final, get_args

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
from shim.recording.redaction.key_mask import REMOVED, KeyMask, secrets_of, without_parameters
from shim.wire.credentials import SCHEMED_HEADERS, is_secret_header

ALLOWED_HEADERS: Final = (
    # What is asked for and how it is framed.
    "accept", "accept-encoding", "content-type", "content-encoding", "content-length", "transfer-encoding", "user-agent",
    # What the API acts on. Of credentials the scheme stays, or that there is one: see `Redaction`.
    "authorization", "api-key", "x-api-key", "openai-beta", "openai-organization", "openai-project", "idempotency-key",
    "x-client-request-id", "x-stainless-*",
    # What the API says of itself and of its limits.
    "date", "retry-after*", "x-should-retry", "x-request-id", "apim-request-id", "x-ratelimit-*", "openai-processing-ms",
    "openai-version", "openai-model",
)  # fmt: skip
"""Names of headers that are kept, in lower case; `*` stands for any letters."""

CONVERSATION_PATHS: Final = (
    "request.body.messages[*].content", "request.body.messages[*].name", "request.body.messages[*].refusal",
    "request.body.messages[*].tool_calls[*].function.arguments", "request.body.messages[*].function_call.arguments",
    "request.body.prompt", "request.body.input", "request.body.instructions", "request.body.user",
    "request.body.safety_identifier", "request.body.metadata", "request.body.prediction.content",
    "response.body.choices[*].message.content", "response.body.choices[*].message.refusal",
    "response.body.choices[*].message.reasoning", "response.body.choices[*].message.reasoning_content",
    "response.body.choices[*].message.tool_calls[*].function.arguments",
    "response.body.choices[*].message.function_call.arguments", "response.body.choices[*].message.audio",
    "response.body.choices[*].logprobs", "response.body.choices[*].text",
    "response.body.output[*].content", "response.body.output[*].summary", "response.body.output[*].arguments",
    "response.body.output[*].input", "response.body.output[*].results", "response.body.output[*].result",
    "response.body.instructions", "response.body.metadata", "response.body.user", "response.body.safety_identifier",
    "response.body.response.output[*].content", "response.body.response.output[*].summary",
    "response.body.response.output[*].arguments", "response.body.response.output[*].input",
    "response.body.response.output[*].results", "response.body.response.output[*].result",
    "response.body.response.instructions", "response.body.response.metadata", "response.body.response.user",
    "response.body.response.safety_identifier", "response.body.item.content", "response.body.item.summary",
    "response.body.item.arguments", "response.body.item.input", "response.body.item.results", "response.body.item.result",
    "response.body.part", "response.body.delta", "response.body.text", "response.body.refusal", "response.body.arguments",
    "response.body.input", "response.body.logprobs", "response.body.partial_image_b64", "response.body.annotation",
)  # fmt: skip
"""Ready to be given as `body_paths`: what people wrote and models answered, in both APIs, streamed or not."""

Bodies = Literal["keep", "drop"]

HeaderRule: TypeAlias = Literal["drop", "keep", "hide"]
"""What becomes of a header: it goes; it stays but for keys in it; or of its value that stays which is no credential."""

# The account's name: needed to compare two requests, of no use in an answer.
_REQUEST_ONLY: Final = frozenset({"openai-organization", "openai-project"})
_MOST_NAMES: Final = 512  # of headers, whose rule is remembered
# A compressed body is looked into up to this size; one that is larger is left out.
_MOST_PLAIN: Final = 64 * 1024 * 1024
_SHORT: Final = 16 * 1024  # a body of more bytes is looked through by itself


@final
class Redaction:
    """The rules by which exchanges are redacted. Immutable; may be used by any number of threads.

    Always: headers outside the list are dropped; of `Authorization` only the scheme stays, of other credentials and of
    `Idempotency-Key` only that they were there; credentials in the URL go; the request's own keys, and what looks like one, are
    masked in bodies, messages and context. A short word that local servers take as a key ("test") is no secret.

    Args:
        headers: patterns of the names that are kept.
        body_paths: places that are covered: `request.body.user`, `request.body.messages[*].content`, or `request.body` for
            the whole. Strings and numbers there, and in what stands there, are written over with as many characters. In an
            event stream they are looked for in each event, and `message` covers `delta` too. A body on that side that
            cannot be read as JSON is left out.
        bodies: "drop" leaves out every body; its length and hash stay.

    Raises:
        ValueError: a path or `bodies` is none of these.
    """

    __slots__ = ("_allowed", "_covers", "_drops", "_headers", "_names", "_paths")

    def __init__(
        self,
        *,
        headers: Iterable[str] = ALLOWED_HEADERS,
        body_paths: Iterable[str] = (),
        bodies: Bodies = "keep",
    ) -> None:
        if isinstance(headers, str) or isinstance(body_paths, str):
            raise TypeError("headers and body_paths are lists of texts; put a single one in a list")
        if bodies not in get_args(Bodies):
            raise ValueError(f'bodies is {bodies!r}; give "keep" or "drop"')
        self._headers = tuple(pattern.lower() for pattern in headers)
        self._allowed = re.compile(
            "|".join(map(translate, self._headers)) or "(?!)"
        )  # of an empty list nothing is kept
        # What was asked before; a name is seen with each exchange.
        self._names: dict[Side, dict[str, HeaderRule]] = {side: {} for side in get_args(Side)}
        paths = [BodyPath.of(path) for path in body_paths]
        self._paths: dict[Side, tuple[BodyPath, ...]] = {
            side: tuple(path for path in paths if path.side == side) for side in get_args(Side)
        }
        self._drops: dict[Side, bool] = {
            side: bodies == "drop" or not all(path.steps for path in of_side) for side, of_side in self._paths.items()
        }
        self._covers: dict[Side, BodyCover | None] = {
            side: BodyCover(of_side) if of_side and not self._drops[side] else None
            for side, of_side in self._paths.items()
        }

    def __repr__(self) -> str:
        paths = [path.text for of_side in self._paths.values() for path in of_side]
        return f"<Redaction: {len(self._headers)} headers, body paths {paths}, drops {self._drops}>"

    def apply(self, exchange: Exchange) -> Exchange:
        """Give the exchange without its secrets; the same again if it is applied again."""
        return _Redacting(self, exchange, head=_AskedHead(self, exchange.request)).result()

    def allows(self, name: str, *, side: Side) -> bool:
        """Whether a header of that name is kept."""
        name = name.lower()
        if side == "response" and name in _REQUEST_ONLY:
            return False
        return self._allowed.match(name) is not None

    def header_rule(self, name: str, *, side: Side) -> HeaderRule:
        """What becomes of a header of that name."""
        known = self._names[side]
        rule = known.get(name)
        if rule is None:
            rule = "drop" if not self.allows(name, side=side) else "hide" if _is_hidden(name.lower()) else "keep"
            if len(known) >= _MOST_NAMES:
                known.clear()
            known[name] = rule
        return rule

    def kept(self, headers: Headers, *, side: Side) -> tuple[Sequence[str], Sequence[str]]:
        """The names of the headers that stay, and what of their values; keys in these are not masked yet."""
        names: list[str] = []
        values: list[str] = []
        known = self._names[side]
        for name, value in headers:
            rule = known.get(name) or self.header_rule(name, side=side)
            if rule != "drop":
                names.append(name)
                values.append(value if rule == "keep" else _shown(name.lower(), value))
        return names, values

    def paths(self, side: Side) -> Sequence[BodyPath]:
        """The places of that side's body."""
        return self._paths[side]

    def cover(self, side: Side) -> BodyCover | None:
        """What covers the places of that side's body; None where none are covered, or the body is left out."""
        return self._covers[side]

    def drops(self, side: Side) -> bool:
        """Whether that side's body is left out."""
        return self._drops[side]


class _AskedHead:
    """What is left of a request's URL and headers; and the mask of its keys, so it is not shown."""

    __slots__ = ("_asked", "content_encoding", "content_type", "headers", "mask", "url")

    def __init__(self, rules: Redaction, request: RecordedRequest) -> None:
        self._asked = (request.url, request.headers)
        self.mask = KeyMask(secrets_of(*self._asked))
        names, values = rules.kept(request.headers, side="request")
        self.url, *masked = self.mask.texts([without_parameters(request.url), *values])
        self.headers: Headers = tuple(zip(names, masked, strict=True))
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

    def __init__(self, rules: Redaction) -> None:
        self._rules = rules
        self._head: _AskedHead | None = None

    def __reduce__(self) -> tuple[type[Redactor], tuple[Redaction]]:
        return Redactor, (self._rules,)

    def redacted(self, exchange: Exchange) -> Exchange:
        """Give what `Redaction.apply` gives."""
        head = self._head
        if head is None or not head.is_of(exchange.request):
            head = self._head = _AskedHead(self._rules, exchange.request)
        return _Redacting(self._rules, exchange, head=head).result()


class _Redacting:
    """The redaction of one exchange."""

    def __init__(self, rules: Redaction, exchange: Exchange, *, head: _AskedHead) -> None:
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
        names: Sequence[str] = ()
        if response is not None:
            names, values = self._rules.kept(response.headers, side="response")
            texts += (response.reason, *values)
        if fault is not None:
            texts += (fault.kind, without_parameters(fault.message))
        masked = self._masked(texts)
        request = self._request(exchange.request)
        if response is not None:
            headers = tuple(zip(names, masked[2 : 2 + len(names)], strict=True))
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


def _is_hidden(name: str) -> bool:
    """Whether a header's value is a credential; `name` in lower case."""
    # An idempotency key is none, but made up anew for each request: that it was there says all.
    return is_secret_header(name) or name == "idempotency-key"


def _shown(name: str, value: str) -> str:
    """What stays of a credential's value; `name` in lower case."""
    scheme, space, _ = value.strip().partition(" ")
    return f"{scheme} {REMOVED}" if space and name in SCHEMED_HEADERS else REMOVED


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
