"""Tests that a rollout moves chat calls in the place of openai 0.28: by unit, all of a unit one way."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shim.comparison import Exchange
from shim.compat.openai_v0.installation import Installation, install
from shim.compat.openai_v0.transport import choice
from shim.compat.openai_v0.units import RoutedCall
from shim.migration import Policy, Rollout, Stage
from shim.testing.fake_openai import FakeOpenAI
from tests.compat.openai_v0.conftest import KEY

ASKED = {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "Count to 5"}]}

Install = Callable[..., Installation]


@pytest.fixture
def recorded() -> list[Exchange]:
    """What was sent, each with the arm that did."""
    return []


@pytest.fixture
def installed(openai: Any, fake: FakeOpenAI, recorded: list[Exchange]) -> Iterator[Install]:
    """Installs the stand-in with a rollout; taken back at the end."""
    del openai, fake
    made: list[Any] = []

    def with_policy(policy: Policy, **settings: Any) -> Installation:
        made.append(Rollout(policy))
        made.append(install(real=False, rollout=made[-1], record=recorded.append, **settings))
        return made[-1]  # type: ignore[no-any-return]  # two kinds in one list

    yield with_policy
    for each in reversed(made):
        each.close() if isinstance(each, Rollout) else each.uninstall()


HALF = Policy(stage=Stage.RAMP, percent=50)


@pytest.mark.slow
def test_all_calls_of_a_user_go_one_way(openai: Any, installed: Install, recorded: list[Exchange]) -> None:
    """At half the traffic some users move and some do not, and none is served by both, blocking or async."""
    installed(HALF)
    arms: dict[str, set[str]] = {}
    for user in (f"user {number}" for number in range(12)):
        recorded.clear()
        openai.ChatCompletion.create(**ASKED, user=user)
        asyncio.run(openai.ChatCompletion.acreate(**ASKED, user=user))
        list(openai.ChatCompletion.create(**ASKED, user=user, stream=True))
        arms[user] = {each.role for each in recorded}
        assert len(recorded) == 3
    assert set().union(*arms.values()) == {"control", "candidate"}
    assert all(len(found) == 1 for found in arms.values()), arms


def test_the_header_comes_before_the_user(
    openai: Any, fake: FakeOpenAI, installed: Install, recorded: list[Exchange]
) -> None:
    """A conversation that is named moves whole, whoever speaks in it, and its name is sent on as ever."""
    installed(HALF)
    for user in "abcdefgh":
        openai.ChatCompletion.create(**ASKED, user=user, headers={"X-Conversation-Id": "c1"})
    assert len({each.role for each in recorded}) == 1
    assert {
        each.headers.get("x-conversation-id") or each.headers.get("X-Conversation-Id") for each in fake.requests
    } == {"c1"}


def test_calls_without_a_name_are_drawn_each_by_itself(
    openai: Any, installed: Install, recorded: list[Exchange]
) -> None:
    """Where nothing names a unit, a share is one of the calls."""
    installed(HALF)
    for _ in range(24):
        openai.ChatCompletion.create(**ASKED)
    assert set(Counter(each.role for each in recorded)) == {"control", "candidate"}


def test_the_programs_own_function_names_the_unit(openai: Any, installed: Install, recorded: list[Exchange]) -> None:
    """It is told the fields, the headers without the account's, and the engine."""
    seen: list[RoutedCall] = []

    def unit(call: RoutedCall) -> str | None:
        seen.append(call)
        return None if call.fields["messages"][0]["content"] == "stay" else "one"

    installed(Policy(stage=Stage.COMPLETE), unit=unit)
    openai.ChatCompletion.create(**ASKED, headers={"X-Team": "blue"})
    openai.ChatCompletion.create(model="gpt-4", messages=[{"role": "user", "content": "stay"}])
    assert [each.role for each in recorded] == ["candidate", "control"]
    assert seen[0].headers["X-Team"] == "blue"
    assert not any(KEY in value for value in seen[0].headers.values())


def test_a_function_that_raises_breaks_no_call(
    openai: Any, installed: Install, recorded: list[Exchange], caplog: pytest.LogCaptureFixture
) -> None:
    """Control serves the call, and it is said once."""

    def unit(call: RoutedCall) -> str:
        raise KeyError(call.engine)

    installed(Policy(stage=Stage.COMPLETE), unit=unit)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            openai.ChatCompletion.create(**ASKED)
    assert [each.role for each in recorded] == ["control"] * 3
    assert [each.message for each in caplog.records] == [
        "unit= raised KeyError; control serves such calls, more are counted only"
    ]


def test_a_unit_without_a_rollout_is_refused(openai: Any) -> None:
    """It would decide nothing, and says so."""
    with pytest.raises(TypeError, match="give rollout="):
        install(real=False, unit=lambda _call: "one")
    with pytest.raises(TypeError, match="give a Rollout"):
        choice.use("native", unit=lambda _call: "one")
    assert openai.ChatCompletion is not None
