"""EnvironmentPolicy: a policy from environment variables, read once, when it is made.

Not a way to change a running process: nothing outside can change its environment, so this one moves at (re)start only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from shim.migration.policy import Policy, PolicyError
from shim.migration.sources.source import ConstantPolicy

__all__ = ["EnvironmentPolicy"]


def _number(text: str) -> float:
    return float(text)


# Variable after the prefix -> key of the policy, and how its text is read. `only` is no text: use a file for it.
_VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "STAGE": ("stage", str.strip),
    "PERCENT": ("percent", _number),
    "SALT": ("salt", str),
    "SHADOW_PERCENT": ("shadow_percent", _number),
    "COMPARE_PERCENT": ("compare_percent", _number),
}


# Variables of the command line that begin alike: they say where the rollout is, and are no part of a policy.
_OF_THE_PLACE = ("POLICY", "STORE", "PLAN", "FLAG", "HISTORY", "KILL_SWITCH", "SAMPLES")


class EnvironmentPolicy(ConstantPolicy):
    """`SHIM_ROLLOUT_STAGE`, `_PERCENT`, `_SALT`, `_SHADOW_PERCENT`, `_COMPARE_PERCENT`; off where no stage is set.

    Those of `shim rollout` (`SHIM_ROLLOUT_STORE` and so on) are not looked at.

    Args:
        prefix: of the variables.
        environ: None is `os.environ`.

    Raises:
        PolicyError: a variable's value cannot be, a variable with the prefix is unknown, or there are some, but no stage; the
            message and `field` name the variable.
    """

    def __init__(self, *, prefix: str = "SHIM_ROLLOUT_", environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        others = {f"{prefix}{each}" for each in _OF_THE_PLACE}
        found = {name: value for name, value in environ.items() if name.startswith(prefix) and name not in others}
        super().__init__(_policy(found, prefix))
        self.health = replace(self.health, source=f"environment {prefix}*", by=f"environment {prefix}*")


def _policy(found: Mapping[str, str], prefix: str) -> Policy:
    if not found:
        return Policy()
    values = dict(_item(name, text, prefix=prefix) for name, text in found.items())
    try:
        return Policy.parse(values)
    except PolicyError as error:
        variable = f"{prefix}{(error.field or '').upper()}"
        raise PolicyError(f"{variable}: {error}", field=variable) from None


def _item(name: str, text: str, *, prefix: str) -> tuple[str, Any]:
    known = _VARIABLES.get(name.removeprefix(prefix))
    if known is None:
        names = ", ".join(f"{prefix}{each}" for each in _VARIABLES)
        raise PolicyError(f"{name} is no variable of a policy; these are: {names}", field=name)
    key, read = known
    try:
        return key, read(text)
    except ValueError:
        raise PolicyError(f"{name} is {text[:60]!r}; give a number from 0 to 100", field=name) from None
