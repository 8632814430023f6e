"""Switching off: sends all traffic back to control by every switch that can be reached, however broken the rest is.

Not the switch itself (`shim.migration.kill_switch`), not a step of a plan (`operator`). Each switch is tried by itself, and none
needs another: neither a policy that can be read, nor a plan, nor a store.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from shim.migration.history import Entry, Event, HistoryFile, StoreHistory
from shim.migration.operations.place import RolloutPlace
from shim.migration.operations.policy_writing import read_policy_bytes, write_policy_file
from shim.migration.operations.words import kept_name, kept_words
from shim.migration.policy import Policy, PolicyError, Stage
from shim.migration.policy_file import parse_policy_file

__all__ = ["SwitchAttempt", "release", "switch_off"]

_MODE = 0o644  # of the kill switch's file: services of other users read it


class SwitchAttempt(Struct, frozen=True, kw_only=True):
    """What became of one switch.

    Attributes:
        what: the switch and where it is.
        fault: why it could not be reached; empty where it was.
        counts: whether this switch alone stops every process; the history does not.
    """

    what: str
    fault: str = ""
    counts: bool = True

    @property
    def reached(self) -> bool:
        """Whether it was done."""
        return not self.fault


def switch_off(place: RolloutPlace, *, by: str, reason: str) -> list[SwitchAttempt]:
    """Throw the kill switch's file and the store's switch, and write stage off, wherever they are; what became of each.

    The policy is written too, so that lifting the switches brings no traffic back by itself.
    """
    by, reason = kept_name(by), kept_words(reason)
    attempts = []
    if place.kill_switch is not None:
        path = Path(place.kill_switch)
        attempts.append(_try(f"kill switch file {path}", lambda: _throw(path, f"{reason} ({by})")))
    if place.store is not None:
        attempts.append(_try("kill switch of the store", lambda: _switch_store(place, on=True, by=by, reason=reason)))
    if place.policy is not None:
        policy = place.policy
        attempts.append(_try(f"policy {policy}", lambda: _write_off(policy)))
    elif place.store is not None:
        attempts.append(_try("policy in the store", lambda: _store_off(place, by=by)))
    return [*attempts, *_told(place, event="killed", by=by, reason=reason)] if attempts else []


def release(place: RolloutPlace, *, by: str, reason: str) -> list[SwitchAttempt]:
    """Lift the kill switch's file and the store's switch; the policy stays as it is."""
    by, reason = kept_name(by), kept_words(reason)
    attempts = []
    if place.kill_switch is not None:
        path = Path(place.kill_switch)
        attempts.append(_try(f"kill switch file {path}", lambda: path.unlink(missing_ok=True)))
    if place.store is not None:
        attempts.append(_try("kill switch of the store", lambda: _switch_store(place, on=False, by=by, reason=reason)))
    return [*attempts, *_told(place, event="released", by=by, reason=reason)] if attempts else []


def _try(what: str, act: Callable[[], object]) -> SwitchAttempt:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever breaks one switch, the next one is tried
        told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return SwitchAttempt(what=what, fault=told or type(error).__name__)
    return SwitchAttempt(what=what)


def _throw(path: Path, text: str) -> None:
    """Make the file, at once; without its text where there is no room for that."""
    if path.is_dir():
        raise IsADirectoryError(None, "it is a directory")
    try:
        handle, beside = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    except PermissionError:  # no new file may be made here; one that is there can still be written
        path.write_text(f"thrown: {text}\n", encoding="utf-8")
        return
    try:
        os.fchmod(handle, _MODE)
        with contextlib.suppress(OSError), os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(f"thrown: {text}\n")  # a full disk has no room for it; the file throws by being there
        Path(beside).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(beside).unlink()
        raise


def _switch_store(place: RolloutPlace, *, on: bool, by: str, reason: str) -> None:
    store = place.open_store()
    if store is not None:
        with store:
            store.write_kill_switch(place.flag, on=on, by=by, reason=reason)


def _write_off(path: str) -> None:
    """Write stage off: with the rest of the file where it can be read, else over it, since broken is not off.

    What was broken is kept beside it, with `.broken` at its name's end.
    """
    try:
        before = read_policy_bytes(path)
        policy = parse_policy_file(before, name=path)
    except PolicyError:
        with contextlib.suppress(OSError):
            shutil.copy2(path, f"{path}.broken")
        write_policy_file(path, Policy(), before=None)
        return
    off = Policy.parse({**policy.to_dict(), "stage": Stage.OFF.value})
    write_policy_file(path, off, before=before)


def _store_off(place: RolloutPlace, *, by: str) -> None:
    store = place.open_store()
    if store is None:
        return
    with store:
        stored = store.read_policy(place.flag)
        try:
            policy = Policy() if stored is None else Policy.parse(stored.mapping)
        except PolicyError:
            policy = Policy()
        off = Policy.parse({**policy.to_dict(), "stage": Stage.OFF.value})
        store.write_policy(place.flag, off.to_dict(), expected=None, by=by)


def _told(place: RolloutPlace, *, event: Event, by: str, reason: str) -> list[SwitchAttempt]:
    entry = Entry(event=event, flag=place.flag, by=by, to="off@0" if event == "killed" else "", reason=reason)
    if place.history is not None:
        path = place.history
        attempt = _try(f"history {path}", lambda: HistoryFile(path).append(entry, always=True))
    elif place.store is not None:
        attempt = _try("history in the store", lambda: _tell_store(place, entry))
    else:
        return []
    return [SwitchAttempt(what=attempt.what, fault=attempt.fault, counts=False)]


def _tell_store(place: RolloutPlace, entry: Entry) -> None:
    store = place.open_store()
    if store is not None:
        with store:
            StoreHistory(store, flag=place.flag).append(entry, always=True)
