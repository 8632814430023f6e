"""Fixtures of the doctor's tests: a program's text in, its findings out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from shim.doctor import Finding, examine

TODAY = date(2026, 11, 28)
Found = Callable[..., list[Finding]]


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """What is found in the text of one module."""

    def find(text: str, name: str = "program.py", *, today: date = TODAY) -> list[Finding]:
        path = tmp_path / name
        path.write_text(dedent(text), encoding="utf-8")
        return examine([path], today=today).findings

    return find
