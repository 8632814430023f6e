"""Tests of the list of what the lowest versions cannot pass (`tests.lowest`): that it speaks of tests that are there."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from tests.house.sources import ROOT
from tests.lowest import NEEDS

_TESTS = [
    f"{path.relative_to(ROOT).as_posix()}::{name}"
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in NEEDS])
def test_it_names_tests_that_are_there(pattern: str) -> None:
    """A test that was renamed would fail under `make lowest`, and nobody would know why."""
    file, _, test = pattern.rpartition("::")
    begins = re.split(r"[*?]", test, maxsplit=1)[0]
    assert any(fnmatchcase(name, f"{file}::{begins}*") for name in _TESTS)
