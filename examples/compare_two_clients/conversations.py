"""What both clients do: three conversations, the second and third going on from the answer before.

Not the clients (`old_desk`, `new_desk`), which are handed to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

MODEL = "gpt-4o-mini"
LIMIT = 200

Messages: TypeAlias = list[dict[str, str]]


class Desk(ABC):
    """Answers customers through some client."""

    @abstractmethod
    def ask(self, messages: Messages) -> str:
        """Ask for a whole answer."""

    @abstractmethod
    def stream(self, messages: Messages) -> str:
        """Ask for an answer piece by piece."""


def hold_conversations(desk: Desk) -> None:
    """Hold them, one after the other."""
    desk.ask(_said("When do you open?"))
    busy = _said("Is a table free tonight?")
    desk.ask(_went_on(busy, desk.ask(busy), question="And tomorrow?"))
    story = _said("Tell me the story of the house.")
    desk.ask(_went_on(story, desk.stream(story), question="Shorter, please."))


def _said(question: str) -> Messages:
    return [{"role": "user", "content": question}]


def _went_on(messages: Messages, answer: str, *, question: str) -> Messages:
    return [*messages, {"role": "assistant", "content": answer}, *_said(question)]
