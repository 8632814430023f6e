"""KillSwitch: sends all traffic back to control at once, whatever the policy says; a file, a flag, or the environment.

Not the store's switch, which a `Rollout` with a store reads along with the rest (`store_sync`). Any one that is thrown wins. One
that cannot be read never promotes: what it said last holds, and nothing goes further than it was.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

from shim.migration.flag_reader import FlagError, FlagReader
from shim.migration.policy import PolicyError, checked_seconds
from shim.migration.sources.source import describe
from shim.migration.watched_file import read_regular, settled_path

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient
    from openfeature.flag_evaluation import FlagEvaluationDetails

__all__ = ["KillSwitch", "SwitchState", "worst"]

Position: TypeAlias = Literal["clear", "unknown", "thrown"]

VARIABLE = "SHIM_KILL_SWITCH"

# What a file or variable may hold without throwing the switch, for those whose files always exist (config maps). All else throws.
_CLEAR_WORDS = frozenset({"0", "false", "no"})
_MAX_WORD = 64


class SwitchState(Struct, frozen=True):
    """Where a switch stands.

    Attributes:
        position: "clear", "thrown", or "unknown" where it cannot be read and was not thrown when it was last read.
        why: which switch, and what it says, for people; empty for clear.
    """

    position: Position
    why: str = ""


CLEAR = SwitchState("clear")


def worst(looks: Iterable[Callable[[], SwitchState]]) -> SwitchState:
    """The state that counts of several switches: any thrown one, else any unknown one."""
    found = CLEAR
    for look in looks:
        state = look()
        if state.position == "thrown":
            return state
        if state.position == "unknown":
            found = state
    return found


class KillSwitch:
    """A switch that any process, person or machine can throw.

    Args:
        file: the switch is thrown while this file exists, empty or not, readable or not, unless it holds "0", "false" or "no".
            `touch FILE`.
        flag: an OpenFeature client and the key of a boolean flag; true throws.
        environment: the name of a variable, read once, here: it throws at (re)start only, since nothing outside can change
            the environment of a running process. Set and not empty, "0", "false" or "no", it throws.
        environ: None is `os.environ`.
        check_every: seconds between two looks at the file, in the caller's thread.
        max_age: seconds after which the flag is evaluated again, on a thread of its own.
        wait: seconds to wait here for the flag's first answer.

    Attributes:
        looks: a look at each switch there is, for whoever has more of them.

    Raises:
        PolicyError: an argument cannot be, or the file's place cannot be read (a directory, say).
    """

    def __init__(
        self,
        *,
        file: str | os.PathLike[str] | None = None,
        flag: tuple[OpenFeatureClient, str] | None = None,
        environment: str = VARIABLE,
        environ: Mapping[str, str] | None = None,
        check_every: float = 0.2,
        max_age: float = 0.5,
        wait: float = 1.0,
    ) -> None:
        value = (os.environ if environ is None else environ).get(environment, "")
        self._environment = SwitchState("thrown", f"environment {environment}") if _throws(value) else CLEAR
        file_switch = None if file is None else _FileSwitch(file, check_every=check_every)
        self._flag = None if flag is None else _FlagSwitch(*flag, max_age=max_age, wait=wait)
        self.looks: tuple[Callable[[], SwitchState], ...] = tuple(
            each.state for each in (file_switch, self._flag) if each is not None
        )
        if self._environment is not CLEAR:
            self.looks = (lambda: self._environment, *self.looks)

    def state(self) -> SwitchState:
        """Where it stands now: never blocks, never raises."""
        return worst(self.looks)

    def close(self) -> None:
        """End the flag's thread, where there is one."""
        if self._flag is not None:
            self._flag.close()


class _FileSwitch:
    def __init__(self, path: str | os.PathLike[str], *, check_every: float) -> None:
        self._path = settled_path(path, field="file")
        self._check_every = checked_seconds(check_every, field="check_every", least=0)
        self._look_at = 0.0
        self._said_no = False  # it was there and did not throw, as a config map's
        self._state = self._look()
        if self._state.position == "unknown":
            raise PolicyError(f"kill switch {self._state.why}; give a path where a file can be made", field="file")

    def state(self) -> SwitchState:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + self._check_every
            found = self._look()
            # What it said last holds: unreadable is no way to release it.
            if found.position != "unknown" or self._state.position != "thrown":
                self._state = found
        return self._state

    def _look(self) -> SwitchState:
        try:
            content, _ = read_regular(self._path, most=_MAX_WORD)
        except FileNotFoundError:
            self._said_no = False
            if self._path.parent.is_dir():
                return CLEAR
            return SwitchState("unknown", f"file {self._path} cannot be read: its folder is missing")
        except OSError as error:
            # Whoever made it may have a umask that keeps it from this process: being there is all it takes.
            position: Position = "thrown" if not self._said_no and self._is_closed_file(error) else "unknown"
            return SwitchState(position, f"file {self._path} cannot be read: {error.strerror or error}")
        thrown = _throws(content.decode("utf-8-sig", "replace"), empty=True)
        self._said_no = not thrown
        return SwitchState("thrown", f"file {self._path}") if thrown else CLEAR

    def _is_closed_file(self, error: OSError) -> bool:
        """Whether the file is there, and this process may not read it."""
        try:
            return isinstance(error, PermissionError) and stat.S_ISREG(self._path.stat().st_mode)
        except OSError:
            return False


class _FlagSwitch:
    def __init__(self, client: OpenFeatureClient, key: str, *, max_age: float, wait: float) -> None:
        self._key = key
        self._state = SwitchState("unknown", f"flag {key} has not answered yet")
        self._silent = SwitchState("unknown", f"flag {key}: the provider does not answer")
        self._reader = FlagReader(
            client,
            key,
            kind="boolean",
            max_age=max_age,
            context=None,
            on_details=self._read,
            on_error=self._failed,
        )
        if wait > 0:
            self._reader.wait(wait)

    def state(self) -> SwitchState:
        self._reader.ensure()
        return self._silent if self._state is CLEAR and self._reader.is_silent() else self._state

    def close(self) -> None:
        self._reader.close()

    def _read(self, details: FlagEvaluationDetails[Any]) -> None:
        if details.reason == "DISABLED":  # the value is the code default: nobody has said anything
            raise FlagError("the flag is disabled, so it says nothing")
        if not isinstance(details.value, bool):
            raise FlagError(f"the value is of type {type(details.value).__name__}, no boolean")
        self._state = SwitchState("thrown", f"flag {self._key}") if details.value else CLEAR

    def _failed(self, error: Exception) -> None:
        if self._state.position != "thrown":
            self._state = SwitchState("unknown", f"flag {self._key} cannot be read: {describe(error)}")


def _throws(text: str, *, empty: bool = False) -> bool:
    word = text.strip().lower()
    return word not in _CLEAR_WORDS if word else empty
