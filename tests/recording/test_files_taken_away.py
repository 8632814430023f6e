"""Tests of files that are moved or deleted while they are written, and of programs that change their directory."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from shim.recording.files import ExchangeWriter, read_exchanges
from tests.helpers.exchanges import exchange


@pytest.mark.parametrize("goes", ["moved", "deleted"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_file_that_was_taken_away_is_begun_anew(tmp_path: Path, name: str, goes: str) -> None:
    """What is written after a file was moved or deleted, as logrotate does, stands under its name, for its owner alone."""
    path = tmp_path / name
    with ExchangeWriter(path) as writer:
        writer.write(exchange(pair_id="1"))
        if goes == "moved":
            path.rename(tmp_path / "moved")
            path.touch(0o644)  # logrotate's `create`
        else:
            path.unlink()
        writer.write(exchange(pair_id="2"))
        writer.write(exchange(pair_id="3"))
    assert [each.pair_id for each in read_exchanges(path)] == ["2", "3"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if goes == "moved":
        assert [each.pair_id for each in read_exchanges(tmp_path / "moved")] == ["1"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_files_that_were_taken_away_hold_no_descriptors(tmp_path: Path) -> None:
    """However often a file is rotated by others, its writer has one descriptor open."""
    path = tmp_path / "a.jsonl"
    with ExchangeWriter(path) as writer:
        for _ in range(5):
            writer.write(exchange())
            path.unlink()
        opened = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert len([target for target in opened if target.startswith(str(path))]) == 1


def test_where_no_new_file_can_be_made_the_moved_one_is_gone_on_with(tmp_path: Path) -> None:
    """A recorder that cannot make its file anew loses nothing as long as the old one is anywhere; else it says so."""
    folder = tmp_path / "a"
    folder.mkdir()
    with ExchangeWriter(folder / "a.jsonl") as writer:
        folder.rename(tmp_path / "b")
        writer.write(exchange(pair_id="1"))
        assert [each.pair_id for each in read_exchanges(tmp_path / "b" / "a.jsonl")] == ["1"]
        (tmp_path / "b" / "a.jsonl").unlink()
        with pytest.raises(FileNotFoundError):
            writer.write(exchange(pair_id="2"))


def test_a_program_may_go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording under a relative path stays where it was begun when the program changes its directory."""
    monkeypatch.chdir(tmp_path)
    with ExchangeWriter("a.jsonl") as writer:
        monkeypatch.chdir("/")
        writer.write(exchange())
    assert len(list(read_exchanges(tmp_path / "a.jsonl"))) == 1
