"""The code blocks of the documents, with where they stand.

Not the running of them (`test_documents`). A fence of `text` straight after one of `python` is what that one prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.cli.running import ROOT

DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "docs/at_scale.md",
    "docs/callbacks_and_event_loops.md",
    "docs/comparison.md",
    "docs/deadlines_and_retries.md",
    "docs/hosts.md",
    "docs/migration_guide.md",
    "docs/openai-0.28-deviations.md",
    "docs/openai-0.28.md",
    "docs/provider_interface.md",
    "docs/recording_format.md",
    "docs/rollout.md",
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$\n?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block, and the text block that follows it straight away."""

    place: str
    line: int
    language: str
    source: str
    prints: str | None

    def __str__(self) -> str:
        return f"{self.place}:{self.line}"


def blocks_of(document: str) -> Iterator[Block]:
    """Every fenced block of a document, in order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        following = _FENCE.match(text.removeprefix(text[: match.end()]).lstrip("\n"))
        prints = following[2] if following and following[1] == "text" else None
        yield Block(document, text.count("\n", 0, match.start()) + 2, match[1], match[2], prints)


def all_blocks(language: str) -> list[Block]:
    """The blocks of one language in all documents."""
    return [block for document in DOCUMENTS for block in blocks_of(document) if block.language == language]
