"""Tests of files for their owner alone: new ones, ones that others could read, and what is no ordinary file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from shim.recording.files import ExchangeWriter
from shim.recording.private_file import create_private, open_private
from tests.helpers.exchanges import exchange


def mode_of(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask, nobody else can read a new file, and it can be written, and read where that was asked."""
    before = os.umask(0)
    try:
        with create_private(tmp_path / "a") as file:
            file.write(b"x")
        with create_private(tmp_path / "b", is_read=True) as file:
            file.write(b"y")
            file.seek(0)
            assert file.read() == b"y"
    finally:
        os.umask(before)
    assert (mode_of(tmp_path / "a"), mode_of(tmp_path / "b")) == (0o600, 0o600)


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o666, 0o600), (0o700, 0o700), (0o640, 0o600)])
def test_a_recording_that_others_could_read_is_closed_to_them(tmp_path: Path, before: int, after: int) -> None:
    """A file that is there already loses what others may do with it, and nothing else, and is added to."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n")
    path.chmod(before)
    with ExchangeWriter(path) as writer:
        writer.write(exchange())
    assert mode_of(path) == after
    assert path.read_bytes().count(b"\n") == 2


def test_what_cannot_be_closed_to_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of somebody else's that others may read is an error that says so."""

    def refuse(*_given: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    path = tmp_path / "a"
    path.write_bytes(b"")
    path.chmod(0o644)
    monkeypatch.setattr(os, "fchmod", refuse)
    with pytest.raises(PermissionError, match="others may read it") as caught:
        open_private(path, os.O_WRONLY)
    assert caught.value.filename == str(path)


def test_what_is_no_ordinary_file_stays_as_it_is() -> None:
    """A device that others may write to is written to, and its mode stays."""
    before = mode_of(Path(os.devnull))
    os.close(open_private(os.devnull, os.O_WRONLY))
    assert mode_of(Path(os.devnull)) == before
