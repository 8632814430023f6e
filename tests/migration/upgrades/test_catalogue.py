"""Tests of the upgrades by name: each does what it says and only if asked, and the gate lets nothing unsayable pass."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shim.migration.upgrades import UPGRADES, Change, Target, advise, upgrade_request
from shim.model import InvalidRequestError, UnsupportedFeatureError

MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]
TODAY = Target(today=date(2026, 11, 28))


def asked(model: str, **fields: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": MESSAGES, **fields}


def test_a_shut_down_model_goes_to_its_successor() -> None:
    """The successor is asked instead, the change says since when and who says so, and the answer can name the old one."""
    upgraded = upgrade_request(asked("gpt-4-0314"), upgrades=["model-successor"], target=TODAY)
    assert upgraded.fields["model"] == "gpt-5.6-sol"
    (change,) = upgraded.changes
    assert (change.name, change.field, change.before) == ("model-successor", "model", "gpt-4-0314")
    assert "2026-03-26" in change.reason
    assert "Deprecations" in change.reason
    assert upgraded.undo({"model": "gpt-5.6-sol"}) == {"model": "gpt-5.6-sol"}
    restoring = Target(today=TODAY.today, restore_model=True)
    again = upgrade_request(asked("gpt-4-0314"), upgrades=["model-successor"], target=restoring)
    assert again.undo({"model": "gpt-5.6-sol", "id": "a"}) == {"model": "gpt-4-0314", "id": "a"}
    assert list(again.undo_stream([{"model": "gpt-5.6-sol"}])) == [{"model": "gpt-4-0314"}]


def test_a_model_is_not_replaced_before_its_day() -> None:
    """Announced is not shut down: until the day nothing is changed."""
    before = Target(today=date(2026, 10, 22))
    assert upgrade_request(asked("gpt-4"), upgrades=["model-successor"], target=before).changes == ()
    after = Target(today=date(2026, 10, 23))
    assert upgrade_request(asked("gpt-4"), upgrades=["model-successor"], target=after).changes != ()


def test_the_callers_own_successor_wins() -> None:
    """A successor that the caller names is taken, of a model in the table and of one that nobody knows."""
    for model in ("gpt-4", "ours"):
        target = Target(successors={model: "gpt-4.1"}, today=TODAY.today)
        assert upgrade_request(asked(model), upgrades=["model-successor"], target=target).fields["model"] == "gpt-4.1"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (asked("ft:gpt-3.5-turbo-0613:us::1"), "model"),
        (asked("gpt-4", logit_bias={"50256": -100}), "logit_bias"),
    ],
)
def test_a_successor_that_would_change_more_is_refused(request_: dict[str, Any], field: str) -> None:
    """A tuned model has no successor, and token numbers mean other words to another model."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        upgrade_request(request_, upgrades=["model-successor"], target=TODAY)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("name", "fields", "changed"),
    [
        ("max-completion-tokens", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("max-completion-tokens", {"max_tokens": 5, "max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ("no-op-values", {"temperature": 1.0, "presence_penalty": 0, "stop": None, "n": 1}, {"n": 1}),
        ("refused-sampling", {"temperature": 0.2, "top_p": 0.5, "frequency_penalty": 1}, {}),
        ("reasoning-off", {}, {"reasoning_effort": "none"}),
        ("reasoning-off", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
    ],
)
def test_each_does_what_it_says(name: str, fields: dict[str, Any], changed: dict[str, Any]) -> None:
    """An upgrade changes its fields and no others, and tells each."""
    request = asked("gpt-5.6-terra", **fields)
    upgraded = upgrade_request(request, upgrades=[name], target=TODAY)
    assert upgraded.fields == asked("gpt-5.6-terra", **changed)
    assert bool(upgraded.changes) == (fields != changed)
    assert set(upgraded.names) <= {name}


def test_the_system_role_becomes_developer() -> None:
    """The role is renamed where it stands, and the caller's messages stay as they are."""
    upgraded = upgrade_request(asked("o3"), upgrades=["system-to-developer"], target=TODAY)
    assert [each["role"] for each in upgraded.fields["messages"]] == ["developer", "user"]
    assert MESSAGES[0]["role"] == "system"


def test_an_engine_is_named_in_the_body() -> None:
    """The engine of an address becomes the model, and two different names are refused."""
    fields = {"engine": "some-model", "messages": MESSAGES}
    assert upgrade_request(fields, upgrades=["engine-to-model"]).fields == asked("some-model")
    with pytest.raises(UnsupportedFeatureError, match="engine is 'some-model' and model 'other'"):
        upgrade_request(fields | {"model": "other"}, upgrades=["engine-to-model"])


@pytest.mark.parametrize(
    ("request_", "field", "says"),
    [
        (asked("gpt-5.6-sol", temperature=0.2), "temperature", "apply 'refused-sampling'"),
        (asked("gpt-5.6-sol", max_tokens=5), "max_tokens", "apply 'max-completion-tokens'"),
        (asked("gpt-5.6-sol", stop=["x"]), "stop", "cut the text"),
        (asked("o3", logit_bias={"1": 2}), "logit_bias", "leave it out"),
        (asked("gpt-5.6-sol", tools=[{"type": "function", "function": {"name": "f"}}]), "tools", "'reasoning-off'"),
        (asked("gpt-4"), "model", "apply 'model-successor'"),
        ({"model": "gpt-5.6-sol", "prompt": "x"}, "prompt", "apply 'completion-to-chat'"),
        (asked("text-embedding-ada-002"), "messages", "no chat model"),
    ],
)
def test_the_gate_names_what_cannot_be_sent(request_: dict[str, Any], field: str, says: str) -> None:
    """What the model is known to refuse is an error before anything is sent, with the field and the way out."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        upgrade_request(request_, upgrades=[], target=TODAY)
    assert caught.value.field == field
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["n", "stop", "logit_bias", "presence_penalty", "frequency_penalty"])
def test_what_responses_lacks_is_refused_unless_it_says_nothing(name: str) -> None:
    """For the Responses API a field it lacks is refused by name, and one that asks for the default is dropped and told."""
    responses = Target(api="responses", today=TODAY.today)
    says: Any = {"n": 2, "stop": "x", "logit_bias": {"1": 1}}.get(name, 0.5)
    default: Any = {"n": 1, "stop": None, "logit_bias": {}}.get(name, 0)
    with pytest.raises(UnsupportedFeatureError) as caught:
        upgrade_request(asked("gpt-4.1", **{name: says}), upgrades=["no-op-values"], target=responses)
    assert (caught.value.field, caught.value.api) == (name, "responses")
    upgraded = upgrade_request(asked("gpt-4.1", **{name: default}), upgrades=["no-op-values"], target=responses)
    assert upgraded.fields == asked("gpt-4.1")
    assert [change.field for change in upgraded.changes] == [name]


def test_reasoning_off_frees_the_temperature_where_the_table_says_so() -> None:
    """A model that takes a temperature without reasoning is sent it then, and not otherwise."""
    request = asked("gpt-5.4", temperature=0.2, reasoning_effort="none")
    assert upgrade_request(request, upgrades=[], target=TODAY).changes == ()
    with pytest.raises(UnsupportedFeatureError, match="temperature"):
        upgrade_request(request | {"reasoning_effort": "low"}, upgrades=[], target=TODAY)


def test_a_deployment_is_judged_by_the_model_behind_it() -> None:
    """A request that names no model is judged by the model the caller says is behind the address."""
    target = Target(model="o3", today=TODAY.today)
    with pytest.raises(UnsupportedFeatureError, match="temperature"):
        upgrade_request({"messages": MESSAGES, "temperature": 0}, upgrades=[], target=target)


def test_unknown_models_are_said_to_be_unknown() -> None:
    """Of a model without a row nothing is guessed: nothing is refused, and the name is told."""
    upgraded = upgrade_request(asked("llama", temperature=0.1, stop="x"), upgrades=list(UPGRADES), target=TODAY)
    assert upgraded.unknown_model == "llama"
    assert "temperature" in upgraded.fields


@pytest.mark.parametrize("wrong", ["no-such", ["functions-to-tools", "x"]])
def test_a_wrong_name_is_told(wrong: Any) -> None:
    """A name that is no upgrade's is an error that lists those there are."""
    with pytest.raises(InvalidRequestError, match="the upgrades are engine-to-model"):
        upgrade_request(asked("m"), upgrades=wrong)


def test_a_request_is_a_mapping() -> None:
    """Anything else is an error that says what it was."""
    with pytest.raises(InvalidRequestError, match="the request is of type list"):
        upgrade_request([], upgrades=[])  # type: ignore[arg-type]  # the mistake


def test_advice_names_what_a_request_needs_and_raises_nothing() -> None:
    """Advice lists the changes and the refusals of a request at once."""
    request = asked("gpt-3.5-turbo-0613", functions=[{"name": "f"}], stop=["x"], temperature=0, max_tokens=9)
    advice = advise(request, target=TODAY)
    assert advice.names == (
        "model-successor",
        "functions-to-tools",
        "reasoning-off",
        "max-completion-tokens",
        "refused-sampling",
    )
    assert [each.field for each in advice.refusals] == ["stop"]


def test_what_is_advised_can_be_done() -> None:
    """Where nothing is refused, applying the advised upgrades gives a request that passes, and needs nothing more."""
    request = {"engine": "text-davinci-003", "prompt": "Hi", "temperature": 0.7, "best_of": 1, "max_tokens": 20}
    advice = advise(request, target=TODAY)
    assert advice.refusals == ()
    upgraded = upgrade_request(request, upgrades=advice.names, target=TODAY)
    assert upgraded.changes == advice.changes
    assert advise(upgraded.fields, target=TODAY).changes == ()


def test_a_model_that_lives_needs_nothing() -> None:
    """A request that its model takes gets no advice."""
    advice = advise(asked("gpt-4o", temperature=0.3, max_tokens=5, n=2, stop="x"), target=TODAY)
    assert (advice.changes, advice.refusals) == ((), ())


def test_a_change_reads_as_a_sentence() -> None:
    """A change printed names the upgrade, the field, both values and the reason."""
    change = Change("max-completion-tokens", "max_tokens", 5, {"a": 1}, "Why.")
    assert str(change) == "max-completion-tokens: max_tokens 5 -> of type dict. Why."
