"""Tests of switching off: every switch by itself, whatever else is broken."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from shim.migration import FilePolicy, HistoryFile, KillSwitch, PolicyError, SqliteStore, Stage
from shim.migration.operations.place import RolloutPlace
from shim.migration.operations.switching_off import release, switch_off


def place_in(folder: Path) -> RolloutPlace:
    """A place with everything, made as a service leaves it."""
    (folder / "policy.toml").write_text('stage = "ramp" # ours\npercent = 5\n')
    SqliteStore(folder / "rollout.db").close()
    return RolloutPlace(
        policy=str(folder / "policy.toml"),
        store=str(folder / "rollout.db"),
        kill_switch=str(folder / "kill"),
        history=str(folder / "history.jsonl"),
    )


def off(place: RolloutPlace) -> dict[str, str]:
    """Switch off; what -> why not."""
    return {each.what: each.fault for each in switch_off(place, by="ann", reason="it burns")}


def test_every_switch_is_thrown(tmp_path: Path) -> None:
    """File, store and policy all say off, and the history says who and why."""
    place = place_in(tmp_path)
    assert set(off(place).values()) == {""}
    assert KillSwitch(file=place.kill_switch, environ={}).state().position == "thrown"
    with SqliteStore(str(place.store)) as store:
        switch = store.read_kill_switch("openai")
    assert switch is not None
    assert (switch.on, switch.by, switch.reason) == (True, "ann", "it burns")
    assert FilePolicy(str(place.policy)).policy().stage is Stage.OFF
    assert "# ours" in Path(str(place.policy)).read_text()
    entry = list(HistoryFile(str(place.history)).read())[-1]
    assert (entry.event, entry.by, entry.reason) == ("killed", "ann", "it burns")


def test_a_broken_policy_is_written_over_and_kept_beside(tmp_path: Path) -> None:
    """A policy that nobody can read becomes off; what was in it stays beside it."""
    place = place_in(tmp_path)
    Path(str(place.policy)).write_text("half a fi")
    assert off(place)[f"policy {place.policy}"] == ""
    assert FilePolicy(str(place.policy)).policy().stage is Stage.OFF
    assert Path(f"{place.policy}.broken").read_text() == "half a fi"


@pytest.mark.parametrize("broken", ["store", "kill_switch", "policy", "history"])
def test_one_that_is_broken_keeps_no_other_from_being_thrown(tmp_path: Path, broken: str) -> None:
    """With a folder in one place, that one is told as not reached, and all others are reached."""
    place = place_in(tmp_path)
    path = Path(getattr(place, broken))
    path.unlink(missing_ok=True)
    path.mkdir()
    attempts = switch_off(place, by="ann", reason="it burns")
    failed = {each.what for each in attempts if not each.reached}
    assert failed
    assert all(broken.replace("_", " ") in each for each in failed)
    assert sum(each.reached and each.counts for each in attempts) >= 2


def test_a_store_without_a_server_is_told(tmp_path: Path) -> None:
    """A Redis that is not there is told without its password, and the file is thrown all the same."""
    place = RolloutPlace(store="redis://:hidden@127.0.0.1:1/0", kill_switch=str(tmp_path / "kill"))
    told = off(place)
    assert told[f"kill switch file {tmp_path / 'kill'}"] == ""
    assert told["kill switch of the store"]
    assert "hidden" not in str(told)


def test_a_word_that_means_clear_is_written_over(tmp_path: Path) -> None:
    """A kill switch file that says "0" throws after it."""
    kill = tmp_path / "kill"
    kill.write_text("0")
    off(RolloutPlace(kill_switch=str(kill)))
    assert KillSwitch(file=kill, environ={}).state().position == "thrown"


@pytest.mark.parametrize("words", ["b\udcfcrned", "x" * 200_000, "a\0b", ""])
def test_no_words_keep_a_switch_from_being_thrown(tmp_path: Path, words: str) -> None:
    """What a terminal of another encoding sends, or a whole file as the reason, throws every switch, and lifts it."""
    place = place_in(tmp_path)
    for act in (switch_off, release):
        assert [each.fault for each in act(place, by=words, reason=words) if each.fault] == []
    with SqliteStore(str(place.store)) as store:
        switch = store.read_kill_switch("openai")
    assert switch is not None
    assert switch.by


def test_a_full_disk_keeps_no_switch_from_being_thrown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for the reason the file is made all the same, and throws by being there."""
    kill, opened = tmp_path / "kill", os.fdopen

    def full(descriptor: int, *args: Any, **named: Any) -> Any:
        opened(descriptor, *args, **named).close()
        return Path("/dev/full").open("w")

    monkeypatch.setattr("shim.migration.operations.switching_off.os.fdopen", full)
    assert set(off(RolloutPlace(kill_switch=str(kill))).values()) == {""}
    monkeypatch.undo()
    assert KillSwitch(file=kill, environ={}).state().position == "thrown"
    assert list(tmp_path.iterdir()) == [kill]


def test_a_file_that_cannot_be_put_in_its_place_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill switch that cannot be made is told as not reached, in the system's words, and nothing is left beside it."""

    def refuse(_self: Path, _target: object) -> Path:
        raise OSError(errno.EROFS, "Read-only file system")

    kill = tmp_path / "kill"
    monkeypatch.setattr(Path, "replace", refuse)
    assert off(RolloutPlace(kill_switch=str(kill))) == {f"kill switch file {kill}": "Read-only file system"}
    assert not list(tmp_path.iterdir())


def test_lifting_brings_no_traffic_back(tmp_path: Path) -> None:
    """After the switches are lifted the stage is still off."""
    place = place_in(tmp_path)
    off(place)
    assert all(each.reached for each in release(place, by="ann", reason="fixed"))
    assert KillSwitch(file=place.kill_switch, environ={}).state().position == "clear"
    with SqliteStore(str(place.store)) as store:
        switch = store.read_kill_switch("openai")
    assert switch is not None
    assert not switch.on
    assert FilePolicy(str(place.policy)).policy().stage is Stage.OFF


def test_the_policy_of_a_store_is_set_off(tmp_path: Path) -> None:
    """Where the store keeps the policy it says off, with the salt it had."""
    with SqliteStore(tmp_path / "rollout.db") as store:
        store.write_policy("openai", {"stage": "ramp", "percent": 5, "salt": "s"}, expected=0, by="ann")
    assert off(RolloutPlace(store=str(tmp_path / "rollout.db")))["policy in the store"] == ""
    with SqliteStore(tmp_path / "rollout.db") as store:
        stored = store.read_policy("openai")
    assert stored is not None
    assert (stored.mapping["stage"], stored.mapping["salt"]) == ("off", "s")


def test_nothing_named_is_no_attempt() -> None:
    """Where no switch is known nothing is tried, and nothing is claimed."""
    assert switch_off(RolloutPlace(), by="ann", reason="it burns") == []
    with pytest.raises(PolicyError):
        RolloutPlace(store="/nowhere/at/all.db").open_store()
