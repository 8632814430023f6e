"""Policy: the stage of a rollout and the share of units the candidate serves; parsed strictly, immutable.

Not where it comes from (`sources`), not what is decided by it (`rollout`), not the plan of steps (`plan`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from functools import cached_property, partial
from typing import Any

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from shim.migration.bucketing import BUCKETS
from shim.model import ShimError

__all__ = ["Policy", "PolicyError", "Stage"]

# So many values of one attribute, so many attributes: a policy is read often and kept in a store, it is no list of customers.
MAX_VALUES = 1000
MAX_SALT_CHARACTERS = 100


class Stage(str, Enum):
    """How far a rollout is, in this order; compares equal to its string value.

    off: control serves all, nothing is watched. wire: control serves all, the candidate's request is compared and not sent.
    tee: the candidate also reads the control's response bytes. shadow: the candidate also makes calls of its own, within a
    budget, and their answers are thrown away. ramp: the candidate serves `percent` of the units. complete: it serves all units.
    """

    OFF = "off"
    WIRE = "wire"
    TEE = "tee"
    SHADOW = "shadow"
    RAMP = "ramp"
    COMPLETE = "complete"

    __str__ = str.__str__

    @cached_property
    def position(self) -> int:
        """0 for off, 5 for complete."""
        return list(Stage).index(self)

    @cached_property
    def before(self) -> Stage:
        """The stage one step back; off for off."""
        return list(Stage)[max(0, self.position - 1)]

    # Strings would compare by alphabet, with "complete" before "off".
    def __lt__(self, other: str) -> bool:
        return self.position < Stage(other).position

    def __le__(self, other: str) -> bool:
        return self.position <= Stage(other).position

    def __gt__(self, other: str) -> bool:
        return self.position > Stage(other).position

    def __ge__(self, other: str) -> bool:
        return self.position >= Stage(other).position


class PolicyError(ShimError, ValueError):
    """A policy, or the place it should come from, is not usable; `field` names what: a key of the policy, or the source."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), *self.args, field=self.field), ()


class Policy(Struct, frozen=True, kw_only=True):
    """What a rollout does now. The default is off: control serves everything.

    Attributes:
        stage: how far the rollout is; its string value is taken too.
        percent: of the units, in stage ramp, that the candidate serves: 0 to 100, in steps of 0.01.
        salt: another one draws other units; keep it while a rollout runs.
        shadow_percent: of the requests, from stage shadow on, for which the candidate makes a call of its own: 0 to 100.
        compare_percent: of the exchanges, from stage wire on, that wire and tee compare: 0 to 100.
        only: attribute -> values; the candidate gets only units whose request has one of the values in each of these
            attributes. Empty for no condition.

    Raises:
        PolicyError: a value cannot be; `field` names it.
    """

    stage: Stage = Stage.OFF
    percent: float = 0.0
    salt: str = ""
    shadow_percent: float = 0.0
    compare_percent: float = 100.0
    only: Mapping[str, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        force_setattr(self, "stage", _stage(self.stage))
        for name in ("percent", "shadow_percent", "compare_percent"):
            force_setattr(self, name, _percent(getattr(self, name), name))
        force_setattr(self, "salt", _salt(self.salt))
        force_setattr(self, "only", _only(self.only))

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> Policy:
        """Read a policy from plain data, as a file or a flag holds it: the names of the attributes are the keys.

        Raises:
            PolicyError: not a mapping, an unknown key, or a value that cannot be; `field` names it.
        """
        if not isinstance(mapping, Mapping):
            raise PolicyError(f"a policy is a table of {', '.join(_FIELDS)}, not of type {type(mapping).__name__}")
        for key in mapping:
            if key not in _FIELDS:
                raise PolicyError(
                    f"a policy has no key {shown(key)}; its keys are {', '.join(_FIELDS)}",
                    field=key[:100] if isinstance(key, str) else shown(key),
                )
        policy = cls(**mapping)
        if "stage" not in mapping:  # half a file is no policy
            raise PolicyError(f"stage is missing; give one of {_STAGES}", field="stage")
        return policy

    @property
    def threshold(self) -> int:
        """Units whose bucket is below it are the candidate's: 0 to 10,000."""
        if self.stage is Stage.COMPLETE:
            return BUCKETS
        return round(self.percent * BUCKETS / 100) if self.stage is Stage.RAMP else 0

    @property
    def share(self) -> float:
        """The probability with which a unit is given to the candidate: 0 to 1."""
        return self.threshold / BUCKETS

    @property
    def step(self) -> str:
        """Names the assignment: evidence gathered under one is not mixed with another's, and two processes agree on it."""
        return f"{self.stage}@{self.share * 100:g}" + (f"+{self.salt}" if self.salt else "")

    def capped(self, stage: Stage) -> Policy:
        """The same, at `stage` at most."""
        return self if self.stage <= stage else replace(self, stage=stage)

    def is_beyond(self, other: Policy) -> bool:
        """Whether this gives the candidate anything that `other` does not: then going there is a promotion."""
        further = self.stage > other.stage or self.share > other.share or self.shadow_percent > other.shadow_percent
        return further or (self.only != other.only and self.stage >= Stage.SHADOW)

    def to_dict(self) -> dict[str, Any]:
        """Plain data which `parse` reads again."""
        return {
            "stage": self.stage.value,
            "percent": self.percent,
            "salt": self.salt,
            "shadow_percent": self.shadow_percent,
            "compare_percent": self.compare_percent,
            "only": {name: list(values) for name, values in self.only.items()},
        }


_FIELDS = Policy.__struct_fields__
_STAGES = ", ".join(Stage)


def shown(value: object) -> str:
    """A value in a message: short, and printable whatever it is."""
    try:
        text = ascii(value)  # a lone surrogate could not be printed
    except ValueError:
        return "a number of thousands of digits"  # more than Python writes
    return text if len(text) <= 60 else f"{text[:57]}..."


def checked_seconds(value: object, *, field: str, least: float) -> float:
    """Seconds from `least` to an hour, as settings have them.

    Raises:
        PolicyError: it is no number, or out of the range; it names `field`.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= 3600:  # type: ignore[operator]  # a number, by then; NaN is in no range
        raise PolicyError(f"{field} is {shown(value)}; give seconds from {least:g} to 3600", field=field)
    return value  # type: ignore[return-value]  # see above


def _stage(value: object) -> Stage:
    try:
        return Stage(value)
    except ValueError:
        raise PolicyError(f"stage is {shown(value)}; give one of {_STAGES}", field="stage") from None


def _percent(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PolicyError(f"{name} is of type {type(value).__name__}; give a number from 0 to 100", field=name)
    if not 0 <= value <= 100:  # NaN too
        raise PolicyError(f"{name} is {shown(value)}; give a number from 0 to 100", field=name)
    if not math.isclose(value * 100, round(value * 100), abs_tol=1e-6):
        raise PolicyError(f"{name} is {value!r}; the finest step is 0.01, give at most two decimals", field=name)
    return float(value)


def _salt(value: object) -> str:
    if not isinstance(value, str):
        raise PolicyError(f"salt is of type {type(value).__name__}; give a string", field="salt")
    if not value.isprintable() or len(value) > MAX_SALT_CHARACTERS:  # it is part of the step's name
        raise PolicyError(
            f"salt is {shown(value)}; give a short word of at most {MAX_SALT_CHARACTERS} printable characters",
            field="salt",
        )
    return value


def _only(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise PolicyError(
            f"only is of type {type(value).__name__}; give a table of attribute and list of values", field="only"
        )
    return {_attribute(name): _values(values, f"only.{name}") for name, values in value.items()}


def _attribute(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise PolicyError(f"only has the key {shown(name)}; give an attribute's name", field="only")
    return name


def _values(values: object, field: str) -> tuple[str, ...]:
    if not isinstance(values, list | tuple) or not values or not all(isinstance(each, str) for each in values):
        raise PolicyError(f"{field} is {shown(values)}; give a list of strings, at least one", field=field)
    if len(values) > MAX_VALUES:
        raise PolicyError(f"{field} has {len(values)} values; give at most {MAX_VALUES}", field=field)
    return tuple(values)
