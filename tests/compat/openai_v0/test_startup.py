"""Tests of what the environment asks for when a program that `shim run` started imports openai."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.cli import main
from shim.compat.openai_v0.startup import StartupSettings
from shim.recording.rotation import RotatingFile


def test_settings_go_through_the_environment() -> None:
    """What was asked for is the same once it was written into the environment and read there, paths made whole."""
    asked = StartupSettings(
        provider="native",
        rollout="rollout.toml",
        upgrades="model-successor,functions-to-tools",
        record="day-{time}.jsonl",
        rotate_bytes=100_000_000,
        rotate_seconds=0.5,
        rotate_keep=3,
    )
    read = StartupSettings.of_environment(asked.variables())
    assert (read.provider, read.rollout) == ("native", str(Path("rollout.toml").absolute()))
    assert read.upgrade_names == ("model-successor", "functions-to-tools")
    assert (read.rotate_bytes, read.rotate_seconds, read.rotate_keep) == (100_000_000, 0.5, 3)
    assert repr(read.recording) == repr(
        RotatingFile(Path("day-{time}.jsonl").absolute(), rotate_bytes=100_000_000, rotate_seconds=0.5, rotate_keep=3)
    )
    assert StartupSettings.of_environment({}) == StartupSettings()


def test_without_a_limit_a_recording_is_a_path() -> None:
    """Without rotation the recording is the path itself, and without a recording there is none."""
    assert StartupSettings(record="day.jsonl").recording == "day.jsonl"
    assert StartupSettings(rotate_bytes=1).recording is None


def test_a_limit_that_is_no_number_is_named() -> None:
    """A variable that holds no number is refused by its name."""
    with pytest.raises(ValueError, match="SHIM_OPENAI_V0_ROTATE_BYTES is '100MB'; give a number"):
        StartupSettings.of_environment({"SHIM_OPENAI_V0_ROTATE_BYTES": "100MB"})


def test_an_upgrade_that_is_none_is_named() -> None:
    """A variable that holds a name nobody knows is refused by its own, with the names there are."""
    with pytest.raises(
        ValueError, match="SHIM_OPENAI_V0_UPGRADES: there is no upgrade 'model'; there are engine-to-model, "
    ):
        StartupSettings.of_environment({"SHIM_OPENAI_V0_UPGRADES": "model-successor, model"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rotate-size", "1MB", "p.py"], "are of a recording; give --record FILE, too"),
        (["--record", "day.jsonl", "--rotate-age", "1h", "p.py"], "put {time} into it: day-{time}.jsonl"),
        (["--record", "{time}", "--rotate-keep", "2", "p.py"], "there is one file where nothing rotates"),
    ],
)
def test_a_rotation_that_makes_no_sense_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rotation without a recording, or under one name, ends with what to give before the program runs."""
    assert main(["run", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("version", "arguments", "said"),
    [
        (
            "0.28.1",
            ["--upgrade", "model", "--rollout", "r.toml"],
            "there is no upgrade 'model'; there are engine-to-model, ",
        ),
        ("0.28.1", ["--upgrade", "model-successor"], "without --rollout none does; give --rollout FILE"),
        (None, ["--upgrade", "model-successor", "--rollout", "r.toml"], "install openai==0.28.1, or leave it out"),
    ],
)
def test_an_upgrade_of_no_effect_is_refused(
    version: str | None,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An upgrade nobody knows, or that changes no call, ends with what to give before the program runs."""
    monkeypatch.setattr("shim.compat.openai_v0.installation.real_version", lambda: version)
    assert main(["run", *arguments, "p.py"]) == 2
    assert said in capsys.readouterr().err
