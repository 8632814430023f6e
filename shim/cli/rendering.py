"""Rendering: text for people, in colour where a terminal shows it and plain everywhere else.

Not what is said (the commands say it). Colour comes from rich, the extra `cli`; without it, or with NO_COLOR set
(no-color.org), or where the output is no terminal, the same words come out plain.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# C0 and C1 controls but tab and line feed: from a server, they could move the cursor or rewrite what stands on the screen.
# Of Unicode too what ends a line or turns the direction of what follows (UAX 9), so that it shows other than it is.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class UsageError(Exception):
    """The command was used wrongly; the message says what to do instead."""


class Printer:
    """Writes plain text to one stream, each piece at once."""

    def __init__(self, stream: TextIO, *, visible: bool = False) -> None:
        self._stream = stream
        self._visible = visible

    def write(self, text: str, style: str = "") -> None:
        """Write a piece of text. `style`: in rich's words, such as "dim" or "bold red"; plain output leaves it out."""
        shown = show_controls(text) if self._visible else text
        if style:
            self._put_styled(shown, style)
        else:
            self._stream.write(shown)
        self._stream.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """Write a whole line."""
        self.write(text + "\n", style)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, style: Callable[[str], str]) -> None:
        """Write rows in columns; `style` gives a cell's style from its text."""
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
        self._row(headings, widths, style=lambda _: "bold")
        self._row(["-" * width for width in widths], widths, style=lambda _: "dim")
        for row in rows:
            self._row(row, widths, style=style)

    def _row(self, cells: Sequence[str], widths: Sequence[int], *, style: Callable[[str], str]) -> None:
        for cell, width in zip(cells[:-1], widths, strict=False):
            self.write(cell.ljust(width + 2), style(cell))
        self.line(cells[-1], style(cells[-1]))

    def _put_styled(self, text: str, _style: str) -> None:
        self._stream.write(text)


class StyledPrinter(Printer):
    """Writes to a terminal, styled by rich."""

    def __init__(self, stream: TextIO, console: Console) -> None:
        super().__init__(stream, visible=True)
        self._console = console

    def _put_styled(self, text: str, style: str) -> None:
        from rich.text import Text

        self._console.print(Text(text, style=style), end="", soft_wrap=True, highlight=False)


def printer(stream: TextIO) -> Printer:
    """The printer that suits a stream: styled on a terminal, and plain, byte for byte, where output is piped."""
    if not stream.isatty():
        return Printer(stream)
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or importlib.util.find_spec("rich") is None:
        return Printer(stream, visible=True)
    from rich.console import Console

    return StyledPrinter(stream, Console(file=stream))


def show_controls(text: str) -> str:
    """Text with its control characters written out, so that they are seen and do nothing."""
    return _CONTROL.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def program_name() -> str:
    """How this program was called, to be called so again: `shim`, `.venv/bin/shim` or `python -m shim`."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m shim"
    return called.name if shutil.which(called.name) == str(called) else str(called)


def plural(count: int, noun: str) -> str:
    """`1 token`, `2 tokens`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def write_nowhere() -> None:
    """Let what is still buffered for standard output go nowhere, or the interpreter would fail on it once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
