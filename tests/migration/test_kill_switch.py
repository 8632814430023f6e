"""Tests of the kill switch: what throws it, what releases it, and what it says when it cannot be read."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.flag_evaluation import FlagResolutionDetails, Reason

from shim.migration import KillSwitch, PolicyError
from tests.migration.helpers.flags import Answering, client_of, in_memory
from tests.migration.helpers.waiting import in_child, wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file of a switch may be."""
    return tmp_path / "kill"


@pytest.fixture
def switch(path: Path) -> KillSwitch:
    """A switch that looks for its file each time."""
    return KillSwitch(file=path, environ={}, check_every=0)


@pytest.fixture(autouse=True)
def _providers() -> Iterator[None]:
    yield
    api.shutdown()


@pytest.mark.parametrize("content", ["", "\n", "1", "true", "off", "please", "\x00\xff"])
def test_a_file_throws_it(switch: KillSwitch, path: Path, content: str) -> None:
    """A file that is there throws the switch, whatever it holds, and says which file; taken away, it is released."""
    assert switch.state().position == "clear"
    path.write_text(content)
    assert switch.state().position == "thrown"
    assert str(path) in switch.state().why
    path.unlink()
    assert switch.state().position == "clear"


@pytest.mark.parametrize("content", ["0", "false", " No\n", "\ufefffalse\r\n"])
def test_a_file_may_be_there_and_say_no(switch: KillSwitch, path: Path, content: str) -> None:
    """A file that always exists, as a config map's, says 0, false or no."""
    path.write_text(content)
    assert switch.state().position == "clear"


def test_a_file_that_cannot_be_read_is_unknown(switch: KillSwitch, path: Path) -> None:
    """A directory, a pipe and a folder that is gone neither throw nor clear."""
    path.mkdir()
    assert switch.state().position == "unknown"
    path.rmdir()
    os.mkfifo(path)
    assert switch.state().position == "unknown"
    path.unlink()
    path.parent.rename(path.parent.with_name("moved"))
    assert switch.state().position == "unknown"
    assert "folder is missing" in switch.state().why


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are not this process's to read, whoever runs the test."""
    open_file = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = open_file(path, flags, mode)
        if flags & os.O_CREAT:  # the test's own
            return descriptor
        os.close(descriptor)
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shim.migration.watched_file.os.open", refuse)


@pytest.mark.usefixtures("closed")
def test_a_file_that_is_not_ours_to_read_throws(path: Path) -> None:
    """What somebody with another user and a strict umask touches throws the switch, in a running process and at a start."""
    switch = KillSwitch(file=path, environ={}, check_every=0)
    assert switch.state().position == "clear"
    path.touch()
    assert switch.state().position == "thrown"
    assert "Permission denied" in switch.state().why
    assert KillSwitch(file=path, environ={}).state().position == "thrown"
    path.unlink()
    assert switch.state().position == "clear"


def test_a_no_that_can_no_longer_be_read_is_unknown(
    switch: KillSwitch, path: Path, request: pytest.FixtureRequest
) -> None:
    """A file that is always there and said no is not thrown by a change of its permissions."""
    path.write_text("0")
    assert switch.state().position == "clear"
    request.getfixturevalue("closed")
    assert switch.state().position == "unknown"


def test_the_path_is_that_of_the_folder_of_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that changes its folder after the set-up, as a daemon does, is stopped by the same file."""
    monkeypatch.chdir(path.parent)
    switch = KillSwitch(file=path.name, environ={}, check_every=0)
    monkeypatch.chdir("/")
    path.touch()
    assert switch.state().position == "thrown"


def test_a_thrown_switch_that_cannot_be_read_stays_thrown(switch: KillSwitch, path: Path) -> None:
    """Being unreadable releases nothing."""
    path.touch()
    assert switch.state().position == "thrown"
    path.unlink()
    path.mkdir()
    assert switch.state().position == "thrown"
    path.rmdir()
    assert switch.state().position == "clear"


def test_a_forked_child_sees_the_file(switch: KillSwitch, path: Path) -> None:
    """A child that was forked before sees the switch thrown afterwards."""

    def work() -> str:
        path.touch()
        return switch.state().position

    assert in_child(work) == "thrown"


@pytest.mark.parametrize(("value", "position"), [("1", "thrown"), ("yes", "thrown"), ("0", "clear"), ("", "clear")])
def test_the_environment_throws_it_at_the_start(value: str, position: str) -> None:
    """A variable throws the switch of a process that is started with it."""
    assert KillSwitch(environ={"SHIM_KILL_SWITCH": value}).state().position == position


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the variable afterwards changes nothing."""
    monkeypatch.delenv("SHIM_KILL_SWITCH", raising=False)
    switch = KillSwitch()
    monkeypatch.setenv("SHIM_KILL_SWITCH", "1")
    assert switch.state().position == "clear"
    assert KillSwitch().state().position == "thrown"


def test_a_flag_throws_it() -> None:
    """A boolean flag of a real provider throws and releases the switch."""
    answers = [True]
    provider = Answering(lambda _default: FlagResolutionDetails(answers[0], reason=Reason.STATIC))
    switch = KillSwitch(flag=(client_of(provider), "kill"), environ={}, max_age=0.02)
    try:
        assert switch.state().position == "thrown"
        answers[0] = False
        wait_until(lambda: switch.state().position == "clear")
    finally:
        switch.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shim-flag")]


@pytest.mark.parametrize(
    "details",
    [
        FlagResolutionDetails(value=False, reason=Reason.DISABLED),
        FlagResolutionDetails(value=False, reason=Reason.ERROR),
        FlagResolutionDetails("no", reason=Reason.STATIC),
    ],
    ids=["disabled", "error", "no boolean"],
)
def test_a_flag_that_says_nothing_is_unknown(details: FlagResolutionDetails[Any]) -> None:
    """A flag that is disabled, faulty or no boolean neither clears the switch nor throws it; a thrown one stays."""
    answers = [details]
    provider = Answering(lambda _default: answers[0])
    switch = KillSwitch(flag=(client_of(provider), "kill"), environ={}, max_age=0.02)
    try:
        assert switch.state().position == "unknown"
        answers[0] = FlagResolutionDetails(value=True, reason=Reason.STATIC)
        wait_until(lambda: switch.state().position == "thrown")
        answers[0] = details
        asked = provider.calls
        wait_until(lambda: provider.calls > asked + 2)
        assert switch.state().position == "thrown"
    finally:
        switch.close()


def test_a_flag_that_hangs_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that no longer answers does not keep the switch clear for ever."""
    monkeypatch.setattr("shim.migration.refresher.SILENT_SECONDS", 0.05)
    release = threading.Event()
    provider = Answering(lambda _default: FlagResolutionDetails(value=False, reason=Reason.STATIC))
    switch = KillSwitch(flag=(client_of(provider), "kill"), environ={}, max_age=0.02)

    def hang(_default: object) -> FlagResolutionDetails[Any]:
        release.wait(10.0)
        return FlagResolutionDetails(value=False, reason=Reason.STATIC)

    try:
        wait_until(lambda: switch.state().position == "clear")
        provider.answer = hang
        wait_until(lambda: switch.state().position == "unknown")
        assert "does not answer" in switch.state().why
        release.set()
        wait_until(lambda: switch.state().position == "clear")
    finally:
        release.set()
        switch.close()


def test_any_one_wins(path: Path) -> None:
    """Of several switches one that is thrown counts, then one that is unknown."""
    missing = (client_of(in_memory()), "kill")
    with_flag = KillSwitch(file=path, flag=missing, environ={}, check_every=0, max_age=0.02)
    try:
        assert with_flag.state().position == "unknown"
        path.touch()
        assert with_flag.state().position == "thrown"
    finally:
        with_flag.close()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"file": 7}, "file"),
        ({"file": "."}, "file"),
        ({"file": "a\0b"}, "file"),
        ({"file": "no/such/folder/kill"}, "file"),
        ({"file": "kill", "check_every": -1}, "check_every"),
        ({"file": "kill", "check_every": "0.2"}, "check_every"),
        ({"file": "kill", "check_every": None}, "check_every"),
    ],
)
def test_a_place_that_cannot_be_is_refused(settings: dict[str, Any], field: str) -> None:
    """A path where no file can be made is an error at set-up: the switch would never work."""
    with pytest.raises(PolicyError) as caught:
        KillSwitch(**settings)
    assert caught.value.field == field
