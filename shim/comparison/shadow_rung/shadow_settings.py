"""The settings of a shadow, checked: what cannot be is refused at set-up, by name, and never a key shown.

Not what they mean (`ShadowComparison`).
"""

from __future__ import annotations

import math

from shim.call_options import CallOptions
from shim.comparison.shadow_rung.json_schema import is_number


def options_of(own_key: object, *, allow_shared_key: bool) -> CallOptions | None:
    """The options of each call; they carry the key where one was given.

    Raises:
        ValueError: nothing was said of the key.
        TypeError: it is no key.
    """
    if isinstance(own_key, str) and not own_key.strip():
        raise ValueError("own_key is empty; give the key of the shadow's calls")
    if own_key is None or own_key is False:
        if not allow_shared_key:
            raise ValueError(
                "own_key was not given: the shadow would use up the control's limits; give the key of its calls, True where "
                "the candidate is made with one of its own, or allow_shared_key=True"
            )
        return None
    if own_key is True:
        return None
    if not (isinstance(own_key, str) or callable(own_key)):
        raise TypeError(f"own_key is of type {type(own_key).__name__}; give a key, a function that gives one, or True")
    return CallOptions(api_key=own_key)


def check_callables(**given: object) -> None:
    """Refuse what cannot be called; all but the candidate may be None."""
    for name, value in given.items():
        if not (callable(value) or (value is None and name != "candidate")):
            raise TypeError(f"{name} is of type {type(value).__name__}; give a function")


def check_numbers(**given: object) -> None:
    """Refuse what is no whole number above 0."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}; give a whole number above 0")


def check_over_zero(**given: float) -> None:
    """Refuse what is no finite number above 0."""
    for name, value in given.items():
        if not is_number(value) or not 0 < value < math.inf:
            raise ValueError(f"{name} is {value!r}; give a number above 0")


def check_share(**given: float) -> None:
    """Refuse what is no number from 0 to 1."""
    for name, value in given.items():
        if not is_number(value) or not 0 <= value <= 1:
            raise ValueError(f"{name} is {value!r}; give a share from 0 to 1")
