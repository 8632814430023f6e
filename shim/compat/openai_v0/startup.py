"""What happens when a program that `shim run` started imports openai: the installation that the environment asks for.

Not the command (`shim.cli.run`) nor the installing (`installation`). The environment is what every process inherits that the
program starts, however it does that: spawn, fork, `subprocess`.

    PYTHONPATH              begins with `folder()`
    SHIM_OPENAI_V0          "legacy" or "native": the candidate, or what carries chat where the real openai 0.28 is not there
    SHIM_OPENAI_V0_ROLLOUT  a policy file, as `shim.migration.FilePolicy` takes it
    SHIM_OPENAI_V0_UPGRADES  names of `shim.migration.upgrades`, separated by commas: what a call gets before the candidate does
    SHIM_OPENAI_V0_RECORD   a file to record exchanges into; or several, where its name holds {time}, with
    SHIM_OPENAI_V0_ROTATE_BYTES, SHIM_OPENAI_V0_ROTATE_SECONDS, SHIM_OPENAI_V0_ROTATE_KEEP  as `RotatingFile` takes them
    SHIM_INSECURE_HOSTS     hosts that may get the key over plain HTTP, as `shim.plain_http` has it
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import importlib.machinery
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from msgspec import Struct

from shim.compat.openai_v0.finder import NAME
from shim.compat.openai_v0.installation import Installation, install, real_version
from shim.compat.openai_v0.transport.choice import VARIABLE
from shim.plain_http import VARIABLE as HOSTS_VARIABLE
from shim.recording.rotation import RecordingPath, RotatingFile

ROLLOUT_VARIABLE = f"{VARIABLE}_ROLLOUT"
RECORD_VARIABLE = f"{VARIABLE}_RECORD"
UPGRADES_VARIABLE = f"{VARIABLE}_UPGRADES"
_ROTATION_VARIABLES = {name: f"{VARIABLE}_{name.upper()}" for name in ("rotate_bytes", "rotate_seconds", "rotate_keep")}


class StartupSettings(Struct, frozen=True, kw_only=True):
    """What to install; None leaves each to its default.

    Attributes:
        provider: "legacy" or "native".
        rollout: path of a policy file.
        upgrades: names of what a call gets before the candidate does, separated by commas.
        record: path of a recording.
        rotate_bytes, rotate_seconds, rotate_keep: when it goes on in another file, and how many stay; see `RotatingFile`.
        insecure_hosts: separated by commas.
    """

    provider: str | None = None
    rollout: str | None = None
    upgrades: str | None = None
    record: str | None = None
    rotate_bytes: int | None = None
    rotate_seconds: float | None = None
    rotate_keep: int | None = None
    insecure_hosts: str | None = None

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> StartupSettings:
        """Read them.

        Raises:
            ValueError: a limit of the rotation is no number, or an upgrade is none; the message names its variable.
        """
        names = {"provider": VARIABLE, "rollout": ROLLOUT_VARIABLE, "record": RECORD_VARIABLE}
        names |= {"upgrades": UPGRADES_VARIABLE, "insecure_hosts": HOSTS_VARIABLE}
        given: dict[str, Any] = {field: environ.get(name) or None for field, name in names.items()}
        limits = {field: _limit(environ, name) for field, name in _ROTATION_VARIABLES.items()}
        settings = cls(**given, **limits)
        unknown = unknown_upgrade(settings.upgrade_names)
        if unknown is not None:
            raise ValueError(f"{UPGRADES_VARIABLE}: {unknown}")
        return settings

    @property
    def upgrade_names(self) -> tuple[str, ...]:
        """The names of the upgrades."""
        return tuple(filter(None, map(str.strip, (self.upgrades or "").split(","))))

    @property
    def recording(self) -> RecordingPath | None:
        """Where exchanges are recorded: one file, or one after the other.

        Raises:
            ValueError: the limits and the name do not go together.
        """
        limits = {name: getattr(self, name) for name in _ROTATION_VARIABLES}
        if self.record is None or not any(limits.values()):
            return self.record
        return RotatingFile(self.record, **limits)

    def variables(self) -> dict[str, str]:
        """As variables of the environment; paths whole, since a program may change its folder."""
        paths = {ROLLOUT_VARIABLE: self.rollout, RECORD_VARIABLE: self.record}
        told = {name: str(Path(path).absolute()) for name, path in paths.items() if path is not None}
        limits = {name: getattr(self, field) for field, name in _ROTATION_VARIABLES.items()}
        words = {
            VARIABLE: self.provider,
            UPGRADES_VARIABLE: self.upgrades,
            HOSTS_VARIABLE: self.insecure_hosts,
            **limits,
        }
        return told | {name: str(word) for name, word in words.items() if word is not None}


def unknown_upgrade(names: Sequence[str]) -> str | None:
    """What is wrong with the first name that is no upgrade's; None where all are."""
    if not names:
        return None
    from shim.migration.upgrades import UPGRADES

    unknown = next((name for name in names if name not in UPGRADES), None)
    return None if unknown is None else f"there is no upgrade {unknown!r}; there are {', '.join(UPGRADES)}"


def _limit(environ: Mapping[str, str], name: str) -> Any:
    text = environ.get(name)
    if not text:
        return None
    try:
        return float(text) if name == _ROTATION_VARIABLES["rotate_seconds"] else int(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}; give a number, or take the variable away") from None


def folder() -> str:
    """The folder that is put on the path."""
    return str(Path(__file__).resolve().parent.parent / "openai_v0_on_path")


def begin(*, folder: str) -> None:
    """Make `import openai`, which is under way, give what is installed.

    Args:
        folder: of the stand-in that was found. It stays on the path, which children of `multiprocessing` are given.
    """
    place, path = Path(folder).resolve().parent, list(sys.path)
    stand_in = sys.modules.pop(NAME)
    sys.path[:] = [each for each in path if not each or Path(each).resolve() != place]
    try:
        if hasattr(stand_in, "ChatCompletion"):
            _run_again(stand_in)
            return
        if not _installed:
            _installed.append(installed_from(StartupSettings.of_environment(os.environ)))
        importlib.import_module(NAME)
        _installed[0].renew()
    except BaseException:
        sys.modules[NAME] = stand_in  # the import machinery takes it out again
        raise
    finally:
        sys.path[:] = path


def _run_again(library: ModuleType) -> None:
    """Be `importlib.reload` of the real library, which found the stand-in in its place: the same module, with fresh settings."""
    spec = importlib.machinery.PathFinder.find_spec(NAME)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {NAME!r}", name=NAME)
    sys.modules[NAME] = library
    library.__spec__, library.__loader__, library.__file__ = spec, spec.loader, spec.origin
    library.__path__ = list(spec.submodule_search_locations or ())
    spec.loader.exec_module(library)


_installed: list[Installation] = []  # at most one for each process; a program may import openai anew


def installed_from(settings: StartupSettings) -> Installation:
    """Install, and see to it that what is recorded and counted is written when the process ends.

    Raises:
        PolicyError, UnsupportedFeatureError, OSError, ValueError: something cannot be used; the message names it.
    """
    with contextlib.ExitStack() as failing:
        rollout = None if settings.rollout is None else failing.enter_context(_rollout(settings.rollout))
        given: dict[str, Any] = {"rollout": rollout, "upgrades": settings.upgrade_names}
        if real_version() is not None and rollout is not None:
            given["candidate"] = settings.provider or "native"
        installation = install(**given, record=settings.recording)
        ending = failing.pop_all()
    if settings.record is not None:
        ending.callback(installation.recording.flush)
    atexit.register(ending.close)
    return installation


def _rollout(path: str) -> Any:
    from shim.migration import FilePolicy, Rollout

    return Rollout(FilePolicy(path))
