"""Joining: how the pieces of a streamed field become the one value a whole answer would have.

Not the text, the reasoning and the calls themselves (`accumulation`) nor values without parts (`joined_values`). One table:
field -> how its pieces are joined; a field that stands in none keeps all its different values. Every way is linear in what was
received. Source: recorded streams of the servers named beside the fields; OpenAI API reference for `audio` and `logprobs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from shim.wire.chat.joined_values import Different, Each, FirstWins, Joined, Last, Said
from shim.wire.lenient import index_of, text_of

Rules: TypeAlias = "Mapping[str, Callable[[], Joined]]"


class JoinedText:
    """Words in whatever form: text joined, blocks joined by their index, the words in an object joined under its names.

    `texts` may be appended to directly once it has a text: it is a hot path.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._blocks = Blocks()
        self._fields = Fields(WORDS)
        self._rest = Different()
        self._forms: set[str] = set()

    def add(self, value: Any) -> None:
        """Take a piece."""
        if isinstance(value, str):
            self.texts.append(value)
            self._forms.add("text")
        elif isinstance(value, list):
            self._blocks.add(value)
            self._forms.add("blocks")
        elif isinstance(value, dict):
            self._fields.add(value)
            self._forms.add("fields")
        else:
            self._rest.add(value)
            self._forms.add("rest")

    def value(self) -> Any:
        """The words in the form they came in; in a list where they came in several."""
        made = {
            "text": lambda: "".join(self.texts),
            "blocks": self._blocks.value,
            "fields": self._fields.value,
            "rest": self._rest.value,
        }
        values = [make() for form, make in made.items() if form in self._forms]
        return values[0] if len(values) == 1 else values


class Fields:
    """An object being joined, field by field."""

    __slots__ = ("_made", "_rules")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._made: dict[str, Joined] | None = None  # most objects have no field

    def add(self, fields: Mapping[str, Any]) -> None:
        """Take what a chunk says; null says nothing."""
        known = self._made
        for name, value in fields.items():
            if value is not None:
                if known is None:
                    known = self._made = {}
                made = known.get(name)
                if made is None:
                    made = known[name] = self._rules.get(name, Different)()
                made.add(value)

    def value(self) -> dict[str, Any]:
        """The fields so far."""
        return {name: made.value() for name, made in (self._made or {}).items()}

    def replace(self, fields: Mapping[str, Any]) -> None:
        """Take fields that are told whole, in the place of what was told of them in pieces."""
        self._made = {name: made for name, made in (self._made or {}).items() if name not in fields}
        self.add(fields)

    def joined(self, name: str) -> Joined | None:
        """What joins one field; None where nothing has come of it."""
        return (self._made or {}).get(name)


class Block(Fields):
    """One content block being joined."""

    __slots__ = ("_id", "_signed")

    def __init__(self) -> None:
        super().__init__(BLOCK)
        self._id = ""
        self._signed = False

    def takes(self, piece: Mapping[str, Any]) -> bool:
        """Whether a piece goes on with this block: not one of another id, nor words after the signature over them."""
        other = text_of(piece.get("id"))
        if self._id and other and other != self._id:
            return False
        return not (self._signed and any(piece.get(name) for name in ("text", "thinking", "summary")))

    def add(self, fields: Mapping[str, Any]) -> None:
        """Take a piece; with the signature LiteLLM says the words over which it is once more."""
        self._id = self._id or text_of(fields.get("id"))
        if fields.get("signature"):
            self._signed = True
            fields = {name: value for name, value in fields.items() if not self._says_again(name, value)}
        super().add(fields)

    def _says_again(self, name: str, value: Any) -> bool:
        joined = self.joined(name)
        return isinstance(joined, JoinedText) and isinstance(value, str) and joined.value() == value


class Blocks:
    """A list of blocks being joined: pieces of one type and index are one block (OpenRouter, Anthropic behind it)."""

    def __init__(self) -> None:
        self._blocks: list[Any] = []
        self._by_place: dict[tuple[str, int], Block] = {}
        self._last: tuple[str, Block] | None = None  # without an index

    def add(self, value: Any) -> None:
        """Take the blocks of a chunk."""
        for position, piece in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(piece, dict):
                self._add(piece, first=position == 0)
            else:
                self._blocks.append(piece)

    def _add(self, piece: dict[str, Any], *, first: bool) -> None:
        kind, index = text_of(piece.get("type")), index_of(piece.get("index"))
        if index is not None:
            known = self._by_place.get((kind, index))
        else:  # only the words of a block come in pieces without one
            goes_on = first and self._last is not None and self._last[0] == kind and not _is_sealed(kind)
            known = self._last[1] if goes_on and self._last is not None else None
        if known is None or not known.takes(piece):
            known = Block()
            self._blocks.append(known)
        known.add(piece)
        if index is None:
            self._last = (kind, known)
        else:
            self._by_place[kind, index] = known

    def texts_of(self, blocks: Any) -> list[str] | None:
        """Where the text goes of a block like the one just taken, but for its text; None where more would change."""
        if not (isinstance(blocks, list) and len(blocks) == 1 and isinstance(blocks[0], dict)):
            return None
        kind, index = text_of(blocks[0].get("type")), index_of(blocks[0].get("index"))
        grows = any(blocks[0].get(name) is not None for name in _GROWING_IN_BLOCKS)
        if grows or _is_sealed(kind):
            return None
        block = self._by_place.get((kind, index)) if index is not None else self._last and self._last[1]
        words = block and block.joined("text")
        return words.texts if isinstance(words, JoinedText) else None

    def value(self) -> list[Any]:
        """The blocks so far."""
        return [block.value() if isinstance(block, Block) else block for block in self._blocks]


class Lists:
    """Lists under names, each appended to: log probabilities. A name that only ever held null keeps it."""

    def __init__(self) -> None:
        self._lists: dict[str, Each] = {}
        self._rest = Fields({})
        self._nulls: list[str] = []

    def add(self, value: Any) -> None:
        """Take those of a chunk."""
        for name, listed in value.items():
            if isinstance(listed, list):
                self._lists.setdefault(name, Each()).add(listed)
            elif listed is None:
                self._nulls.append(name) if name not in self._nulls[-4:] else None
            else:
                self._rest.add({name: listed})

    def value(self) -> dict[str, Any]:
        """The lists so far."""
        made = {name: each.value() for name, each in self._lists.items()}
        return dict.fromkeys(self._nulls) | self._rest.value() | made


class Object:
    """An object whose fields come in pieces, by rules of its own. What is no object stands beside it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._fields: Fields | None = None
        self._other = Different()
        self._others = 0

    def add(self, value: Any) -> None:
        """Take a piece."""
        if isinstance(value, dict):
            self._fields = self._fields or Fields(self._rules)
            self._fields.add(value)
        else:
            self._other.add(value)
            self._others += 1

    def value(self) -> Any:
        """The object; what came in its place; both in a list."""
        if self._fields is None:
            return self._other.value()
        return [self._fields.value(), self._other.value()] if self._others else self._fields.value()


def _is_sealed(kind: str) -> bool:
    """Whether blocks of this type are whole by themselves: only the words of a block come in pieces without an index."""
    return "encrypted" in kind or "redacted" in kind


WORDS: Rules = {
    **dict.fromkeys(
        ("text", "thinking", "summary", "content", "reasoning", "reasoning_content", "reasoningText"), JoinedText
    ),
    **dict.fromkeys(("signature", "data"), Said),
    **dict.fromkeys(("type", "format", "index", "id"), Last),
}
"""Fields of an object that holds words."""

SPOKEN: Rules = {"data": JoinedText, "transcript": JoinedText, "id": Last, "expires_at": Last}
"""Fields of a spoken answer."""

BLOCK: Rules = WORDS
"""Fields of a block."""

PROVIDER: Rules = {"thinking_blocks": Blocks, "reasoning_content": JoinedText}
"""Fields of what LiteLLM hands on of a provider's own."""

MESSAGE: Rules = {
    "audio": partial(Object, SPOKEN),
    "reasoning_details": Blocks,  # OpenRouter
    "executed_tools": Blocks,  # Groq
    "thinking_blocks": Blocks,  # LiteLLM
    "provider_specific_fields": partial(Object, PROVIDER),
    **dict.fromkeys(
        ("reasoning_content", "reasoning", "reasoning_text", "thinking", "thinking_content", "thought"), JoinedText
    ),
    **dict.fromkeys(("signature", "reasoning_signature", "thought_signature", "reasoning_opaque"), Said),
}
"""Further fields of a delta."""

CHOICE: Rules = {
    **dict.fromkeys(("token_ids", "output_token_ids", "token_id"), Each),  # vLLM; Together
    **dict.fromkeys(("stop_reason", "matched_stop", "native_finish_reason", "finish_details"), Last),
}
"""Further fields of a choice."""

CHUNK: Rules = {
    "created": FirstWins,
    "token_ids": Each,
    # Running counts: Groq and SambaNova, llama.cpp, Azure; Perplexity's last object has another name.
    **dict.fromkeys(
        ("object", "system_fingerprint", "time_info", "timings", "prompt_progress", "usage_breakdown"), Last
    ),
}
"""Further fields of a chunk."""

CALL: Rules = {"type": Last}
"""Further fields of a tool call."""


def growing(rules: Rules) -> frozenset[str]:
    """The fields that become something else by the same value once more; of every other a value said again changes nothing."""
    return frozenset(name for name, rule in rules.items() if rule not in (FirstWins, Last, Different))


_GROWING_IN_BLOCKS = growing(BLOCK) - {"text"}
