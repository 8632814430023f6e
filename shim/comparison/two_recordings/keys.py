"""Keys of an exchange: what it is called and what it asks, as numbers by which it finds its partner in another recording.

Not the pairing (`pairing`) nor the comparing of what was asked (`wire_rung`). Keys go from the strictest to the loosest, so that
a request that lost a parameter still finds the one it came from, and the wire rung can name what was lost. Where the `context` of
an exchange names a `test`, its keys are that test's: the same question asked by another is another.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from shim.comparison.form_bodies import plain_body
from shim.comparison.wire_rung.repeated_answers import Repeats, with_own_ids
from shim.comparison.wire_rung.two_apis import comparable
from shim.model import InvalidRequestError, ModelRequest
from shim.recording.exchange import Exchange, UnreadableExchangeError, api_of, header_of
from shim.wire import chat, responses

TIERS: Final = ("pair_id", "request", "conversation", "question")
"""The keys in the order in which they are tried."""

TIER_WORDS: Final = {
    "pair_id": "the same pair id",
    "request": "the same request",
    "conversation": "the same messages",
    "question": "the same words of the user",
}
"""Key -> what two exchanges with it have in common."""

_CODECS = {"chat_completions": chat, "responses": responses}
_pack = msgspec.msgpack.Encoder(order="sorted").encode
_AS_IF_PARTNERS: Final = Repeats(
    answer=True
)  # each server calls its answer otherwise, so that says nothing of who is whose

# What a body of another endpoint asks about: embeddings, completions, edits, images, moderations, sound and files.
_SUBJECTS = ("prompt", "input", "instruction", "messages", "query", "file", "file[]", "image", "image[]")


class Keys(NamedTuple):
    """The keys of one exchange, 64 bits each; 0 where it has none of that kind."""

    pair_id: int
    request: int
    conversation: int
    question: int


def request_of(exchange: Exchange) -> ModelRequest | None:
    """What an exchange asks of a model; None where it asks none, or cannot be read so."""
    api = api_of(exchange)
    if api is None:
        return None
    try:
        request: ModelRequest = _CODECS[api].parse_request(exchange.request.body or b"")
    except InvalidRequestError:
        return None
    return request


def keys_of(exchange: Exchange) -> Keys:
    """The keys of an exchange; whatever its body holds, there are some."""
    return keys_as_read(exchange, request_of(exchange))


def keys_as_read(exchange: Exchange, request: ModelRequest | None) -> Keys:
    """The same, of an exchange of which `request_of` has made this."""
    scope = test_of(exchange)
    name = exchange.pair_id
    asked, conversation, question = _asked(exchange, request)
    return Keys(
        pair_id=_digest("pair", name) if name else 0,
        request=_digest("request", scope, asked),
        conversation=0 if conversation is None else _digest("conversation", scope, conversation),
        question=0 if question is None else _digest("question", scope, question),
    )


def test_of(exchange: Exchange) -> str:
    """The test in which an exchange was made, as its recorder noted it; "" where it noted none."""
    named = exchange.context.get("test", "")
    return named if isinstance(named, str) else ""


def last_words(exchange: Exchange) -> str:
    """The text that a user said last in a request, or what another endpoint was given; "" where there is none."""
    _, subject, question = _asked(exchange, request_of(exchange))
    if api_of(exchange) is None:
        values = list(subject[1].values()) if subject else []
        return values[-1] if values and isinstance(values[-1], str) else ""
    texts = [part["text"] for part in (question or [[]])[-1] if isinstance(part.get("text"), str)]
    return " ".join(texts)


def _asked(exchange: Exchange, request: ModelRequest | None) -> tuple[Any, Any, Any]:
    """What is asked in full, in its messages, and in the user's own words; None for what it has not."""
    api = api_of(exchange)
    if request is None or api is None:
        return _elsewhere(exchange)
    fields = with_own_ids(comparable(request, api=api), repeats=_AS_IF_PARTNERS)
    messages = fields.get("messages") or []
    own = [each["parts"] for each in messages if each.get("role") == "user"]
    # A request of the Responses API may say that it goes on from an answer, and no more of the conversation.
    told = {"messages": messages, "after": fields.get("previous_response_id")}
    return {**fields, "stream": _is_stream(exchange.request.body)}, told, own or None


def _is_stream(body: bytes | None) -> bool:
    try:
        return msgspec.json.decode(body or b"", type=_Streamed).stream is True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


class _Streamed(msgspec.Struct):
    stream: Any = None


def _elsewhere(exchange: Exchange) -> tuple[Any, Any, Any]:
    """What a request asks that is read as none of a model: its endpoint, and its body as JSON, as a form, or as bytes."""
    request = exchange.request
    endpoint = f"{request.method.upper()} {_last_step(request.url)}"
    if request.body is None:
        return [endpoint, request.sha256 or request.length], None, None
    try:
        body = plain_body(request.body, header_of(request.headers, "content-type") or "")
    except UnreadableExchangeError:
        return [endpoint, hashlib.sha256(request.body).hexdigest()], None, None
    subject = {name: body[name] for name in _SUBJECTS if name in body} if isinstance(body, dict) else {}
    return [endpoint, body], [endpoint, subject] if subject else None, None


def _last_step(url: str) -> str:
    """The last step of a path: hosts and what stands before it are what two clients may have set otherwise."""
    try:
        return urlsplit(url).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        return url


def _digest(*parts: Any) -> int:
    """A number for plain JSON, the same in every process; never 0."""
    try:
        data = _pack(parts)
    except (ValueError, TypeError, OverflowError):  # a lone surrogate, an integer of more than 64 bits
        data = json.dumps(parts, sort_keys=True, default=str).encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") or 1
