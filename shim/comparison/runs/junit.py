"""The JUnit report of a run, as CI servers read it: a test case per exchange and rung, written one by one.

Not the JSON (`json_report`). A mismatch is a failure, a failed comparator an error, an ignored difference skipped. Form: the
`testsuites`, `testsuite`, `testcase` that Jenkins' and GitLab's readers share; https://github.com/testmoapp/junitxml lists it.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import BinaryIO

from shim.comparison.runs.tally import Tally
from shim.comparison.shadow_rung.shadow_rows import ShadowRow
from shim.comparison.shadow_rung.shadow_table import difference_text, value_text
from shim.comparison.verdict import Outcome, Verdict

# Outcome -> the element that a test case holds; a match holds none.
_ELEMENTS = {Outcome.MISMATCH: "failure", Outcome.IGNORED: "skipped", Outcome.FAILED: "error"}

# What XML 1.0 2.2 forbids even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_TO_ESCAPE = re.compile('[&<>"\t\n\r]')

_HEADING_WIDTH = 200  # of the heading with its counts, which are known last: written over blanks


class JUnitReport:
    """Writes the report to a binary stream, which stays open. Finish it: also after an interruption it is whole XML.

    Counts stand at the beginning and are known at the end; a stream that cannot seek (a pipe) goes without them.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._start = stream.tell() if stream.seekable() else None
        self._write_heading("")
        self._faults = 0
        self._rows: Counter[str | None] = Counter()

    def add(self, verdict: Verdict, *, file: str, line: int) -> None:
        """Write a verdict as a test case."""
        name = f"#{verdict.number} {verdict.asked} {verdict.pair_id}".rstrip()
        case = (
            f'<testcase classname="{verdict.rung}" name="{_attribute(name)}" time="{verdict.seconds:.6f}" '
            f'file="{_attribute(file)}" line="{line}"'
        )
        element = _ELEMENTS.get(verdict.outcome)
        if element is None:
            self._write(f"{case}/>\n")
            return
        summary = _attribute(_summary(verdict))
        told = _text(verdict.message or verdict.reason)
        self._write(
            f'{case}>\n<{element} type="{verdict.outcome}" message="{summary}">{told}</{element}>\n</testcase>\n'
        )

    def add_row(self, row: ShadowRow) -> None:
        """Write a field of the answers, compared over all pairs, as a test case; one of which too little is known is skipped."""
        element = "failure" if row.is_against else "skipped" if row.outcome == "undecided" else None
        self._rows[element] += 1
        case = f'<testcase classname="answers" name="{_attribute(row.name)}" time="0"'
        if element is None:
            self._write(f"{case}/>\n")
            return
        told = f"{row.reason}: {difference_text(row) or value_text(row.candidate, row.kind)}"
        self._write(
            f'{case}>\n<{element} type="{row.outcome}" message="{_attribute(told)}">{_text(row.text)}</{element}>\n</testcase>\n'
        )

    def add_fault(self, message: str, *, file: str) -> None:
        """Write what could not be used, as a test case with an error."""
        self._faults += 1
        case = f'<testcase classname="input" name="{_attribute(file)}" time="0">'
        self._write(f'{case}\n<error type="unusable" message="{_attribute(message)}"/>\n</testcase>\n')

    def finish(self, tally: Tally, *, seconds: float) -> None:
        """Write the end, and the counts into the heading."""
        self._write("</testsuite>\n</testsuites>\n")
        if self._start is not None:
            end = self._stream.tell()
            self._stream.seek(self._start)
            self._write_heading(
                f' tests="{tally.verdicts + self._faults + sum(self._rows.values())}"'
                f' failures="{tally.count(Outcome.MISMATCH) + self._rows["failure"]}"'
                f' errors="{tally.count(Outcome.FAILED) + self._faults}"'
                f' skipped="{tally.count(Outcome.IGNORED) + self._rows["skipped"]}"'
                f' time="{seconds:.3f}"'
            )
            self._stream.seek(end)
        self._stream.flush()

    def _write_heading(self, counts: str) -> None:
        self._write('<?xml version="1.0" encoding="UTF-8"?>\n')
        for element in ("testsuites", "testsuite"):
            self._write(f'<{element} name="shim compare"{counts}'.ljust(_HEADING_WIDTH) + ">\n")

    def _write(self, text: str) -> None:
        self._stream.write(text.encode())


def _summary(verdict: Verdict) -> str:
    """A verdict in one line, for lists of failures."""
    if verdict.reason:
        return verdict.reason
    places = [f"{each.path} ({each.rule})" for each in verdict.mismatches[:3]]
    more = len(verdict.mismatches) - len(places)
    return ", ".join(places) + (f" and {more} more" if more > 0 else "")


def _text(text: str) -> str:
    """Text for XML: markup escaped, and control characters as they are written in programs."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _FORBIDDEN.sub(_written_out, escaped).replace("\r", "&#13;")


def _attribute(text: str) -> str:
    return _FORBIDDEN.sub(_written_out, _TO_ESCAPE.sub(lambda match: _SPECIAL[match[0]], text))


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
