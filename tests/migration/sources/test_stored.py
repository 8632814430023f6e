"""Tests of the store's policy over a real store, up and down."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from shim.migration import Policy, PolicyError, PolicySource, Stage, StorePolicy
from tests.migration.helpers.stores import switchable
from tests.migration.helpers.waiting import in_child, wait_until

FLAG = "openai"


def test_a_written_policy_is_followed(tmp_path: Path) -> None:
    """What is written to the store is followed, with who wrote it and when; before anything is, it is off."""
    store, _ = switchable(tmp_path / "store")
    source = StorePolicy(store, flag=FLAG, max_age=0.02)
    try:
        assert isinstance(source, PolicySource)
        assert source.policy() == Policy()
        written = store.write_policy(FLAG, {"stage": "ramp", "percent": 5}, expected=0, by="ann")
        wait_until(lambda: source.policy().percent == 5)
        assert (source.health.by, source.health.since) == ("ann", written.at)
    finally:
        source.close()
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "shim-store-policy"])


def test_a_store_that_is_down_keeps_the_last_good_policy(tmp_path: Path) -> None:
    """A store that goes away changes nothing, and is followed again when it is back."""
    store, switch = switchable(tmp_path / "store")
    store.write_policy(FLAG, {"stage": "ramp", "percent": 5}, expected=None, by="ann")
    with_source = StorePolicy(store, flag=FLAG, max_age=0.02)
    try:
        switch.down = True
        with_source.policy()
        wait_until(lambda: with_source.health.fault)
        assert with_source.policy().percent == 5
        switch.down = False
        store.write_policy(FLAG, {"stage": "tee"}, expected=None, by="ben")
        wait_until(lambda: with_source.policy().stage is Stage.TEE)
        assert with_source.health.fault is None
    finally:
        with_source.close()


def test_a_bad_policy_in_the_store(tmp_path: Path) -> None:
    """What is no policy is refused at set-up, and changes nothing later."""
    store, _ = switchable(tmp_path / "store")
    store.write_policy(FLAG, {"stage": "ramp", "percent": 101}, expected=None, by="ann")
    with pytest.raises(PolicyError, match="percent is 101"):
        StorePolicy(store, flag=FLAG)
    store.write_policy(FLAG, {"stage": "ramp", "percent": 1}, expected=None, by="ann")
    source = StorePolicy(store, flag=FLAG, max_age=0.02)
    try:
        store.write_policy(FLAG, {"stage": "ramped"}, expected=None, by="ann")
        source.policy()
        wait_until(lambda: source.health.fault)
        assert source.policy().percent == 1
    finally:
        source.close()


def test_a_service_starts_without_its_store(tmp_path: Path) -> None:
    """A store that is down at the start is no error: the policy is off until it can be read."""
    store, switch = switchable(tmp_path / "store")
    store.write_policy(FLAG, {"stage": "ramp", "percent": 5}, expected=None, by="ann")
    switch.down = True
    source = StorePolicy(store, flag=FLAG, max_age=0.02)
    try:
        assert source.policy() == Policy()
        assert "switched off" in str(source.health.fault)
        switch.down = False
        wait_until(lambda: source.policy().percent == 5)
    finally:
        source.close()


def test_a_forked_child_follows_the_store(tmp_path: Path) -> None:
    """A child that was forked after the source was made reads the store itself."""
    store, _ = switchable(tmp_path / "store")
    source = StorePolicy(store, flag=FLAG, max_age=0.02)
    source.policy()

    def work() -> str:
        store.write_policy(FLAG, {"stage": "tee"}, expected=None, by="child")
        wait_until(lambda: source.policy().stage is Stage.TEE)
        return "followed"

    try:
        assert in_child(work) == "followed"
        wait_until(lambda: source.policy().stage is Stage.TEE)
    finally:
        source.close()
