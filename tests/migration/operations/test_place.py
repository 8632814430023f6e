"""Tests of where a rollout is: options, environment and file, and what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.migration import PolicyError
from shim.migration.operations.place import RolloutPlace, place_of, salvaged_place


def test_an_option_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    """Each way of saying where something is goes before the next, and paths of the file are beside it."""
    config = tmp_path / "shim-rollout.toml"
    config.write_text('flag = "file"\npolicy = "p.toml"\nplan = "plan.toml"\nstore = "redis://host:1/0"\n')
    environ = {"SHIM_ROLLOUT_FLAG": "environment", "SHIM_ROLLOUT_PLAN": "e.toml"}
    place = place_of({"flag": "option"}, config=str(config), environ=environ)
    assert (place.flag, place.plan, place.policy) == ("option", "e.toml", str(tmp_path / "p.toml"))
    assert place.store == "redis://host:1/0"


def test_the_file_is_found_here_or_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an option the variable names the file, else the one in this folder is read, else there is none."""
    monkeypatch.chdir(tmp_path)
    assert place_of({}, environ={}) == RolloutPlace()
    (tmp_path / "shim-rollout.toml").write_text('flag = "here"')
    (tmp_path / "other.toml").write_text('flag = "other"')
    assert place_of({}, environ={}).flag == "here"
    assert place_of({}, environ={"SHIM_ROLLOUT": "other.toml"}).flag == "other"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        ("polcy = 'p'", "unknown field `polcy`"),
        ("flag = 3", "Expected `str`"),
        ("not toml", "no TOML"),
        ("[guard]\nalfa = 1", "unknown field `alfa`"),
        ("x = '" + "x" * 70_000 + "'", "bytes"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, content: str, told: str) -> None:
    """An empty, broken or too large file, an unknown key and a wrong type are told with the file's name."""
    path = tmp_path / "c.toml"
    path.write_text(content)
    with pytest.raises(PolicyError, match=told) as caught:
        place_of({}, config=str(path), environ={})
    assert str(path) in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder in the file's place is told as such."""
    with pytest.raises(PolicyError, match="cannot be read: Is a directory"):
        place_of({}, config=str(tmp_path), environ={})


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A mistyped path makes no store that nobody would read."""
    with pytest.raises(PolicyError, match="is not there"):
        RolloutPlace(store=str(tmp_path / "typo.db")).open_store()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", ["mode = 'act'", "alpha = 2.0", "minimum_units = 0"])
def test_settings_of_the_guard_are_checked(tmp_path: Path, settings: str) -> None:
    """A setting that no guard takes is told by its name."""
    path = tmp_path / "c.toml"
    path.write_text(f"[guard]\n{settings}")
    with pytest.raises(PolicyError, match=settings.partition(" ")[0]):
        place_of({}, config=str(path), environ={}).make_guard()


def test_what_a_broken_file_still_says_is_salvaged(tmp_path: Path) -> None:
    """For the emergency stop, lines that can be read count though others cannot; options and variables still go before."""
    path = tmp_path / "c.toml"
    path.write_text(
        'kill_switch = "kill"\nstore = \'redis://host/0\'\npolicy = "unclosed\nhistory = 3\n[guard\nplan = "p\0"\n'
    )
    place = salvaged_place({"flag": "option"}, config=str(path), environ={"SHIM_ROLLOUT_HISTORY": "h"})
    assert place == RolloutPlace(flag="option", kill_switch=str(tmp_path / "kill"), store="redis://host/0", history="h")
    assert salvaged_place({}, config=str(tmp_path), environ={}) == RolloutPlace()
    for encoding in ("utf-16", "utf-8-sig"):
        path.write_text('kill_switch = "kill"\n[guard\n', encoding=encoding)
        assert salvaged_place({}, config=str(path), environ={}).kill_switch == str(tmp_path / "kill")
