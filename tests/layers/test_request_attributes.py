"""Tests of `shim.layers.request_attributes`: attributes hold around a start, and no longer."""

from __future__ import annotations

import pytest

from shim.layers.request_attributes import collected_attributes, given_attributes


def test_attributes_hold_for_what_is_started_meanwhile() -> None:
    """What is given before and during a start is collected; the next start begins without it, even after one that raised."""
    with given_attributes({"arm": "control"}), collected_attributes() as collected:
        with given_attributes({"stage": "ramp"}):
            pass
        assert collected == {"arm": "control", "stage": "ramp"}
    with pytest.raises(ZeroDivisionError), given_attributes({"arm": "candidate"}), collected_attributes() as earlier:
        raise ZeroDivisionError
    with given_attributes({"late": "yes"}), collected_attributes() as later:
        assert later == {"late": "yes"}
    assert earlier == {"arm": "candidate"}
    with collected_attributes() as last:
        assert last == {}
