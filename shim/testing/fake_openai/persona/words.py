"""What the persona hears in a user's message: the text, its words, and the things it is about.

Plain English heuristics, deterministic: a "subject" is a capitalised word (or several in a row) inside a sentence.
"""

import functools
import re
from dataclasses import dataclass
from typing import Any

_NAME = r"[A-Z][\w'-]*(?: [A-Z][\w'-]*)*"
_PAIR = re.compile(rf"({_NAME}) and ({_NAME})")
_INSIDE_SENTENCE = re.compile(rf"(?<=[^.!?\s] )({_NAME})")


@dataclass(frozen=True)
class Wording:
    """A text as the persona reads it. `about` narrows it to one subject, when a question asks for two."""

    text: str
    about: str | None = None

    @functools.cached_property
    def words(self) -> frozenset[str]:
        """Its words in lower case."""
        return frozenset(re.findall(r"[\w'-]+", self.text.lower()))

    @property
    def subject(self) -> str:
        """What it is about: a name inside a sentence, else the last word, else a placeholder."""
        if self.about is not None:
            return self.about
        named = _INSIDE_SENTENCE.findall(self.text)
        said = re.findall(r"[\w'-]+", self.text)
        return named[0] if named else (said[-1] if said else "something")

    @property
    def pair(self) -> tuple[str, str] | None:
        """The two subjects of "Paris and London"."""
        found = _PAIR.search(self.text)
        return (found[1], found[2]) if found else None


def text_of(message: dict[str, Any]) -> str:
    """The text of a message, whether its content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(part["text"] for part in parts if part.get("type") == "text")
