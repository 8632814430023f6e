"""Tests of prompts said as a chat: the request, the answer's form, streams, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from shim.migration.upgrades import upgrade_request
from shim.model import UnsupportedFeatureError

ASKED: dict[str, Any] = {"model": "some-model", "prompt": "Say hi", "max_tokens": 5, "stop": ["\n"], "user": "u"}
NAMES = ["completion-to-chat"]


def test_a_prompt_becomes_the_users_message() -> None:
    """The prompt is the one message, other fields stay, and the request goes to Chat Completions."""
    upgraded = upgrade_request(ASKED, upgrades=NAMES)
    assert upgraded.fields == {
        "model": "some-model",
        "max_tokens": 5,
        "stop": ["\n"],
        "user": "u",
        "messages": [{"role": "user", "content": "Say hi"}],
    }
    assert upgraded.endpoint == "chat/completions"
    assert upgrade_request(ASKED | {"prompt": ["Say hi"]}, upgrades=NAMES).fields == upgraded.fields


def test_nothing_is_done_unless_asked() -> None:
    """Without the upgrade a prompt to a model nobody knows goes on as it is, and the model is told as unknown."""
    upgraded = upgrade_request(ASKED, upgrades=[])
    assert (upgraded.fields, upgraded.endpoint, upgraded.changes) == (ASKED, "completions", ())
    assert upgraded.unknown_model == "some-model"


def test_no_ops_are_left_out_and_told() -> None:
    """What asks for the default is left out, each as a change of its own."""
    asked = ASKED | {"echo": False, "suffix": None, "best_of": 2, "n": 2, "logprobs": None}
    upgraded = upgrade_request(asked, upgrades=NAMES)
    assert not {"echo", "suffix", "best_of", "logprobs"} & upgraded.fields.keys()
    assert upgraded.fields["n"] == 2
    assert {change.field for change in upgraded.changes} >= {"echo", "suffix", "best_of", "logprobs"}


@pytest.mark.parametrize(("model", "limit"), [("some-model", 16), ("gpt-5.6-terra", None)])
def test_the_default_limit_is_never_silent(model: str, limit: int | None) -> None:
    """The 16 tokens after which Completions end are set, or it is told why a reasoning model gets none."""
    asked = {"model": model, "prompt": "x"}
    upgraded = upgrade_request(asked, upgrades=NAMES)
    assert upgraded.fields.get("max_tokens") == limit
    assert upgraded.changes[-1].field == "max_tokens"


def test_an_answer_comes_back_as_a_text_completion() -> None:
    """Each choice has its text, the prompt before it where echo asked for that, and nothing of the rest is lost."""
    answer = {
        "id": "c",
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": " hi"}, "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": None, "refusal": "no"}, "finish_reason": "stop"},
        ],
        "usage": {"total_tokens": 1},
    }
    undone = upgrade_request(ASKED | {"echo": True}, upgrades=NAMES).undo(answer)
    assert undone["object"] == "text_completion"
    assert undone["choices"] == [
        {"index": 0, "text": "Say hi hi", "logprobs": None, "finish_reason": "stop"},
        {"index": 1, "text": "Say hino", "logprobs": None, "finish_reason": "stop", "refusal": "no"},
    ]
    assert undone["usage"] == {"total_tokens": 1}


def test_a_stream_comes_back_as_text() -> None:
    """Each chunk has its text, and with echo the prompt comes once, before each choice's first."""
    chunks: list[dict[str, Any]] = [
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant"}}]},
        {"choices": [{"index": 0, "delta": {"content": " h"}}, {"index": 1, "delta": {"content": " x"}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"total_tokens": 1}},
    ]
    upgraded = upgrade_request(ASKED | {"echo": True, "stream": True}, upgrades=NAMES)
    undone = list(upgraded.undo_stream(chunks))
    texts = [[choice["text"] for choice in each["choices"]] for each in undone]
    assert texts == [["Say hi"], [" h", "Say hi x"], [""], []]
    assert {each["object"] for each in undone} == {"text_completion"}
    assert undone[2]["choices"][0]["finish_reason"] == "stop"


def test_content_in_blocks_is_text_and_stays() -> None:
    """The text of an answer whose content a gateway sends in blocks is in the text, and the blocks stay as they are."""
    blocks = [{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "text", "text": "Hello"}, "odd"]
    undone = upgrade_request(ASKED, upgrades=NAMES).undo({"choices": [{"index": 0, "message": {"content": blocks}}]})
    assert undone["choices"] == [{"index": 0, "content": blocks, "text": "Hello", "logprobs": None}]


@pytest.mark.parametrize("choice", [None, {}, {"message": "x", "delta": "x"}, {"index": [], "delta": {"content": 5}}])
def test_odd_choices_break_no_answer(choice: Any) -> None:
    """A choice that is none, or a message that is no object, comes through, and the other choices with it."""
    upgraded = upgrade_request(ASKED | {"echo": True}, upgrades=NAMES)
    good = {"index": 1, "message": {"content": "a"}, "delta": {"content": "a"}}
    for undo in (upgraded.undo, upgraded.chunk_undo()):
        assert undo({"choices": [choice, good]})["choices"][1]["text"] == f"{ASKED['prompt']}a"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prompt": ["one", "two"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"suffix": "end"}, "suffix"),
        ({"logprobs": 0}, "logprobs"),
        ({"best_of": 3}, "best_of"),
        ({"echo": True, "max_tokens": 0}, "echo"),
    ],
)
def test_what_a_chat_cannot_say_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    """A field with no form in a chat is an error that names it."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        upgrade_request(ASKED | change, upgrades=NAMES)
    assert caught.value.field == field
