"""What the doctor finds: a thing, its place, how it stands, why, and what to do.

Not the finding (`scanning`) nor the judging (`judging`).
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, TypeAlias

from msgspec import Struct

Kind: TypeAlias = Literal["name", "import", "argument", "model", "patch", "http", "third-party", "unseen", "unread"]
"""name: used in code. import: an import line. argument: of a call. model: named. patch: replaced from outside, by name or object.
http: the API called by hand. third-party: a library that imports openai itself. unseen: arguments or names that only running
would tell. unread: a file that names openai and cannot be parsed."""


class Support(str, Enum):
    """How a thing fares on the new path; compares equal to its string value."""

    SUPPORTED = "supported"
    UPGRADE = "upgrade needed"
    HAND = "needs a hand"
    OTHER = "not 0.28"

    __str__ = str.__str__


class CodePlace(Struct, frozen=True):
    """Where a thing stands; `line` and `column` count from 1, `cell` of a notebook too, and is 0 elsewhere."""

    path: str
    line: int
    column: int = 1
    cell: int = 0

    @property
    def order(self) -> tuple[str, int, int, int]:
        """What places are sorted by: of a notebook cell after cell, as it is read."""
        return self.path, self.cell, self.line, self.column

    def __str__(self) -> str:
        cell = f":cell {self.cell}" if self.cell else ""
        return f"{self.path}{cell}:{self.line}:{self.column}"


class Finding(Struct, frozen=True):
    """One thing found.

    Attributes:
        place: where.
        kind: what sort of thing.
        name: the thing, such as `openai.ChatCompletion.create`, `temperature`, `gpt-4` or `requests`.
        standing: how it fares.
        reason: why; "" where it fares well and nothing is to say.
        remedy: what to do; "" where nothing is.
        upgrade: the upgrade that does it, a name of `shim.migration.upgrades.UPGRADES`; "" for none.
    """

    place: CodePlace
    kind: Kind
    name: str
    standing: Support
    reason: str = ""
    remedy: str = ""
    upgrade: str = ""


class Unread(Struct, frozen=True):
    """A file or folder that was not examined: its path, and why."""

    path: str
    reason: str
