"""Tests of `shim.wire.chat.joining`: what comes with several chunks is what a whole answer would have had."""

from __future__ import annotations

import time
from typing import Any

import pytest

from shim.wire.chat.joining import CHOICE, CHUNK, MESSAGE, Fields, Lists, Rules


def joined(name: str, *values: Any, rules: Rules) -> Any:
    """The field, given these values one after the other."""
    fields = Fields(rules)
    for value in values:
        fields.add({name: value})
    return fields.value().get(name)


SAFE, LOW = {"hate": {"severity": "safe"}}, {"hate": {"severity": "low"}}
UNKNOWN: list[tuple[list[Any], Any]] = [
    (["a", "a"], "a"),
    (["a", "b", "a"], ["a", "b", "a"]),
    ([None, "a", None], "a"),
    ([SAFE, LOW, {}], [SAFE, LOW]),
    ([{}, SAFE, SAFE], SAFE),
    ([{"a": 1}, {"b": 2}], {"a": 1, "b": 2}),
    ([{"a": {"x": 1}}, {"a": {"y": 2}}], {"a": {"x": 1, "y": 2}}),
    ([[1], [2, 3], []], [1, 2, 3]),
    ([["u"], ["u", "v"]], ["u", "v"]),  # told anew, and longer, each time
    ([["u"], ["u"]], ["u"]),
    ([1, 2], [1, 2]),
    ([False, True], [False, True]),
    (["", "a"], "a"),
]


@pytest.mark.parametrize(("values", "value"), UNKNOWN)
def test_what_nobody_knows_keeps_its_different_values(values: list[Any], value: Any) -> None:
    """A field that stands in no table keeps all it said: once what is said again, in one what goes on."""
    assert joined("new", *values, rules=CHOICE) == value


def test_what_belongs_to_tokens_is_all_kept() -> None:
    """Token ids are appended, equal ones too."""
    assert joined("token_ids", [5], [5], [], rules=CHOICE) == [5, 5]
    assert joined("token_id", 5, 5, rules=CHOICE) == [5, 5]


def test_the_first_and_the_last_word() -> None:
    """When a stream began is as the first chunk says, a running count as the last."""
    assert joined("created", 1, 2, rules=CHUNK) == 1
    assert joined("timings", {"n": 1}, {"n": 2}, rules=CHUNK) == {"n": 2}


def test_blocks_are_joined_by_type_and_index() -> None:
    """The pieces of a block are one block, its signature with it; another index, type or id is another block."""
    pieces = [
        [{"type": "reasoning.text", "index": 0, "text": "Let"}],
        [{"type": "reasoning.text", "index": 0, "text": " me", "signature": None}],
        [{"type": "reasoning.text", "index": 0, "signature": "c2ln"}],
        [{"type": "reasoning.encrypted", "index": 1, "id": "a", "data": "AA"}],
        [{"type": "reasoning.encrypted", "index": 1, "id": "b", "data": "BB"}],
        [{"type": "reasoning.text", "index": 0, "text": "again"}],
    ]
    assert joined("reasoning_details", *pieces, rules=MESSAGE) == [
        {"type": "reasoning.text", "index": 0, "text": "Let me", "signature": "c2ln"},
        {"type": "reasoning.encrypted", "index": 1, "id": "a", "data": "AA"},
        {"type": "reasoning.encrypted", "index": 1, "id": "b", "data": "BB"},
        {"type": "reasoning.text", "index": 0, "text": "again"},
    ]


def test_reasoning_in_objects_is_joined() -> None:
    """An object that holds pieces of reasoning is one object with all of them."""
    pieces = [{"text": "I nee"}, {"text": "d"}, {"signature": "c2ln"}, {"signature": "c2ln"}]
    assert joined("reasoning_content", *pieces, rules=MESSAGE) == {"text": "I need", "signature": "c2ln"}


def test_lists_keep_their_nulls() -> None:
    """Log probabilities are appended under each name, and a name that only held null holds it."""
    lists = Lists()
    for value in ({"content": [1], "refusal": None}, {"content": None, "tokens": ["a"]}, {"content": [2]}):
        lists.add(value)
    assert lists.value() == {"content": [1, 2], "refusal": None, "tokens": ["a"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [("audio", {"data": "x" * 100}), ("reasoning_details", [{"type": "t", "index": 0, "text": "x"}]), ("new", [1, 2])],
)
def test_joining_takes_linear_time(name: str, value: Any) -> None:
    """Eight times the pieces take about eight times as long, not sixty-four."""

    def seconds(pieces: int) -> float:
        fields = Fields(MESSAGE)
        started = time.process_time()
        for number in range(pieces):
            fields.add({name: [*value, number] if name == "new" else value})
        fields.value()
        return time.process_time() - started

    small = min(seconds(1_000) for _ in range(3))
    assert seconds(8_000) < 30 * max(small, 0.001)


def test_words_said_again_with_their_signature_are_there_once() -> None:
    """LiteLLM tells a thinking block in pieces, and then all of it with the signature over it."""
    pieces = [{"type": "thinking", "thinking": each, "signature": ""} for each in ("Step 1. ", "Step 2.")]
    signed = {"type": "thinking", "thinking": "Step 1. Step 2.", "signature": "S"}
    for name in ("thinking_blocks", "reasoning_details"):
        assert joined(name, *([each] for each in pieces), [signed], rules=MESSAGE) == [signed]


def test_sealed_blocks_stay_apart() -> None:
    """Two redacted blocks are two: their data go back as they came."""
    sealed = [{"type": "redacted_thinking", "data": each} for each in "ab"]
    assert joined("thinking_blocks", *([each] for each in sealed), rules=MESSAGE) == sealed


def test_what_a_gateway_hands_on_of_its_provider_stays_one_object() -> None:
    """LiteLLM's object of a provider's own fields is joined field by field, the blocks in it too."""
    blocks = [{"type": "thinking", "thinking": each} for each in "ab"]
    values = [{"thinking_blocks": [each]} for each in blocks] + [{"citation": {"a": 1}}, {"citation": {"a": 2}}]
    assert joined("provider_specific_fields", *values, rules=MESSAGE) == {
        "thinking_blocks": [{"type": "thinking", "thinking": "ab"}],
        "citation": [{"a": 1}, {"a": 2}],
    }


def test_a_tool_that_ran_on_the_server_is_told_once() -> None:
    """Groq tells a tool it runs when it begins, and again with what came of it."""
    begun = {"index": 0, "type": "python", "arguments": "{}"}
    assert joined("executed_tools", [begun], [begun | {"output": "2"}], rules=MESSAGE) == [begun | {"output": "2"}]
