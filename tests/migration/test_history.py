"""Tests of the history: append-only, shared by processes, read again whatever a killed writer left."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import msgspec
import pytest

from shim.migration import Entry, HistoryFile, PolicyError, SqliteStore, StoreHistory
from shim.migration.history import latch_told


def entry(event: str = "changed", **fields: object) -> Entry:
    """An entry of flag openai."""
    return msgspec.convert({"event": event, "flag": "openai", "at": time.time(), **fields}, Entry, strict=False)


def test_entries_come_back_as_they_went(tmp_path: Path) -> None:
    """An entry is one line of JSON with when, who, from, to, evidence and reason."""
    history = HistoryFile(tmp_path / "history.jsonl")
    assert list(history.read()) == []
    told = entry(
        "roll_back", by="host, process 7", **{"from": "ramp@5", "to": "shadow"}, reason="ü\n", evidence={"e": 21.5}
    )
    assert history.append(told)
    assert list(history.read()) == [told]
    line = msgspec.json.decode(history.path.read_bytes())
    assert set(line) == {"at", "event", "flag", "by", "from", "to", "reason", "evidence"}


def test_it_is_only_appended_to(tmp_path: Path) -> None:
    """What stands in the file stays as it is, byte for byte."""
    history = HistoryFile(tmp_path / "history.jsonl")
    history.append(entry(to="one"))
    before = history.path.read_bytes()
    history.append(entry(to="two"))
    assert history.path.read_bytes().startswith(before)


def test_what_two_processes_tell_is_told_once(tmp_path: Path) -> None:
    """The same change within ten seconds is one entry; later, for another flag, or after a reset it is another."""
    history = HistoryFile(tmp_path / "history.jsonl")
    now = time.time()
    assert history.append(entry("roll_back", at=now))
    assert not history.append(entry("roll_back", at=now + 3))
    assert history.append(entry("roll_back", at=now + 3, flag="other"))
    assert history.append(entry("reset", at=now + 4))
    assert history.append(entry("reset", at=now + 4))
    assert history.append(entry("roll_back", at=now + 5))
    assert history.append(entry("roll_back", at=now + 16))


def test_the_path_is_that_of_the_folder_of_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that changes its folder after the set-up, as a daemon does, goes on with the same file."""
    monkeypatch.chdir(tmp_path)
    history = HistoryFile("history.jsonl")
    monkeypatch.chdir("/")
    assert history.append(entry())
    assert (tmp_path / "history.jsonl").exists()


def test_half_a_line_loses_nothing_else(tmp_path: Path) -> None:
    """What a killed writer left of its line is passed over, and the next entry begins a line of its own."""
    history = HistoryFile(tmp_path / "history.jsonl")
    history.append(entry(to="one"))
    with history.path.open("ab") as file:
        file.write(b'{"at": 1.0, "event": "cha')
    history.append(entry(to="two"))
    assert [each.to for each in history.read()] == ["one", "two"]


def test_an_event_of_a_newer_version_is_passed_over_in_a_store(tmp_path: Path) -> None:
    """Where a newer version wrote to the store, an older one still reads the rest of its history."""
    with SqliteStore(tmp_path / "store.db") as store:
        store.append_history("openai", {"at": 1.0, "event": "paused", "flag": "openai"})
        store.append_history("openai", {"at": 2.0, "event": "changed", "flag": "openai", "to": "one", "newer": 1})
        assert [each.to for each in StoreHistory(store, flag="openai").read()] == ["one"]


def test_a_line_too_deep_to_read_is_passed_over(tmp_path: Path) -> None:
    """A line that nests without end keeps no process from reading the latch behind it."""
    history = HistoryFile(tmp_path / "history.jsonl")
    history.path.write_bytes(b'{"evidence":{"a":' + b"[" * 100_000 + b"\n")
    history.append(entry("roll_back"))
    assert [each.event for each in history.read()] == ["roll_back"]


def test_an_event_of_a_newer_version_is_passed_over(tmp_path: Path) -> None:
    """A line that this version does not know hides no other one."""
    history = HistoryFile(tmp_path / "history.jsonl")
    history.append(entry(to="one"))
    with history.path.open("ab") as file:
        file.write(b'{"at": 1.0, "event": "teleported", "flag": "openai"}\n')
    assert [each.to for each in history.read()] == ["one"]


def test_evidence_without_end_is_left_out(tmp_path: Path) -> None:
    """An entry that would be far too long is kept without its evidence, and says so."""
    history = HistoryFile(tmp_path / "history.jsonl")
    history.append(entry(evidence={"long": "x" * 100_000}))
    ((kept),) = history.read()
    assert set(kept.evidence) == {"left_out"}


def append_some(path: Path, name: int) -> None:
    """Append fifty entries of one process."""
    history = HistoryFile(path)
    for number in range(50):
        history.append(entry(to=f"{name}-{number}"))


@pytest.mark.slow
def test_processes_append_at_the_same_time(tmp_path: Path) -> None:
    """Entries of several processes do not tear each other."""
    path = tmp_path / "history.jsonl"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=append_some, args=(path, name)) for name in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(15)
    assert len({each.to for each in HistoryFile(path).read()}) == 150


def test_the_latch_is_the_first_rollback_since_the_reset() -> None:
    """Rollbacks of other flags and those that were reset do not count; a history that tells of neither says so."""
    reset = entry("reset")
    first, second = entry("roll_back", to="shadow", at=1), entry("roll_back", to="off", at=2)
    assert latch_told([], flag="openai") is None
    assert latch_told([first, second, entry("changed")], flag="openai") == first
    assert latch_told([first, reset, second], flag="openai") == second
    assert latch_told([first, reset], flag="openai") == reset
    assert latch_told([entry("roll_back", flag="other")], flag="openai") is None
    assert latch_told([first, entry("reset", flag="other")], flag="openai") == first


def test_places_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """A directory, a pipe, a missing folder and what is no path are refused, naming the field."""
    os.mkfifo(tmp_path / "pipe")
    for wrong in (tmp_path, tmp_path / "pipe", tmp_path / "no" / "history.jsonl", "a\0b", 7):
        with pytest.raises(PolicyError) as caught:
            HistoryFile(wrong)  # type: ignore[arg-type]  # what is no path is refused as well
        assert caught.value.field == "history"


def test_a_history_in_a_store(tmp_path: Path) -> None:
    """Entries in a store come back as they went, from a position on, and one told twice is there once."""
    store = SqliteStore(tmp_path / "store")
    history = StoreHistory(store, flag="openai")
    rolled = entry("roll_back", evidence={"epoch": "ramp@5#0"}, at=100.0)
    assert history.append(rolled)
    assert not history.append(msgspec.structs.replace(rolled, at=150.0)), "an epoch trips once"
    assert history.append(entry("reset", reason="fixed", at=160.0))
    assert history.append(entry("reset", reason="fixed", at=161.0))
    assert [each.event for each in history.read()] == ["roll_back", "reset", "reset"]
    assert next(history.read()) == rolled
    assert [each.at for each in history.read(after=2)] == [161.0]


@pytest.mark.parametrize("kind", ["file", "store"])
def test_a_persons_word_is_kept_in_any_case(tmp_path: Path, kind: str) -> None:
    """What a person tells is kept though a process told the same before, and a process that tells it after adds nothing."""
    with SqliteStore(tmp_path / "store.db") as store:
        history = HistoryFile(tmp_path / "h.jsonl") if kind == "file" else StoreHistory(store, flag="openai")
        told = entry(by="file policy.toml", to="tee@0", at=1000.0)
        assert history.append(told)
        assert history.append(msgspec.structs.replace(told, by="ann", reason="looked at it"), always=True)
        assert not history.append(told)
        assert [each.by for each in history.read()] == ["file policy.toml", "ann"]
