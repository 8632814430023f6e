"""Tests of shim.model.caps: caps are whole numbers above 0, and what is none is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

import shim
from shim.model import InvalidRequestError
from shim.model.caps import DEFAULT_CAPS, Caps, checked_caps


@pytest.mark.parametrize("name", Caps.__struct_fields__)
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-1, "-1"),
        (1.5, "of type float"),
        ("7", "of type str"),
        (None, "None"),
        (True, "of type bool"),
    ],
)
def test_a_cap_is_a_whole_number_above_zero(name: str, value: Any, shown: str) -> None:
    """Anything else is refused with the cap's name, what was given and what to give."""
    with pytest.raises(InvalidRequestError, match=rf"caps\.{name} is {shown}; give a whole number above 0") as caught:
        Caps(**{name: value})
    assert caught.value.field == f"caps.{name}"


def test_none_is_the_default() -> None:
    """A provider made without caps has the default ones, which are public and more than a model says."""
    assert checked_caps(None) == DEFAULT_CAPS == shim.Caps()
    assert DEFAULT_CAPS.text >= 10_000_000
    assert checked_caps(Caps(text=5)).text == 5


def test_what_are_no_caps_is_refused() -> None:
    """A number in the place of caps is refused with the setting's name."""
    with pytest.raises(InvalidRequestError, match=r"caps is of type int; give Caps\(text=…\)"):
        checked_caps(7)
