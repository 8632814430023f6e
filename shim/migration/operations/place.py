"""RolloutPlace: where a rollout's policy, store, plan, history and switches are.

Not what is done with them (`operator`, `switching_off`). An option wins over its environment variable, and that over one TOML
file:

    flag = "openai"
    policy = "policy.toml"         # a path; leave it out where the store keeps the policy
    store = "rollout.db"           # a path, or redis://HOST:PORT/DB
    plan = "plan.toml"
    history = "history.jsonl"      # leave it out where the store keeps it
    kill_switch = "kill"           # the file that throws the kill switch by being there
    samples = "samples.jsonl"      # `watch` adds to it, `report` plots it

    [guard]                        # as the service's `Guard` has them
    tolerated_ratio = 1.25

Paths in the file are relative to its folder.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shim.migration.policy import PolicyError
from shim.migration.policy_file import read_toml
from shim.migration.watched_file import read_regular

if TYPE_CHECKING:
    from shim.migration.guard import Guard
    from shim.migration.store import Store

__all__ = ["CONFIG_NAME", "RolloutPlace", "place_of", "salvaged_place"]

CONFIG_NAME = "shim-rollout.toml"
CONFIG_VARIABLE = "SHIM_ROLLOUT"

# A configuration has a dozen lines; more is a mistake in the path.
_MAX_BYTES = 64 * 1024

_PATHS = ("policy", "plan", "history", "kill_switch", "samples")
_SERVERS = ("redis://", "rediss://", "unix://")


class GuardOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of the service's guard: evidence is kept under a name that holds them. See `Guard`.

    `mode` is "none" where the service has no guard: then none is asked before a step.
    """

    alpha: float = 0.05
    tolerated_ratio: float = 1.25
    minimum_units: int = 30
    mode: str = "observe"


class RolloutPlace(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a rollout is.

    Attributes:
        flag: its name.
        policy, plan, history, kill_switch, samples: paths; None where there is none.
        store: a path or a server's address; None where there is none.
        guard: the service's settings.
    """

    flag: str = "openai"
    policy: str | None = None
    store: str | None = None
    plan: str | None = None
    history: str | None = None
    kill_switch: str | None = None
    samples: str | None = None
    guard: GuardOptions = GuardOptions()

    def open_store(self) -> Store | None:
        """The store; None where none is named.

        Raises:
            PolicyError: there is no such file. None is made: nobody would read it.
            StoreError: it cannot be used.
        """
        if self.store is None:
            return None
        if self.store.startswith(_SERVERS):
            from shim.migration.store import RedisStore

            try:
                return RedisStore(self.store, time_limit=2.0)
            except ValueError as error:  # says what is wrong with the address, without the password in it
                raise PolicyError(f"store: {error}", field="store") from None
        from shim.migration.store import SqliteStore

        if not Path(self.store).exists():
            raise PolicyError(
                f"store {self.store} is not there; give the path that the service uses, which makes it", field="store"
            )
        return SqliteStore(self.store, time_limit=2.0)

    def make_guard(self) -> Guard:
        """A guard that reads the evidence as the service's does, and never acts.

        Raises:
            PolicyError: its settings cannot be.
        """
        from shim.migration.guard import Guard

        options = self.guard
        if options.mode not in ("observe", "enforce", "none"):
            raise PolicyError(
                f"guard.mode is {options.mode!r}; give 'observe', 'enforce' or 'none'", field="guard.mode"
            )
        try:
            return Guard(
                alpha=options.alpha, tolerated_ratio=options.tolerated_ratio, minimum_units=options.minimum_units
            )
        except ValueError as error:
            raise PolicyError(f"guard: {error}", field="guard") from None


def place_of(
    given: Mapping[str, str | None],
    *,
    config: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> RolloutPlace:
    """Where a rollout is, from what was given.

    Args:
        given: attribute of `RolloutPlace` -> what an option says; None where it was left out.
        config: path of the file; None is `SHIM_ROLLOUT`, else `shim-rollout.toml` here if it is there.
        environ: of `SHIM_ROLLOUT_POLICY`, `_STORE` and so on; None is `os.environ`.

    Raises:
        PolicyError: the file cannot be read, or something in it cannot be; `field` names it.
    """
    environ = os.environ if environ is None else environ
    path = _config(config, environ)
    return replace(RolloutPlace() if path is None else _read(path), **_told(given, environ))


def salvaged_place(
    given: Mapping[str, str | None],
    *,
    config: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> RolloutPlace:
    """What can still be known where the file is broken, for the emergency stop: the lines that can be read. Never raises."""
    environ = os.environ if environ is None else environ
    path = _config(config, environ)
    place = RolloutPlace() if path is None else _salvaged(path)
    return replace(place, **_told(given, environ))


_OPTIONS = ("flag", "store", *_PATHS)

# A line of the file as it is nearly always written.
_LINE = re.compile(rf"^\s*({'|'.join(_OPTIONS)})\s*=\s*(?:\"([^\"\n]*)\"|'([^'\n]*)')", re.MULTILINE)


def _config(config: str | None, environ: Mapping[str, str]) -> Path | None:
    named = config or environ.get(CONFIG_VARIABLE) or (CONFIG_NAME if Path(CONFIG_NAME).exists() else None)
    return None if named is None else Path(named)


def _told(given: Mapping[str, str | None], environ: Mapping[str, str]) -> dict[str, Any]:
    told = {name: given.get(name) or environ.get(f"{CONFIG_VARIABLE}_{name.upper()}") for name in _OPTIONS}
    return {name: value for name, value in told.items() if value}


def _salvaged(path: Path) -> RolloutPlace:
    try:
        content, _ = read_regular(path, most=_MAX_BYTES)
    except OSError:
        return RolloutPlace()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    text = content.decode(encoding, "replace")
    lines = {found[1]: found[2] or found[3] for found in _LINE.finditer(text)}
    place = RolloutPlace(**{name: value for name, value in lines.items() if value and "\0" not in value})  # type: ignore[arg-type]  # strings all
    return replace(place, **_beside(path, place))


def _read(path: Path) -> RolloutPlace:
    try:
        content, _ = read_regular(path, most=_MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror or error}", field="config") from error
    if len(content) > _MAX_BYTES:
        raise PolicyError(f"{path} has over {_MAX_BYTES} bytes; give the path of a {CONFIG_NAME}", field="config")
    if not content.strip():
        raise PolicyError(f'{path} is empty; name the policy or the store in it, such as policy = "policy.toml"')
    try:
        place = msgspec.convert(read_toml(content), RolloutPlace)
    except (PolicyError, msgspec.ValidationError) as error:
        raise PolicyError(
            f"{path}: {error}; its keys are {', '.join((*_OPTIONS, '[guard]'))}", field="config"
        ) from None
    return replace(place, **_beside(path, place))


def _beside(path: Path, place: RolloutPlace) -> dict[str, Any]:
    """The paths of a file, relative to its folder."""
    found = {name: getattr(place, name) for name in (*_PATHS, "store")}
    return {
        name: str(path.absolute().parent / value)
        for name, value in found.items()
        if value is not None and not value.startswith(_SERVERS)
    }
