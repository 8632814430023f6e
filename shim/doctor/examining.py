"""The examination of a program: its files walked, read and judged, and the whole counted.

Not the single steps (`walking`, `reading`, `judging`) nor the printing (`shim.cli.doctor`). Nothing is executed or imported.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timezone
from functools import partial
from pathlib import Path

from msgspec import Struct, field

from shim.doctor.finding import CodePlace, Finding, Support, Unread
from shim.doctor.judging import judge
from shim.doctor.libraries import THIRD_PARTY
from shim.doctor.reading import SourceText, UnreadableSourceError, read_source
from shim.doctor.walking import python_files
from shim.migration.upgrades import MODELS, TargetApi

# A file that holds none of these words names nothing of ours, and is not parsed.
_WORDS = re.compile(
    rb"openai|/chat/completions|/v1/(?:completions|embeddings|edits|moderations|images|audio|engines|fine-tunes)|"
    + rb"|".join(re.escape(name.encode()) for name in sorted(MODELS) if "-" in name)
    + rb"|\b(?:"
    + rb"|".join(name.encode() for name in sorted(THIRD_PARTY))
    + rb")\b"
)
_OURS = re.compile(rb"openai")


class Examination(Struct):
    """What was found.

    Attributes:
        findings: all of them, by place.
        unread: files that could not be parsed or read, and cells of notebooks.
        skipped: files and folders left out, with the reason.
        files: how many were looked at; `parsed` of them name something, and were parsed.
    """

    findings: list[Finding] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    skipped: list[Unread] = field(default_factory=list)
    files: int = 0
    parsed: int = 0

    def count(self, standing: Support) -> int:
        """Findings that stand so."""
        return self.counts[standing]

    @property
    def counts(self) -> Counter[Support]:
        """Findings by standing."""
        return Counter(each.standing for each in self.findings)


def examine(
    paths: Iterable[str | os.PathLike[str]],
    *,
    today: date | None = None,
    api: TargetApi = "chat_completions",
    skip: Sequence[str] = (),
    on_file: Callable[[int, int], None] | None = None,
) -> Examination:
    """Examine files and trees.

    Args:
        paths: files, or folders with all below them.
        today: the day that decides which models are gone; None is the clock's (UTC).
        api: the API the new path will speak: what it lacks is told of the arguments.
        skip: patterns of names or paths to leave out.
        on_file: told after each file how many are done, and how many there are.

    Raises:
        FileNotFoundError: a path is not there.
    """
    roots = [Path(path) for path in paths]
    for root in roots:
        if not root.exists():
            raise FileNotFoundError(f"{root} is not there")
    examination = Examination()
    files: list[Path] = []
    for each in python_files(roots, skip=skip):
        if isinstance(each, Unread):
            examination.skipped.append(each)
        else:
            files.append(each)
    own = _own_packages(files)
    day = today or datetime.now(timezone.utc).date()
    for number, path in enumerate(files, 1):
        _examine_file(examination, path, judging=partial(judge, today=day, api=api, own=own))
        if on_file is not None:
            on_file(number, len(files))
    examination.findings.sort(key=lambda each: each.place.order)
    return examination


def _own_packages(files: list[Path]) -> frozenset[str]:
    """Names that an import finds in the program itself: its modules, and the folders they are in."""
    return frozenset(path.stem for path in files) | frozenset(path.parent.name for path in files)


def _examine_file(examination: Examination, path: Path, *, judging: Callable[[SourceText], list[Finding]]) -> None:
    examination.files += 1
    try:
        content = path.read_bytes()
    except OSError as error:
        examination.unread.append(Unread(str(path), error.strerror or "it cannot be read"))
        return
    if not _WORDS.search(content):
        return
    try:
        source = read_source(path, content, shown=str(path))
    except UnreadableSourceError as error:
        examination.unread.append(Unread(str(path), str(error)))
        examination.findings += _unread_findings(path, content, reason=str(error))
        return
    examination.parsed += 1
    for cell, reason in source.left_out:
        examination.unread.append(Unread(f"{path}:cell {cell}", reason))
        place = CodePlace(str(path), 1, 1, cell)
        examination.findings.append(_unread_finding(place, reason))
    examination.findings += judging(source)


def _unread_findings(path: Path, content: bytes, *, reason: str) -> list[Finding]:
    """A finding for a file that cannot be parsed and names openai: a person must look."""
    found = _OURS.search(content)
    if found is None:
        return []
    line = content.count(b"\n", 0, found.start()) + 1
    return [_unread_finding(CodePlace(str(path), line), reason)]


def _unread_finding(place: CodePlace, reason: str) -> Finding:
    remedy = "Bring it to Python 3, or look by hand."
    return Finding(place, "unread", "openai", Support.HAND, f"It cannot be parsed as Python 3: {reason}.", remedy)
