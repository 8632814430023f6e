"""One file read: a module or a notebook as a syntax tree, with the way back from its lines to the file's.

Not what stands in it (`scanning`). Nothing is executed: code is parsed, magics of notebooks are left out. SourceText: PEP 263 for
encodings; nbformat 3 and 4 for notebooks.
"""

from __future__ import annotations

import ast
import codecs
import io
import json
import re
import tokenize
import warnings
from pathlib import Path
from typing import Any

from msgspec import Struct

from shim.doctor.finding import CodePlace

LINES = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
"""Where Python begins a new line, unlike `str.splitlines`, which knows more ends."""


class UnreadableSourceError(Exception):
    """The file cannot be read as Python; the message says why, in a few words."""


class SourceText(Struct, frozen=True):
    """A file's code.

    Attributes:
        path: as it is shown.
        tree: its syntax.
        cells: of a notebook, cell and line of the file for each line of the tree; empty for a module.
        left_out: cells that could not be parsed, as number and reason.
    """

    path: str
    tree: ast.Module
    cells: tuple[tuple[int, int], ...] = ()
    left_out: tuple[tuple[int, str], ...] = ()

    def place(self, node: Any) -> CodePlace:
        """Where a node stands in the file."""
        line = getattr(node, "lineno", 1)
        column = getattr(node, "col_offset", 0) + 1
        if not self.cells:
            return CodePlace(self.path, line, column)
        cell, line = self.cells[min(line, len(self.cells)) - 1]
        return CodePlace(self.path, line, column, cell)


def read_source(path: Path, content: bytes, *, shown: str) -> SourceText:
    """Read a file's bytes.

    Raises:
        UnreadableSourceError: they are no Python 3, or no notebook of it.
    """
    if path.suffix.lower() == ".ipynb":
        return _notebook(content, shown=shown)
    return SourceText(shown, parsed(decoded(content)))


def decoded(content: bytes) -> str:
    """The text of a module, by its mark or its declared encoding, UTF-8 else; ends of lines stay as they are.

    Raises:
        UnreadableSourceError: it is not in that encoding.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.removeprefix(codecs.BOM_UTF8).decode("utf-8" if encoding == "utf-8-sig" else encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise UnreadableSourceError(f"its encoding: {error}") from None


def parsed(text: str) -> ast.Module:
    """The syntax tree of Python 3 code.

    Raises:
        UnreadableSourceError: it is none.
    """
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old code has old escapes; that is not what is asked here
            tree = compile(text, "<source>", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        old = " (Python 2?)" if _LOOKS_OLD.search(text) else ""
        where = "" if error.lineno is None else f"line {error.lineno}: "
        raise UnreadableSourceError(f"{where}{error.msg}{old}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableSourceError(str(error) or "too deeply nested") from None
    assert isinstance(tree, ast.Module)  # noqa: S101 - what "exec" with ONLY_AST gives
    return tree


_LOOKS_OLD = re.compile(r"^\s*(?:print\s+[^(\s=]|exec\s+[\"']|raise\s+\w+,\s|except\s+[\w.]+,\s*\w+\s*:)", re.MULTILINE)


def _notebook(content: bytes, *, shown: str) -> SourceText:
    try:
        document = json.loads(content)
        language = document.get("metadata", {}).get("kernelspec", {}).get("language", "python")
        cells = document["cells"] if "cells" in document else document["worksheets"][0]["cells"]
        codes = [(number, code_of(each)) for number, each in enumerate(cells, 1) if each["cell_type"] == "code"]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise UnreadableSourceError("no notebook that nbformat 3 or 4 knows") from None
    if str(language).lower() not in ("python", ""):
        raise UnreadableSourceError(f"a notebook of {language}")
    lines: list[str] = []
    places: list[tuple[int, int]] = []
    left_out: list[tuple[int, str]] = []
    for number, code in codes:
        try:
            plain = _plain_lines(code)
        except UnreadableSourceError as error:
            left_out.append((number, str(error)))
            continue
        lines += plain
        places += [(number, line) for line in range(1, len(plain) + 1)]
    return SourceText(shown, parsed("\n".join(lines)), tuple(places), tuple(left_out))


def _plain_lines(code: str) -> list[str]:
    """The lines of a cell as plain Python: as they are where that parses, without magics where not."""
    lines = _split(code)
    try:
        parsed("\n".join(lines))
    except UnreadableSourceError:
        lines = without_magics(code)
        parsed("\n".join(lines))
    return lines


def _split(code: str) -> list[str]:
    return [line.rstrip("\r\n") for line in LINES.split(code)]


def code_of(cell: dict[str, Any]) -> str:
    """The code of a notebook's cell: a string or a list of lines; nbformat 3 calls it `input`."""
    source = cell["source"] if "source" in cell else cell["input"]
    return source if isinstance(source, str) else "".join(source)


_WHOLE_CELL = re.compile(r"\s*%%(?!time\b|timeit\b|capture\b|prun\b)")
_ASKED = re.compile(r"\s*[\w.]+\?{1,2}\s*\Z")
_SHELL = re.compile(r"\s*(?:[%!?]|[\w.,\[\] \t]+=\s*[%!](?!=))")


def without_magics(code: str) -> list[str]:
    """The lines of a cell with IPython's own syntax left out, line for line."""
    lines = _split(code)
    if lines and _WHOLE_CELL.match(lines[0]):
        return [""] * len(lines)
    plain: list[str] = []
    goes_on = False
    for line in lines:
        magic = goes_on or bool(_SHELL.match(line) or _ASKED.match(line))
        goes_on = magic and line.rstrip().endswith("\\")
        indent = line[: len(line) - len(line.lstrip())]
        plain.append(f"{indent}pass" if magic else line)
    return plain
