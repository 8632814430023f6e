"""Import lines of openai written for the drop-in: the edit of one file, shown as a diff before anything is written.

Not the lines themselves (`import_lines`), not the drop-in. Only import statements are changed; comments, formatting, encoding and
ends of lines stay. A file that uses openai 1.x is left alone, and what an import line cannot reach is told.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import tempfile
import tokenize
from collections.abc import Callable, Container, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from msgspec import Struct

from shim.doctor.import_lines import rewritten
from shim.doctor.libraries import THIRD_PARTY
from shim.doctor.reading import UnreadableSourceError, code_of, decoded


class Fix(Struct, frozen=True):
    """An edit of one file.

    Attributes:
        path: the file.
        before, after: its bytes.
        left: what the edit does not reach, in words; a person must look.
    """

    path: Path
    before: bytes
    after: bytes
    left: tuple[str, ...] = ()

    @property
    def diff(self) -> str:
        """The edit as a unified diff."""
        name = self.path.as_posix().lstrip("/")
        before, after = (each.decode("utf-8", "backslashreplace") for each in (self.before, self.after))
        lines = difflib.unified_diff(
            before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def fix_file(path: Path, *, libraries: Container[str] = THIRD_PARTY) -> Fix | None:
    """Work out the edit of a file; None where it has no import line to change.

    Args:
        path: a module or a notebook.
        libraries: packages that import openai themselves, told in `Fix.left`.

    Raises:
        UnreadableSourceError: it cannot be parsed.
        OSError: it cannot be read.
    """
    before = path.read_bytes()
    if path.suffix.lower() == ".ipynb":
        return _fix_notebook(path, before, libraries=libraries)
    text = decoded(before)
    after, left = rewritten(text, libraries=libraries)
    if after == text:
        return None
    encoding, _ = tokenize.detect_encoding(BytesIO(before).readline)
    return Fix(path, before, after.encode(encoding), tuple(left))


def write_fix(fix: Fix) -> None:
    """Write an edit in one step, with the file's own permissions; a link stays a link.

    Raises:
        OSError: it cannot be written, or the file has been changed since it was read.
    """
    path = fix.path.resolve()
    if path.read_bytes() != fix.before:
        raise OSError(f"{fix.path} has been changed since it was read; run it again")
    mode = path.stat().st_mode
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(fix.after)
        os.chmod(name, mode)  # noqa: PTH101 - a name from mkstemp
        os.replace(name, path)  # noqa: PTH105 - a name from mkstemp
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - a name from mkstemp
        raise


def _fix_notebook(path: Path, before: bytes, *, libraries: Container[str]) -> Fix | None:
    """A notebook is written anew only where that gives its very bytes when nothing is changed."""
    try:
        text = before.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableSourceError(f"its encoding: {error}") from None
    document = json.loads(text)
    write = next((form for form in _forms(text) if form(document) == text), None)
    changed, left = False, []
    for cell in document.get("cells", ()):
        if cell.get("cell_type") != "code":
            continue
        code = code_of(cell)
        with contextlib.suppress(UnreadableSourceError):
            after, told = rewritten(code, libraries=libraries)
            left += told
            if after != code:
                changed = True
                cell["source"] = after if isinstance(cell.get("source"), str) else after.splitlines(keepends=True)
    if not changed:
        return None
    if write is None:
        return Fix(path, before, before, (f"{path}: its JSON has a form of its own; change its import lines by hand",))
    return Fix(path, before, write(document).encode("utf-8"), tuple(left))


def _forms(text: str) -> Iterator[Callable[[Any], str]]:
    """The forms that programs write notebooks in."""
    end = "\n" if text.endswith("\n") else ""
    for indent in (1, 2, 4, None):
        for only_ascii in (False, True):
            yield partial(_written, indent=indent, only_ascii=only_ascii, end=end)


def _written(document: Any, *, indent: int | None, only_ascii: bool, end: str) -> str:
    return json.dumps(document, indent=indent, ensure_ascii=only_ascii) + end
