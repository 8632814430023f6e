"""Tests of the flag's policy over real OpenFeature providers, and over ones that misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.contrib.provider.envvar import EnvVarProvider
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider
from openfeature.provider.no_op_provider import NoOpProvider

from shim.migration import OpenFeaturePolicy, Policy, PolicyError, PolicySource, Stage
from tests.migration.helpers.flags import Answering, BadTracker, FlagdFile, client_of, in_memory
from tests.migration.helpers.waiting import in_child, wait_until

RAMP = {"stage": "ramp", "percent": 5}

MakeSource = Callable[..., OpenFeaturePolicy]


@pytest.fixture
def make() -> Iterator[MakeSource]:
    """Makes sources over a provider, asked anew every 20 ms, and ends their threads."""
    made: list[OpenFeaturePolicy] = []

    def make_source(provider: AbstractProvider, **settings: Any) -> OpenFeaturePolicy:
        source = OpenFeaturePolicy(client_of(provider), "rollout", **{"max_age": 0.02, "wait": 5.0, **settings})
        made.append(source)
        return source

    yield make_source
    for source in made:
        source.close()
    api.shutdown()


def answer(value: object, reason: Reason = Reason.STATIC) -> FlagResolutionDetails[Any]:
    """An evaluation without a fault."""
    return FlagResolutionDetails(value, reason=reason)


def raising(_default: object) -> FlagResolutionDetails[Any]:
    """An evaluation that fails."""
    raise RuntimeError("made up")


def test_the_in_memory_provider(make: MakeSource) -> None:
    """A flag of the SDK's own provider is the policy, and its reason STATIC is a good answer."""
    source = make(in_memory(rollout=RAMP))
    assert isinstance(source, PolicySource)
    assert source.policy() == Policy(stage=Stage.RAMP, percent=5)
    assert source.health.fault is None


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("tee", Policy(stage=Stage.TEE)),
        ("ramp 2.5", Policy(stage=Stage.RAMP, percent=2.5)),
        (' {"stage": "ramp", "percent": 5}', Policy(stage=Stage.RAMP, percent=5)),
    ],
)
def test_a_string_flag(make: MakeSource, text: str, policy: Policy) -> None:
    """A string flag holds a stage, a stage and its percent, or JSON."""
    assert make(in_memory(rollout=text), kind="string").policy() == policy
    assert make(in_memory(rollout=text)).policy() == policy, "its type need not be told"


def test_the_environment_provider(make: MakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is the policy, though its provider answers with the reason DEFAULT; without one the last good one holds."""
    monkeypatch.setenv("rollout", json.dumps(RAMP))
    source = make(EnvVarProvider())
    assert source.policy().percent == 5
    monkeypatch.setenv("rollout", "ramp 6")
    wait_until(lambda: source.policy().percent == 6)
    monkeypatch.delenv("rollout")
    wait_until(lambda: source.health.fault)
    assert "FLAG_NOT_FOUND" in str(source.health.fault)
    assert source.policy().percent == 6


def test_flagd_file_mode(make: MakeSource, tmp_path: Path) -> None:
    """A flagd file is followed: another variant, a broken file (kept), a disabled flag (off)."""
    path = tmp_path / "flags.json"

    def write(variant: str, state: str = "ENABLED") -> None:
        flag = {
            "state": state,
            "variants": {"off": {"stage": "off"}, "five": RAMP, "half": {"stage": "ramp", "percent": 50}},
            "defaultVariant": variant,
        }
        new = path.with_suffix(".new")
        new.write_text(json.dumps({"flags": {"rollout": flag}}))
        new.replace(path)

    write("five")
    source = make(FlagdFile(path))
    assert source.policy().percent == 5
    write("half")
    wait_until(lambda: source.policy().percent == 50)
    path.write_text("{broken")
    wait_until(lambda: source.health.fault)
    assert source.policy().percent == 50
    write("half", state="DISABLED")
    wait_until(lambda: source.policy().stage is Stage.OFF)
    assert source.health.fault is None, "a disabled flag is no fault: the code default is off, and that is meant"


def test_a_provider_that_answers_the_code_default_is_off(make: MakeSource) -> None:
    """A provider without flags answers the code default, which is off."""
    assert make(NoOpProvider()).policy() == Policy()


def test_a_flag_that_vanishes_keeps_the_last_good_policy(make: MakeSource) -> None:
    """The code default that comes with an error is not taken for an answer."""
    provider = Answering(lambda _default: answer(RAMP))
    source = make(provider)
    assert source.policy().percent == 5
    provider.answer = raising
    wait_until(lambda: source.health.fault)
    assert source.policy().percent == 5
    provider.answer = lambda _default: answer({"stage": "ramp", "percent": 7})
    wait_until(lambda: source.policy().percent == 7)
    assert source.health.fault is None


@pytest.mark.parametrize("value", [{"stage": "ramped"}, {"stage": "ramp", "percent": 101}, ["ramp"], 7, None, "ramped"])
def test_a_value_that_is_no_policy_keeps_the_last_good_one(make: MakeSource, value: object) -> None:
    """A flag that holds something else changes nothing, and is told."""
    provider = Answering(lambda _default: answer(RAMP))
    source = make(provider)
    provider.answer = lambda _default: answer(value)
    wait_until(lambda: source.health.fault)
    assert source.policy().percent == 5


def test_a_provider_that_raises_at_the_start_is_off(make: MakeSource) -> None:
    """Without any good answer the policy is off."""
    source = make(Answering(raising))
    assert source.policy() == Policy()
    assert source.health.fault is not None


def test_a_provider_that_blocks_holds_nobody(make: MakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an evaluation blocks, the last good policy is given at once, and the source can be closed."""
    release = threading.Event()
    provider = Answering(lambda _default: answer(RAMP))
    source = make(provider)
    entered = threading.Event()

    def block(_default: object) -> FlagResolutionDetails[Any]:
        entered.set()
        release.wait(10.0)
        return answer({"stage": "complete"})

    provider.answer = block
    assert entered.wait(5.0)
    began = time.monotonic()
    assert all(source.policy().percent == 5 for _ in range(1000))
    assert time.monotonic() - began < 5.0
    monkeypatch.setattr("shim.migration.refresher.SILENT_SECONDS", 0.0)
    wait_until(lambda: source.health.fault == "the provider does not answer")
    assert not any(name == "MainThread" for name in provider.threads), "no evaluation on the caller's thread"
    release.set()
    wait_until(lambda: source.policy().stage is Stage.COMPLETE)


def test_a_provider_that_blocks_at_the_start_is_waited_for_briefly(make: MakeSource) -> None:
    """Set-up waits as long as it is told, and the policy is off until the first answer."""
    release = threading.Event()

    def block(_default: object) -> FlagResolutionDetails[Any]:
        release.wait(5.0)
        return answer(RAMP)

    began = time.monotonic()
    source = make(Answering(block), wait=0.05)
    assert time.monotonic() - began < 2.0
    assert source.policy() == Policy()
    assert "no answer within 0.05 s" in str(source.health.fault)
    release.set()
    wait_until(lambda: source.policy().percent == 5)


def test_a_forked_child_asks_itself(make: MakeSource) -> None:
    """A child, where no thread of the parent's is left, evaluates on a thread of its own."""
    provider = Answering(lambda _default: answer(RAMP))
    source = make(provider)

    def work() -> str:
        before = source.policy().percent
        provider.answer = lambda _default: answer({"stage": "ramp", "percent": 9})
        wait_until(lambda: source.policy().percent == 9)
        return f"{before:g}"

    assert source.policy().percent == 5
    assert in_child(work) == "5"


def test_events_are_tracked(make: MakeSource) -> None:
    """What is told to the source reaches the provider's tracking, on the flag's thread."""
    provider = Answering(lambda _default: answer(RAMP))
    source = make(provider)
    source.tell("roll_back", {"from": "ramp@5", "evidence": {"not": "plain"}})
    wait_until(lambda: provider.tracked)
    assert provider.tracked == [("shim.rollout.roll_back", {"from": "ramp@5"})]


def test_tracking_that_raises_hurts_nobody(make: MakeSource, caplog: pytest.LogCaptureFixture) -> None:
    """A provider whose `track` does not fit is logged, and goes on being evaluated."""
    provider = BadTracker(lambda _default: answer(RAMP))
    source = make(provider)
    source.tell("roll_back", {})
    wait_until(lambda: "tracking shim.rollout.roll_back failed: TypeError" in caplog.text)
    provider.answer = lambda _default: answer({"stage": "ramp", "percent": 6})
    wait_until(lambda: source.policy().percent == 6)


def test_closing_ends_the_thread(make: MakeSource) -> None:
    """No thread is left behind, and what was read last is still given."""
    source = make(in_memory(rollout=RAMP))
    source.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shim-flag")]
    assert source.policy().percent == 5


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"flag_key": ""}, "flag_key"),
        ({"kind": "integer"}, "kind"),
        ({"max_age": 0}, "max_age"),
        ({"max_age": float("nan")}, "max_age"),
        ({"max_age": "0.5"}, "max_age"),
        ({"client": object()}, "client"),
    ],
)
def test_arguments_that_cannot_be_are_named(settings: dict[str, Any], field: str) -> None:
    """A wrong argument is refused by name, and no thread is begun."""
    given = {"client": api.get_client("unused"), "flag_key": "rollout", **settings}
    with pytest.raises(PolicyError) as caught:
        OpenFeaturePolicy(given.pop("client"), given.pop("flag_key"), **given)
    assert caught.value.field == field
