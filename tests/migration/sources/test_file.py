"""Tests of the file policy, and of every way in which a file can go wrong or be changed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shim.migration import FilePolicy, PolicyError, PolicySource, Stage
from tests.migration.helpers.waiting import in_child, wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A policy file at 5 percent, last written an hour ago."""
    file = tmp_path / "policy.toml"
    write(file, 5)
    return file


@pytest.fixture
def source(path: Path) -> Iterator[FilePolicy]:
    """A source that looks at the file each time it is asked."""
    yield (source := FilePolicy(path, check_every=0))
    source.close()


def write(path: Path, percent: float, *, hours_ago: float = 1.0) -> None:
    """Write a policy in place, as old as is asked for."""
    path.write_text(f'stage = "ramp"\npercent = {percent}\n')
    age(path, hours_ago)


def age(path: Path, hours_ago: float) -> None:
    """Set the modification time of a file."""
    at = time.time() - hours_ago * 3600
    os.utime(path, (at, at))


def percent(source: FilePolicy) -> float:
    """What the source says now."""
    return source.policy().percent


def test_it_is_a_source(source: FilePolicy) -> None:
    """It does what every source does, and says that it is well."""
    assert isinstance(source, PolicySource)
    assert (source.policy().stage, percent(source)) == (Stage.RAMP, 5.0)
    assert source.health.fault is None
    assert source.health.read_at is not None


def test_json_is_read_by_its_name(tmp_path: Path) -> None:
    """A file whose name ends in .json is JSON."""
    path = tmp_path / "policy.json"
    path.write_text('{"stage": "ramp", "percent": 0.5, "only": {"tenant": ["a"]}}')
    assert FilePolicy(path).policy().percent == 0.5


def test_a_newer_file_is_read(source: FilePolicy, path: Path) -> None:
    """A change is followed."""
    write(path, 25, hours_ago=0.5)
    assert percent(source) == 25


def test_an_older_file_is_read_too(source: FilePolicy, path: Path) -> None:
    """A file that is put back, with a modification time before the last one's, is a change."""
    write(path, 25, hours_ago=48)
    assert percent(source) == 25


def test_a_replaced_file_of_the_same_age_and_size_is_read(source: FilePolicy, path: Path) -> None:
    """A file renamed over the old one is seen by its inode alone."""
    assert percent(source) == 5
    other, at = path.with_suffix(".new"), path.stat().st_mtime_ns
    other.write_text(path.read_text().replace("5", "9"))
    os.utime(other, ns=(at, at))
    other.replace(path)
    assert percent(source) == 9


def test_two_writes_within_one_tick_are_told_apart(source: FilePolicy, path: Path) -> None:
    """A young file is read again, since a second write may leave time, size and inode as they were."""
    path.write_text('stage = "ramp"\npercent = 1\n')
    at = time.time_ns()
    os.utime(path, ns=(at, at))
    assert percent(source) == 1
    path.write_text('stage = "ramp"\npercent = 2\n')
    os.utime(path, ns=(at, at))
    assert percent(source) == 2


def test_a_copy_in_place_that_keeps_the_time_is_read(
    source: FilePolicy, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file written in place with the same size and modification time, as `cp -p` and rsync do, is seen as changed."""
    assert percent(source) == 5
    later = time.monotonic() + 60
    monkeypatch.setattr("shim.migration.watched_file.time.monotonic", lambda: later)
    assert percent(source) == 5, "by now the file is no longer young"
    at = path.stat().st_mtime_ns
    path.write_text(path.read_text().replace("5", "9"))
    os.utime(path, ns=(at, at))
    assert percent(source) == 9


def test_a_file_is_young_by_our_own_clock(source: FilePolicy, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file server whose clock is ahead or behind hides no second write within one of its ticks."""
    stat = os.stat_result((0o100644, 7, 1, 1, 0, 0, 34, 0, 0, 0), {"st_mtime_ns": 10**18, "st_ctime_ns": 10**18})
    monkeypatch.setattr("shim.migration.watched_file.Path.stat", lambda _path, **_named: stat)
    monkeypatch.setattr("shim.migration.watched_file.os.fstat", lambda _descriptor: stat)
    for share in (1, 2):
        path.write_text(f'stage = "ramp"\npercent = {share}\n')
        assert percent(source) == share


def test_the_path_is_that_of_the_folder_of_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that changes its folder after the set-up, as a daemon does, goes on with the same file."""
    monkeypatch.chdir(path.parent)
    source = FilePolicy(path.name, check_every=0)
    monkeypatch.chdir("/")
    write(path, 25)
    assert percent(source) == 25


@pytest.mark.parametrize(("name", "content"), [("p.toml", b'stage = "tee"'), ("p.json", b'{"stage": "tee"}')])
def test_a_byte_order_mark_is_passed_over(tmp_path: Path, name: str, content: bytes) -> None:
    """A file saved with a byte order mark, as editors on Windows do, is the file without it."""
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + content)
    assert FilePolicy(path).policy().stage == "tee"


def test_a_key_said_twice_is_refused(tmp_path: Path) -> None:
    """JSON that names a stage twice, as a careless merge leaves it, is no policy: nobody knows which one is meant."""
    path = tmp_path / "p.json"
    path.write_text('{"stage": "off", "only": {}, "stage": "complete"}')
    with pytest.raises(PolicyError, match="'stage' is there twice"):
        FilePolicy(path)


def test_a_link_that_is_turned_is_followed(tmp_path: Path) -> None:
    """A config map, whose files are links that are turned to a new folder, is followed."""
    for name, share in (("first", 5), ("second", 6)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "policy.toml", share)
    link = tmp_path / "current"
    link.symlink_to("first")
    source = FilePolicy(link / "policy.toml", check_every=0)
    assert percent(source) == 5
    turned = tmp_path / "turned"
    turned.symlink_to("second")
    turned.replace(link)
    assert percent(source) == 6


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  \n",
        b"stage = ramp",
        b'stage = "ramp"\npercent = 101\n',
        b'stage = "ramp"\npercent = nan\n',
        b'stage = "ramped"\n',
        b"percent = 90\n",
        b'stage = "ramp"\nper_cent = 90\n',
        b"\xff\xfe\x00",
        b'[[stage]]\nname = "ramp"\n',
        b'stage = "ramp"\npercent = ' + b"9" * 5000,
        b'stage = "ramp"\npercent = 0x' + b"f" * 5000,
        b"x" * 300_000,
    ],
    ids=lambda content: repr(content[:24]),
)
def test_a_broken_file_changes_nothing(source: FilePolicy, path: Path, content: bytes) -> None:
    """Whatever cannot be read as a policy leaves the last good one, says why, and is over with the next good file."""
    path.write_bytes(content)
    age(path, 0.5)
    for _ in range(3):
        assert percent(source) == 5
        assert source.health.fault is not None, "the same broken file stays a fault"
    assert source.health.failed_at is not None
    write(path, 1)
    assert percent(source) == 1
    assert source.health.fault is None


def test_what_is_no_file_changes_nothing(source: FilePolicy, path: Path) -> None:
    """A file that vanishes, becomes a directory or a pipe leaves the last good policy, and blocks nobody."""
    path.unlink()
    assert percent(source) == 5
    path.mkdir()
    assert percent(source) == 5
    path.rmdir()
    os.mkfifo(path)
    began = time.monotonic()
    assert percent(source) == 5
    assert time.monotonic() - began < 5.0, "a pipe without a writer holds whoever opens it plainly"
    assert "regular file" in (source.health.fault or "")
    path.unlink()
    write(path, 6)
    assert percent(source) == 6


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_file_without_permission_changes_nothing(source: FilePolicy, path: Path) -> None:
    """A file that may no longer be read leaves the last good policy."""
    write(path, 50)
    path.chmod(0)
    assert percent(source) == 5
    assert "Permission" in (source.health.fault or "")


def test_a_look_that_is_refused_changes_nothing(
    source: FilePolicy, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system refuses, for whoever runs the test, leaves the last good policy."""

    def refuse(*_args: object, **_named: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    write(path, 50)
    monkeypatch.setattr("shim.migration.watched_file.os.open", refuse)
    assert percent(source) == 5
    assert "Permission denied" in (source.health.fault or "")
    monkeypatch.undo()
    assert percent(source) == 50


def test_one_fault_is_one_line_of_the_log(source: FilePolicy, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A fault is logged when it comes and when it goes, however often it is met."""
    path.write_text("broken")
    for _ in range(50):
        source.policy()
    write(path, 5)
    source.policy()
    assert [record.message.partition(",")[0].partition(":")[0] for record in caplog.records] == [
        f"file {path} cannot be read",
        f"file {path} can be read again",
    ]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ('stage = "ramped"', "stage"),
        ('stage = "ramp"\npercent = 101', "percent"),
        ('stage = "ramp"\npercent = nan', "percent"),
        ('stage = "off"\nstages = 1', "stages"),
        ("", "path"),
        ("stage =", "path"),
    ],
)
def test_a_bad_file_at_set_up_is_refused(path: Path, content: str, field: str) -> None:
    """A file that holds no policy when the source is made is an error that names the file and the field."""
    path.write_text(content)
    with pytest.raises(PolicyError, match=str(path)) as caught:
        FilePolicy(path)
    assert caught.value.field == field


def test_no_file_at_set_up_is_refused(tmp_path: Path) -> None:
    """A missing file, a directory, a pipe, and what is no path are errors when the source is made."""
    os.mkfifo(tmp_path / "pipe")
    for wrong in (tmp_path / "missing.toml", tmp_path, tmp_path / "pipe", "a\0b", None, 7):
        with pytest.raises(PolicyError) as caught:
            FilePolicy(wrong)  # type: ignore[arg-type]  # what is no path is refused as well
        assert caught.value.field == "path"
    with pytest.raises(PolicyError, match="check_every"):
        FilePolicy(tmp_path / "missing.toml", check_every=-1)


def test_the_file_is_looked_at_now_and_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks no system call is made, and a change is seen after the next one."""
    source = FilePolicy(path, check_every=0.05)
    looks = 0
    look = source._file.read_changed

    def counted() -> bytes | None:
        nonlocal looks
        looks += 1
        return look()

    monkeypatch.setattr(source._file, "read_changed", counted)
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        source.policy()
    assert 1 <= looks <= 8
    write(path, 7)
    wait_until(lambda: percent(source) == 7, seconds=2)


def test_a_forked_child_follows_the_file(source: FilePolicy, path: Path) -> None:
    """A child that was forked after the source was made sees a change, as its parent does."""

    def work() -> str:
        before = percent(source)
        write(path, 33)
        return f"{before:g} {percent(source):g}"

    assert percent(source) == 5
    assert in_child(work) == "5 33"
    assert percent(source) == 33
