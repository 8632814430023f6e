"""Freezing: the checksums of the legacy client, printed as its list wants them (`python -m tests.house.freeze`).

Not the comparison, which is in `tests/house/test_frozen.py`. The list has the format of sha256sum: `sha256sum --check` reads it.
"""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

from tests.house.sources import ROOT, python_files

if TYPE_CHECKING:
    from pathlib import Path

LIST = ROOT / "tests" / "house" / "legacy_openai.sha256"


def frozen_files() -> list[Path]:
    """The files of the legacy client that are installed."""
    return [*python_files("legacy_openai"), ROOT / "legacy_openai" / "py.typed"]


def checksum_lines() -> list[str]:
    """One line a file: the checksum, two spaces, the path from the project's root; sorted by path."""
    return sorted(map(_line, frozen_files()), key=lambda line: line.split("  ", 1)[1])


def _line(path: Path) -> str:
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT).as_posix()}"


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in checksum_lines()))
