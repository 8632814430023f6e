"""Tests of samples: looks that a report can plot, kept line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.migration import Policy, PolicyError, Rollout
from shim.migration.operations.samples import MOST_SAMPLES, add_sample, read_samples


def test_looks_come_back_in_order(tmp_path: Path) -> None:
    """What was added is read again, of this rollout alone, and half a line of a killed writer is passed over."""
    path = tmp_path / "samples.jsonl"
    for flag in ("openai", "other", "openai"):
        add_sample(str(path), Rollout(Policy(), flag=flag).status())
    with path.open("a") as file:
        file.write('{"at": 1, "fl\n[1]\n{"flag": "openai"}\n')
    found = read_samples(str(path), flag="openai")
    assert [each["stage"] for each in found] == ["off", "off"]
    assert found[0]["at"] <= found[1]["at"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_the_last_are_read(tmp_path: Path) -> None:
    """Of very many lines so many are read as a plot can show."""
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(f'{{"at": {number}, "flag": "openai"}}\n' for number in range(MOST_SAMPLES + 5)))
    found = read_samples(str(path), flag="openai")
    assert (len(found), found[0]["at"]) == (MOST_SAMPLES, 5)


def test_a_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A folder is neither read nor written; a file that is not there holds nothing."""
    with pytest.raises(PolicyError, match="samples"):
        read_samples(str(tmp_path), flag="openai")
    with pytest.raises(PolicyError, match="samples"):
        add_sample(str(tmp_path), Rollout(Policy()).status())
    assert read_samples(str(tmp_path / "none"), flag="openai") == []
