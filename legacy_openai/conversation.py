"""The messages of a conversation, in the terms of the wire.

Not the whole request body: that is body.py. Nothing here interprets content, roles or tool calls.
Follows the `messages` parameter of OpenAI's Chat Completions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from typing import Any, Final


class Omitted(Enum):
    """The type of `OMIT`; an enum, so that a type checker can tell it from content."""

    OMIT = "omit"


OMIT: Final = Omitted.OMIT
"""As a message's content, or a value in `Config.params`: send no such field at all (None sends `null`)."""


def _wire_call(tool_call_id: str, name: str, *, arguments: str | Mapping[str, Any]) -> dict[str, Any]:
    """One entry of `tool_calls`; arguments that are not text yet become compact JSON."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    return {"id": tool_call_id, "type": "function", "function": {"name": name, "arguments": text}}


@dataclass
class Message:
    """One message: `Message("user", "hi")`. `content` is always sent, as `null` when None, unless it is `OMIT`."""

    role: str
    content: str | list[Any] | Omitted | None = None
    _: KW_ONLY
    name: str | None = None
    tool_calls: list[Any] | None = None
    tool_call_id: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the message, sent verbatim; they win over the ones above."""

    @classmethod
    def tool_call(
        cls,
        tool_call_id: str,
        name: str,
        *,
        arguments: str | Mapping[str, Any] = "{}",
        content: str | None = None,
        more: Iterable[tuple[str, str, str | Mapping[str, Any]]] = (),
    ) -> Message:
        """An assistant message that calls a function; `more` holds further calls as (id, name, arguments)."""
        further = [_wire_call(other_id, other, arguments=given) for other_id, other, given in more]
        return cls("assistant", content, tool_calls=[_wire_call(tool_call_id, name, arguments=arguments), *further])

    @classmethod
    def tool_result(cls, tool_call_id: str, content: str | list[Any]) -> Message:
        """What a function answered, for the call with that id."""
        return cls("tool", content, tool_call_id=tool_call_id)

    def to_wire(self) -> dict[str, Any]:
        """The message as it stands in the body; absent fields are left out."""
        wire: dict[str, Any] = {"role": self.role}
        if self.content is not OMIT:
            wire["content"] = self.content
        optional = {"name": self.name, "tool_calls": self.tool_calls, "tool_call_id": self.tool_call_id}
        wire.update((key, value) for key, value in optional.items() if value is not None)
        wire.update(self.extra)
        return wire


class Conversation:
    """Messages in order: `Conversation().add(Message("user", "hi")).add(…)`."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages: list[Message] = []
        for message in messages:
            self.add(message)

    def add(self, message: Message) -> Conversation:
        """Append a message and return the conversation, so that calls chain.

        Raises:
            TypeError: it is not a Message.
        """
        if not isinstance(message, Message):
            raise TypeError(f'a conversation takes Message("user", "…"), not {type(message).__name__}')
        self._messages.append(message)
        return self

    def clear(self) -> None:
        """Forget every message."""
        self._messages.clear()

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def __repr__(self) -> str:
        return f"Conversation({len(self)} messages)"
