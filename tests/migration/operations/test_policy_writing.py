"""Tests of writing a policy into its file: whole, with what else is there, or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shim.migration import FilePolicy, Policy, PolicyError, Stage
from shim.migration.operations.policy_writing import read_policy_bytes, write_policy_file

TOML = """\
# Ours: ask Ann before you change it.
stage = "tee"      # since Monday
salt = "a#b"
compare_percent = 10

[only]
tenant = ["one"]   # the brave one
"""


def test_comments_and_other_keys_stay(tmp_path: Path) -> None:
    """Only stage and percentage change; comments, order and tables are as they were."""
    path = tmp_path / "policy.toml"
    path.write_text(TOML)
    policy = Policy.parse({**FilePolicy(path).policy().to_dict(), "stage": "ramp", "percent": 2.5})
    assert write_policy_file(str(path), policy, before=path.read_bytes())
    assert path.read_text() == TOML.replace('stage = "tee"', 'stage = "ramp"').replace(
        "compare_percent = 10\n", "compare_percent = 10\npercent = 2.5\n"
    )
    assert FilePolicy(path).policy() == policy


def test_what_cannot_be_edited_is_written_anew(tmp_path: Path) -> None:
    """A file in which the lines are not as simple as they look is written whole, and that is said."""
    path = tmp_path / "policy.toml"
    path.write_text('"stage" = "tee" # quoted\n')
    policy = Policy(stage=Stage.WIRE, only={"tenant": ("one", "two")}, salt='q"\\')
    assert write_policy_file(str(path), policy, before=path.read_bytes()) is False
    assert FilePolicy(path).policy() == policy


def test_a_byte_order_mark_keeps_no_line_from_being_edited(tmp_path: Path) -> None:
    """A file that an editor saved with a byte order mark keeps its comments, and is written without the mark."""
    path = tmp_path / "policy.toml"
    path.write_text("\ufeff" + 'stage = "tee"  # ours\n')
    assert write_policy_file(str(path), Policy(), before=path.read_bytes())
    assert path.read_text() == 'stage = "off"  # ours\n'


def test_json_keeps_its_order(tmp_path: Path) -> None:
    """A JSON policy stays JSON, with its keys in their order."""
    path = tmp_path / "policy.json"
    path.write_text('{"salt": "s", "stage": "tee"}')
    policy = Policy(stage=Stage.RAMP, percent=5, salt="s")
    assert write_policy_file(str(path), policy, before=path.read_bytes())
    assert list(json.loads(path.read_text())) == ["salt", "stage", "percent"]
    assert FilePolicy(path).policy() == policy


def test_mode_and_link_stay(tmp_path: Path) -> None:
    """The file keeps its mode, a link to it stays a link, and nothing is left beside it."""
    path, link = tmp_path / "real.toml", tmp_path / "policy.toml"
    path.write_text(TOML)
    path.chmod(0o640)
    link.symlink_to(path)
    write_policy_file(str(link), Policy(), before=path.read_bytes())
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["policy.toml", "real.toml"]


def test_somebody_elses_change_is_not_written_over(tmp_path: Path) -> None:
    """Where the file is no longer what was read, it stays as it is."""
    path = tmp_path / "policy.toml"
    path.write_text('stage = "wire"')
    with pytest.raises(PolicyError, match="meanwhile"):
        write_policy_file(str(path), Policy(), before=b'stage = "tee"')
    assert path.read_text() == 'stage = "wire"'
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_not_written_over(tmp_path: Path) -> None:
    """A folder in the file's place is an error that names it."""
    with pytest.raises(PolicyError, match="directory"):
        write_policy_file(str(tmp_path), Policy(), before=None)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_without_permission_nothing_changes(tmp_path: Path) -> None:
    """In a folder where no file can be made the policy stays, and the error says what to do."""
    path = tmp_path / "policy.toml"
    path.write_text(TOML)
    tmp_path.chmod(0o500)
    with pytest.raises(PolicyError, match="as a user who may"):
        write_policy_file(str(path), Policy(), before=path.read_bytes())
    tmp_path.chmod(0o700)
    assert path.read_text() == TOML


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A policy file that is not there is a `PolicyError` with its path and the system's reason."""
    with pytest.raises(PolicyError, match=r"policy .*gone\.toml cannot be read: No such file") as raised:
        read_policy_bytes(str(tmp_path / "gone.toml"))
    assert raised.value.field == "policy"
