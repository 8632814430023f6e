"""Tests of the index: each exchange is read again from its place, and what cannot be used is told and left."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from shim.comparison.runs.lines import LineFault, UnusableFileError
from shim.comparison.two_recordings import indexed_recording as module
from shim.comparison.two_recordings.indexed_recording import IndexedRecording
from shim.recording.exchange import Exchange, Role
from shim.recording.files import RecordError, encode_exchange
from tests.comparison.two_recordings.asked import ask, recording

THREE = tuple(ask(f"q{number}", pair_id=f"p{number}") for number in range(3))


def indexed(*files: str, role: Role = "control", **settings: Any) -> tuple[IndexedRecording, list[LineFault]]:
    """The index of files, and what was wrong in them."""
    faults: list[LineFault] = []
    return IndexedRecording(files, role=role, on_fault=faults.append, **settings), faults


def read_backwards(index: IndexedRecording) -> list[Exchange]:
    """All exchanges, the last first."""
    with index:
        return [index.read(number) for number in reversed(range(len(index)))]


def test_exchanges_are_read_in_any_order(tmp_path: Path) -> None:
    """Each exchange of several files is read as it was written, in any order, and its place is known."""
    first = recording(tmp_path / "a.jsonl", *THREE[:2], more=b"\n\n")
    second = recording(tmp_path / "b.jsonl", THREE[2])
    index, faults = indexed(first, second)
    assert [index.place(number).place for number in range(3)] == [f"{first}:1", f"{first}:2", f"{second}:1"]
    assert read_backwards(index) == list(reversed(THREE))
    assert not faults


def test_compressed_files_and_pipes_are_read_twice_too(tmp_path: Path) -> None:
    """A file of several gzip members, and one that can be read only once, are read again in any order."""
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(b"".join(gzip.compress(encode_exchange(each)) for each in THREE))
    index, _ = indexed(str(packed))
    assert read_backwards(index) == list(reversed(THREE))
    reading, writing = os.pipe()
    os.write(writing, b"".join(map(encode_exchange, THREE)))
    os.close(writing)
    index, _ = indexed(f"/dev/fd/{reading}")
    os.close(reading)
    assert read_backwards(index) == list(reversed(THREE))


def test_a_bad_line_is_told_and_left(tmp_path: Path) -> None:
    """Lines that cannot be used are told with their number, half a line as such, and the others are indexed."""
    file = recording(
        tmp_path / "a.jsonl", more=b"no json\n" + encode_exchange(THREE[0]) + encode_exchange(THREE[1])[:40]
    )
    index, faults = indexed(file)
    assert read_backwards(index) == [THREE[0]]
    assert [fault.line for fault in faults] == [1, 3]
    assert "the last line is cut short" in faults[1].message


@pytest.mark.parametrize(("role", "kept"), [("control", ["p0"]), ("candidate", ["p1"])])
def test_records_of_the_other_role_are_left_out(tmp_path: Path, role: Role, kept: list[str]) -> None:
    """Of a file with the records of both sides those of this side are taken, and the others counted."""
    file = recording(tmp_path / "a.jsonl", THREE[0], replace(THREE[1], role="candidate"))
    index, _ = indexed(file, role=role)
    assert index.left_out == 1
    assert len(index.columns[0]) == 1
    assert [each.pair_id for each in read_backwards(index)] == kept


def test_records_of_one_role_are_all_taken(tmp_path: Path) -> None:
    """A recording that says control throughout, as every recorder writes by itself, may stand on either side."""
    index, _ = indexed(recording(tmp_path / "a.jsonl", *THREE), role="candidate")
    assert len(read_backwards(index)) == 3


def test_the_limit_is_kept(tmp_path: Path) -> None:
    """No more lines are taken than asked for."""
    index, _ = indexed(recording(tmp_path / "a.jsonl", *THREE), limit=2)
    assert len(read_backwards(index)) == 2


def test_a_file_that_changed_is_told(tmp_path: Path) -> None:
    """A file that was cut since is an error of its line, and no other exchange."""
    file = recording(tmp_path / "a.jsonl", *THREE)
    index, _ = indexed(file)
    os.truncate(file, 10)
    with index, pytest.raises(RecordError):
        index.read(2)


def test_no_body_stays_in_memory(tmp_path: Path) -> None:
    """The index of an exchange takes 49 bytes, however long its body is, and 16 once its keys are let go."""
    long = ask("q" * 10_000)
    index, _ = indexed(recording(tmp_path / "a.jsonl", *[long] * 20))
    with index:
        assert bytes_of(index) + 1 == 49  # and one while it is made, for its role
        index.forget_keys()
        assert len(index) == 20
        assert index.read(19) == long
        assert sum(len(column) for column in index.columns) == 0


def bytes_of(index: IndexedRecording) -> int:
    """What an exchange takes in the columns of an index."""
    return sum(column.itemsize for column in (*index.columns, index._file_numbers, index._lines, index._offsets))


def test_more_than_can_be_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording of more exchanges than an index may hold is refused at the first of them, with what to do."""
    monkeypatch.setattr(module, "MOST_EXCHANGES", 2)
    file = recording(tmp_path / "a.jsonl", *THREE)
    with pytest.raises(UnusableFileError, match=r"a\.jsonl:3: a recording of more than 2 exchanges .* give a --limit"):
        indexed(file)
    indexed(file, limit=2)[0].close()


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_many_files_take_few_descriptors(tmp_path: Path) -> None:
    """However many files a side has, compressed or not, no more are open than a few."""
    plain = [recording(tmp_path / f"{number}.jsonl", ask(f"q{number}")) for number in range(40)]
    packed = []
    for number, file in enumerate(plain):
        packed.append(str(tmp_path / f"{number}.gz"))
        Path(packed[-1]).write_bytes(gzip.compress(Path(file).read_bytes().rstrip()))
    before = descriptors()
    index, _ = indexed(*plain, *packed)
    with index:
        assert [index.read(number) for number in range(80)] == [ask(f"q{number % 40}") for number in range(80)]
        assert descriptors() - before <= module._MOST_OPEN + 1
        assert index.place(79).place == f"{packed[-1]}:1"
    assert descriptors() == before


def test_a_recording_is_known_again(tmp_path: Path) -> None:
    """The same files are known again; another order, another question and another name are not."""
    first, second = recording(tmp_path / "a.jsonl", *THREE[:2]), recording(tmp_path / "b.jsonl", THREE[2])
    other = recording(tmp_path / "c.jsonl", replace(THREE[2], request=ask("else").request))
    known = []
    for files in ((first, second), (first, second), (second, first), (first, other)):
        with indexed(*files)[0] as index:
            known.append(index.identity)
    assert known[0] == known[1]
    assert len(set(known)) == 3


def test_a_url_is_read_like_a_file(tmp_path: Path) -> None:
    """A recording at a URL is fetched once, and read again in any order."""
    pytest.importorskip("fsspec")
    index, faults = indexed(Path(recording(tmp_path / "a.jsonl", *THREE)).as_uri())
    assert read_backwards(index) == list(reversed(THREE))
    assert not faults
