"""Tests of the environment's policy."""

from __future__ import annotations

import pytest

from shim.migration import EnvironmentPolicy, Policy, PolicyError, PolicySource, Stage
from shim.migration.operations.place import RolloutPlace


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own variables make the policy, once: a change of them afterwards changes nothing."""
    monkeypatch.setenv("SHIM_ROLLOUT_STAGE", "ramp")
    monkeypatch.setenv("SHIM_ROLLOUT_PERCENT", "2.5")
    monkeypatch.setenv("SHIM_ROLLOUT_SALT", "s")
    source = EnvironmentPolicy()
    assert isinstance(source, PolicySource)
    monkeypatch.setenv("SHIM_ROLLOUT_PERCENT", "90")
    assert source.policy() == Policy(stage=Stage.RAMP, percent=2.5, salt="s")
    assert source.health.source == "environment SHIM_ROLLOUT_*"


def test_without_variables_it_is_off() -> None:
    """A process of which nobody has said anything is off."""
    assert EnvironmentPolicy(environ={"PATH": "/bin"}).policy() == Policy()


def test_the_variables_of_the_command_line_are_none_of_its_own() -> None:
    """A container that says where store and plan are, for `shim rollout`, can have its policy in the environment too."""
    environ = {f"SHIM_ROLLOUT_{each.upper()}": "x" for each in RolloutPlace.__struct_fields__ if each != "guard"}
    assert EnvironmentPolicy(environ=environ).policy() == Policy()
    assert EnvironmentPolicy(environ=environ | {"SHIM_ROLLOUT_STAGE": "tee"}).policy().stage == "tee"


@pytest.mark.parametrize(
    ("environ", "field"),
    [
        ({"R_STAGE": "ramped"}, "R_STAGE"),
        ({"R_STAGE": "ramp", "R_PERCENT": "101"}, "R_PERCENT"),
        ({"R_STAGE": "ramp", "R_PERCENT": "nan"}, "R_PERCENT"),
        ({"R_STAGE": "ramp", "R_PERCENT": "many"}, "R_PERCENT"),
        ({"R_STAGE": "ramp", "R_PERCENT": ""}, "R_PERCENT"),
        ({"R_STAGE": ""}, "R_STAGE"),
        ({"R_PERCENT": "5"}, "R_STAGE"),
        ({"R_STAGE": "off", "R_STAGES": "off"}, "R_STAGES"),
    ],
)
def test_what_cannot_be_is_named(environ: dict[str, str], field: str) -> None:
    """A wrong value, an unknown variable and a policy without its stage are refused, naming the variable."""
    with pytest.raises(PolicyError, match=field) as caught:
        EnvironmentPolicy(prefix="R_", environ=environ)
    assert caught.value.field == field
