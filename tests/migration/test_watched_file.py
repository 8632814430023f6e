"""Tests of a file that is watched: what is looked at, and when it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.migration import watched_file
from shim.migration.watched_file import WatchedFile

READ_REGULAR = watched_file.read_regular


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read."""
    found: list[Path] = []

    def read(path: Path, *, most: int) -> object:
        found.append(path)
        return READ_REGULAR(path, most=most)

    monkeypatch.setattr(watched_file, "read_regular", read)
    return found


def test_a_file_is_read_until_it_has_settled_and_then_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[Path]
) -> None:
    """A file just written may change again without a sign, so it is read at each look; later a look alone tells."""
    now = 100.0
    monkeypatch.setattr("shim.migration.watched_file.time.monotonic", lambda: now)
    path = tmp_path / "policy.toml"
    path.write_text("one")
    file = WatchedFile(path, check_every=0)
    assert [file.read_changed(), file.read_changed()] == [b"one", b"one"]
    now += 60
    assert [file.read_changed(), file.read_changed(), file.read_changed()] == [b"one", None, None]
    assert len(reads) == 3
    path.write_text("another")
    assert file.read_changed() == b"another"
    assert len(reads) == 4


def test_a_look_is_due_at_most_as_often_as_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is due once, and the next one when the time between two has passed."""
    now = 100.0
    monkeypatch.setattr("shim.migration.watched_file.time.monotonic", lambda: now)
    file = WatchedFile(tmp_path / "policy.toml", check_every=0.2)
    assert [file.due(), file.due()] == [True, False]
    now += 0.19
    assert not file.due()
    now += 0.02
    assert [file.due(), file.due()] == [True, False]
