"""Tests of what requests repeat of answers: ids by their order, words by whose they are."""

from __future__ import annotations

from typing import Any

import pytest

from shim.comparison.canonical import Difference
from shim.comparison.verdict import ABSENT
from shim.comparison.wire_rung.repeated_answers import OWN_ANSWER, Repeats, with_own_ids

USER = {"role": "user", "content": "Hi"}


def chat(*names: str, answers: tuple[str, ...] | None = None) -> dict[str, Any]:
    """A chat whose model made calls of these names, answered in this order."""
    calls = [{"id": name, "type": "function", "function": {"name": "look", "arguments": "{}"}} for name in names]
    results = [{"role": "tool", "tool_call_id": name, "content": "x"} for name in answers or names]
    return {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": calls}, *results]}


def items(call: str, item: str, **output: str) -> dict[str, Any]:
    """The same on Responses, with ids of items beside those of calls."""
    made = {"type": "function_call", "id": item, "call_id": call, "name": "look", "arguments": "{}"}
    return {"input": [USER, made, {"type": "function_call_output", "call_id": call, "output": "x", **output}]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (chat("call_1", "call_2"), chat("D681PevKs", "x")),
        (items("call_1", "fc_1"), items("call_9", "fc_9")),
        (items("a", "a"), items("a", "b")),
    ],
)
def test_ids_that_agree_in_themselves_are_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Whatever a server calls calls and items, bodies that say the same of which belongs to which are the same."""
    before = repr(one)
    assert with_own_ids(one) == with_own_ids(other)
    assert repr(one) == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (chat("a", "b"), chat("a", "b", answers=("b", "a"))),
        (chat("a", "b"), chat("a", "b", answers=("a", "a"))),
        (chat("a"), chat("a", answers=("c",))),
        (items("a", "f"), items("a", "f", call_id="b")),
        (items("a", "f"), items("a", "f", id="g")),
        ({"messages": [], "user": "a"}, {"messages": [], "user": "b"}),
        ({"input": "a", "previous_response_id": "a"}, {"input": "a", "previous_response_id": "b"}),
    ],
)
def test_ids_that_belong_to_others_are_not(one: dict[str, Any], other: dict[str, Any]) -> None:
    """A result that names another call, and ids elsewhere, stay differences."""
    assert with_own_ids(one) != with_own_ids(other)


def test_the_order_of_names_says_nothing() -> None:
    """Ids are alike whatever the order in which an object's names stand."""
    one = {"input": [{"id": "i", "call_id": "c", "more": {"id": "j"}}, {"id": "j"}]}
    other = {"input": [{"more": {"id": "y"}, "call_id": "z", "id": "x"}, {"id": "y"}]}
    assert with_own_ids(one) == with_own_ids(other)


def test_stored_answers_of_partners_are_alike() -> None:
    """What goes on from the answer to a partner's request goes on from the same; not to say so at all is another thing."""
    knows = Repeats(answer=True)
    assert with_own_ids({"previous_response_id": "resp_1"}, repeats=knows) == {"previous_response_id": OWN_ANSWER}
    assert with_own_ids({"extra_body": {"conversation": "c"}}, repeats=knows) == {
        "extra_body": {"conversation": OWN_ANSWER}
    }
    for unsaid in ({"previous_response_id": None}, {}, {"extra_body": {"x": 1}}, [1], None):
        assert with_own_ids(unsaid, repeats=knows) == unsaid


SAID = {"messages": [USER, {"role": "assistant", "content": "A", "tool_calls": []}, {"role": "tool", "content": "x"}]}
LIST = {
    "input": [
        USER,
        {"type": "function_call", "arguments": "{}"},
        {"type": "function_call_output", "output": "x"},
        "odd",
    ]
}


@pytest.mark.parametrize(
    ("path", "control", "candidate", "fields"),
    [
        ("body.messages[1].content", "A", "B", SAID),
        ("body.messages[1].content", None, "B", SAID),
        ("body.messages[1].tool_calls[0].function.arguments", "{}", "[]", SAID),
        ("body.messages[1].tool_calls", ABSENT, [1], SAID),
        ("body.messages[1].reasoning_content", "A", "B", SAID),
        ("request.messages[1].parts[0].text", "A", "B", SAID),
        ("body.input[1].arguments", "{}", "[]", LIST),
    ],
)
def test_what_a_model_said_explains_a_difference(
    path: str, control: Any, candidate: Any, fields: dict[str, Any]
) -> None:
    """Where either side repeats its own model, its words and calls may differ; where that is not known nothing may."""
    difference = Difference(path, control, candidate)
    assert Repeats(words=True).explains(difference, bodies=(fields, fields))
    assert not Repeats(answer=True).explains(difference, bodies=(fields, fields))


@pytest.mark.parametrize(
    ("path", "control", "candidate", "fields"),
    [
        ("body.messages[0].content", "A", "B", SAID),
        ("body.messages[2].content", "A", "B", SAID),
        ("body.messages[9].content", "A", "B", SAID),
        ("body.messages.length", 2, 3, SAID),
        ("body.messages[1].reasoning_content", "A", ABSENT, SAID),
        ("body.messages[1].content", "A", [{"type": "text"}], SAID),
        ("body.temperature", 1, 2, SAID),
        ("body.input[0].content", "A", "B", LIST),
        ("body.input[2].output", "A", "B", LIST),
        ("body.input[3].content", "A", "B", LIST),
        ("body.input[1].arguments", "A", "B", SAID),
    ],
)
def test_nothing_else_is_explained(path: str, control: Any, candidate: Any, fields: dict[str, Any]) -> None:
    """What the application says, what is lost, and what has another form stay differences."""
    assert not Repeats(words=True).explains(Difference(path, control, candidate), bodies=(fields, fields))
