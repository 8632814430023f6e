"""What a recording's answers said, and whether its requests repeat just that: by hashes, exchange after exchange.

Not what a request may repeat (`wire_rung.repeated_answers`) nor the index that asks (`indexed_recording`). An answer stands
before the requests that repeat it, as recorders write exchanges when they have ended. No word is kept.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.two_recordings.pairing import ALONE
from shim.model import ModelRequest, ModelResponse, Part, TextPart, ToolCallPart
from shim.recording.exchange import Exchange, UnreadableExchangeError

_READER: Final = CodecReader()  # it holds nothing
_MOST_KNOWN: Final = 100_000  # hashes that are known for certain, and up to twice as many


class AnswerHashes(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Hashes of what an exchange says and repeats; 0 where there is none.

    Attributes:
        answers: what its model said, words and calls, in each choice.
        id: what the server calls its answer.
        repeats: what the models said before, as the request has it.
        after: the answer, or the conversation, kept at the server, that the request goes on from.
    """

    answers: tuple[int, ...] = ()
    id: int = 0
    repeats: tuple[int, ...] = ()
    after: int = 0


class OwnAnswers:
    """The answers of one recording, as far as it was gone through: 12 bytes an exchange, and the last hashes, some 20 MB.

    Attributes:
        unsaid: of each exchange, what it repeats as a model's and no model has said before in this recording, hashed: examples in
            a prompt, what a client has changed, what was said before the recording began; 0 where there is none.
        after: of each, the place of the exchange whose stored answer it goes on from; `ALONE` where that is not known.
    """

    def __init__(self) -> None:
        self.unsaid = array("Q")
        self.after = array("i")
        self._known: dict[int, int] = {}  # hash -> place
        self._known_before: dict[int, int] = {}

    def take(self, hashes: AnswerHashes) -> None:
        """Take the next exchange."""
        place = len(self.unsaid)
        unsaid = [(number, each) for number, each in enumerate(hashes.repeats) if self._place(each) == ALONE]
        self.unsaid.append(_hash(unsaid) if unsaid else 0)
        self.after.append(self._place(hashes.after) if hashes.after else ALONE)
        for each in (*hashes.answers, hashes.id):
            if each:
                self._known[each] = place
        if len(self._known) >= _MOST_KNOWN:
            self._known, self._known_before = {}, self._known

    def _place(self, hashed: int) -> int:
        return self._known.get(hashed, self._known_before.get(hashed, ALONE))

    def forget(self) -> None:
        """Let go of what was said, once all exchanges were taken."""
        self._known, self._known_before = {}, {}

    def keep(self, kept: array[int]) -> None:
        """Leave all others out: of these alone the places count from now on."""
        places = {old: new for new, old in enumerate(kept)}
        self.unsaid = array("Q", (self.unsaid[each] for each in kept))
        self.after = array("i", (places.get(self.after[each], ALONE) for each in kept))


def hashes_of(exchange: Exchange, request: ModelRequest | None) -> AnswerHashes:
    """What an exchange says and repeats.

    Args:
        exchange: the exchange.
        request: as it was read; None where it asks no model.
    """
    if request is None:
        return AnswerHashes(id=_hash_of_id(_id_in(exchange)) if _is_conversation(exchange) else 0)
    response = _answer_to(exchange)
    repeats = [_hash_of(each.parts) for each in request.messages if each.role == "assistant"]
    return AnswerHashes(
        answers=() if response is None else tuple([_hash_of(each.parts) for each in response.choices]),
        id=0 if response is None else _hash_of_id(response.id),
        repeats=tuple(repeats),
        after=_hash_of_id(_stored_before(request)),
    )


def _answer_to(exchange: Exchange) -> ModelResponse | None:
    if exchange.response is None or exchange.response.status >= 300:
        return None
    try:
        return _READER.hear(exchange).completion.response
    except UnreadableExchangeError:
        return None


def _stored_before(request: ModelRequest) -> str:
    """The id of what the request goes on from, "" where that is nothing."""
    conversation = request.extra_body.get("conversation")
    if isinstance(conversation, dict):
        conversation = conversation.get("id")
    before = request.previous_response_id or conversation
    return before if isinstance(before, str) else ""


class _Named(Struct):
    id: Any = ""


def _is_conversation(exchange: Exchange) -> bool:
    """Whether an exchange begins a conversation kept at the server."""
    return exchange.request.url.rstrip("/").endswith("/conversations")


def _id_in(exchange: Exchange) -> str:
    body = None if exchange.response is None else exchange.response.body
    try:
        named = msgspec.json.decode(body or b"", type=_Named).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return named if isinstance(named, str) else ""


def _hash_of(parts: Iterable[Part]) -> int:
    """Of a message: its words, which clients are wont to strip, and its calls."""
    words = "".join([part.text for part in parts if isinstance(part, TextPart)]).strip()
    calls = [(part.name, part.arguments) for part in parts if isinstance(part, ToolCallPart)]
    return _hash((words, calls))


def _hash_of_id(name: str) -> int:
    return _hash(name) if name else 0


def _hash(value: Any) -> int:
    data = repr(value).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") or 1


__all__ = ["AnswerHashes", "OwnAnswers", "hashes_of"]
