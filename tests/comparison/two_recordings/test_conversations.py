"""Tests of conversations in two recordings: each repeats its own answers, and only a client's doing is a difference."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from shim.comparison import RecordingsReport, Verdict, compare_recordings
from shim.comparison.two_recordings import answer_hashes as module
from shim.comparison.two_recordings.answer_hashes import AnswerHashes, OwnAnswers, hashes_of
from shim.comparison.two_recordings.keys import request_of
from shim.comparison.two_recordings.pairing import ALONE
from shim.recording.exchange import Exchange
from tests.comparison.two_recordings.asked import RESPONSE, RESPONSES_URL, recording
from tests.helpers.exchanges import exchange, sse

Fields = dict[str, Any]
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
USER = {"role": "user", "content": "Weather?"}


def chat(*messages: Fields, said: Fields, streamed: bool = False) -> Exchange:
    """A request with these messages, answered with a message."""
    body = {"model": "gpt-4o", "messages": list(messages), "tools": TOOLS, **({"stream": True} if streamed else {})}
    if not streamed:
        choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": "stop"}
        return exchange(body, json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode(), pair_id="")
    calls = [{"index": number, **call} for number, call in enumerate(said.get("tool_calls", ()))]
    delta = {"role": "assistant", "content": said["content"], **({"tool_calls": calls} if calls else {})}
    pieces = ({"delta": delta}, {"delta": {}, "finish_reason": "stop"})
    chunks = [{"id": "c", "choices": [{"index": 0, **each}]} for each in pieces]
    return exchange(body, sse(*chunks), content_type="text/event-stream", pair_id="")


def agent(
    name: str,
    words: str,
    *,
    streamed: bool = False,
    sent_back: Callable[[list[Fields]], object] = lambda _history: None,
) -> list[Exchange]:
    """An agent's three requests: it looks, it answers, it is thanked. `sent_back` may change what it repeats."""
    call = {"id": name, "type": "function", "function": {"name": "look", "arguments": "{}"}}
    history: list[Fields] = [USER]
    made = [chat(*history, said={"content": None, "tool_calls": [call]}, streamed=streamed)]
    result = {"role": "tool", "tool_call_id": name, "content": "sunny"}
    history += [{"role": "assistant", "content": None, "tool_calls": [call]}, result]
    made.append(chat(*history, said={"content": f"{words}\n"}, streamed=streamed))
    history += [{"role": "assistant", "content": words}, {"role": "user", "content": "Thanks"}]
    history = json.loads(json.dumps(history))
    sent_back(history)
    return [*made, chat(*history, said={"content": "Bye"}, streamed=streamed)]


def compared(
    folder: Path, control: Sequence[Exchange], candidate: Sequence[Exchange], **more: Any
) -> tuple[RecordingsReport, list[Verdict]]:
    """The report, and all verdicts."""
    found: list[Verdict] = []
    files = recording(folder / "control.jsonl", *control), recording(folder / "candidate.jsonl", *candidate)
    return compare_recordings(*files, on_verdict=found.append, **more), found


def told(found: Sequence[Verdict]) -> list[list[str]]:
    """Of each verdict the places that count."""
    return [[each.path for each in verdict.mismatches if each.ignored is None] for verdict in found]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("streamed", [False, True])
def test_other_ids_and_words_are_no_difference(tmp_path: Path, streamed: bool, workers: int) -> None:  # noqa: FBT001 - parameters
    """An agent whose model calls its calls otherwise and says other words asks the same; the words are told as ignored."""
    sides = agent("call_A", "It is sunny.", streamed=streamed), agent("D681PevKs", "Sun!", streamed=streamed)
    report, found = compared(tmp_path, *sides, workers=workers)
    assert (report.pairing.missing, report.pairing.added) == (0, 0)
    assert [verdict.outcome for verdict in found] == ["match", "match", "ignored"]
    assert [each.path for each in found[2].mismatches] == ["body.messages[3].content"]
    assert "two live answers differ" in found[2].reason


def shortened(history: list[Fields]) -> None:
    history[3]["content"] = "It is"


def without_calls(history: list[Fields]) -> None:
    del history[1]["tool_calls"]


def of_another_call(history: list[Fields]) -> None:
    history[2]["tool_call_id"] = "call_0"


def other_result(history: list[Fields]) -> None:
    history[2]["content"] = "rainy"


@pytest.mark.parametrize(
    ("sent_back", "place"),
    [
        (shortened, "body.messages[3].content"),
        (without_calls, "body.messages[1].tool_calls"),
        (of_another_call, "body.messages[2].tool_call_id"),
        (other_result, "body.messages[2].content"),
    ],
)
def test_what_a_client_does_to_its_history_is_a_difference(
    tmp_path: Path, sent_back: Callable[[list[Fields]], object], place: str
) -> None:
    """Words that no model said, calls lost or swapped, and results of the application's are told, live answers or not."""
    for control in ("It is sunny.", "Sun!"):
        _, found = compared(tmp_path, agent("call_A", control), agent("call_B", "It is sunny.", sent_back=sent_back))
        assert place in told(found)[2]


def test_examples_in_a_prompt_are_compared_as_they_are(tmp_path: Path) -> None:
    """Words put into a model's mouth alike by both clients leave live answers explained; those of one alone do not."""

    def asked(words: str, example: str) -> list[Exchange]:
        shown = [USER, {"role": "assistant", "content": example}, {"role": "user", "content": "Now you"}]
        return [
            chat(*shown, said={"content": words}),
            chat(*shown, {"role": "assistant", "content": words}, USER, said={"content": ""}),
        ]

    _, found = compared(tmp_path, asked("Sun!", "Rain."), asked("It is sunny.", "Rain."))
    assert [verdict.outcome for verdict in found] == ["match", "ignored"]
    _, found = compared(tmp_path, asked("Sun!", "Rain."), asked("It is sunny.", "Snow."))
    assert told(found) == [["body.messages[1].content"], ["body.messages[1].content", "body.messages[3].content"]]


def test_what_was_asked_before_the_recording_began_is_compared(tmp_path: Path) -> None:
    """Where the answer that is repeated is not in the recording, words that differ are told: nobody knows whose they are."""
    _, found = compared(tmp_path, agent("call_A", "It is sunny.")[2:], agent("call_A", "Sun!")[2:])
    assert told(found) == [["body.messages[3].content"]]


def stored(name: str, before: str = "", **fields: Any) -> Exchange:
    """A request of the Responses API that may go on from a stored answer, whose own answer has a name."""
    body = {"model": "gpt-4o", "input": "More", **fields, **({"previous_response_id": before} if before else {})}
    return exchange(body, json.dumps({**RESPONSE, "id": name}).encode(), url=RESPONSES_URL, pair_id="")


def test_stored_answers_go_by_partners(tmp_path: Path) -> None:
    """A request goes on from the same answer where that is its partner's; from another, or from none, is a difference."""
    output = [{"type": "function_call_output", "call_id": "call_1", "output": "x"}]
    control = stored("r1", input="Hi"), stored("r2", "r1"), stored("r3", "r2", input=output)
    same = stored("s1", input="Hi"), stored("s2", "s1"), stored("s3", "s2", input=[{**output[0], "call_id": "call_2"}])
    report, found = compared(tmp_path, control, same)
    assert report.pairing.by["request"] == 3
    assert {verdict.outcome for verdict in found} == {"match"}
    for after, place in (("s1", "body.previous_response_id"), ("", "request")):
        _, found = compared(tmp_path, control, (*same[:2], stored("s3", after, input=output)))
        assert told(found)[2] == [place]


def test_conversations_kept_at_the_server_go_by_partners(tmp_path: Path) -> None:
    """A conversation that either client began at the server is the same one, whatever its server calls it."""

    def kept(name: str) -> list[Exchange]:
        url = "https://api.openai.com/v1/conversations"
        begun = exchange(b'{"metadata": {}}', json.dumps({"id": name}).encode(), url=url, pair_id="")
        return [begun, stored("r", conversation=name), stored("r", conversation={"id": name}, input="Bye")]

    _, found = compared(tmp_path, kept("conv_1"), kept("conv_2"))
    assert told(found) == [[], [], []]
    _, found = compared(
        tmp_path, kept("conv_1"), [*kept("conv_2")[:2], stored("r", conversation="conv_3", input="Bye")]
    )
    assert told(found)[2] == ["body.conversation"]


def test_answers_that_cannot_be_read_say_nothing() -> None:
    """An answer that failed, was left out, or is no JSON is none that can be repeated; nothing is raised."""
    for made in (
        exchange({"model": "m", "messages": [USER]}, b"nonsense"),
        exchange({"model": "m", "messages": [USER]}, status=500),
        exchange(b"nonsense", b"nonsense"),
        exchange(b"{}", b"[1]", url="https://api.openai.com/v1/conversations"),
        exchange(b"{}", b'{"id": 1}', url="https://api.openai.com/v1/conversations"),
    ):
        assert hashes_of(made, request_of(made)) == AnswerHashes()


def test_no_more_is_kept_than_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many answers the last are known, and places stay right where others are left out."""
    monkeypatch.setattr(module, "_MOST_KNOWN", 3)
    answers = OwnAnswers()
    for number in range(1, 8):
        answers.take(AnswerHashes(answers=(number,), id=-number, after=1 - number if number > 1 else 0))
    assert list(answers.after) == [ALONE, 0, 1, 2, 3, 4, 5]
    answers.take(AnswerHashes(repeats=(1,), after=-1))
    answers.take(AnswerHashes(repeats=(7,), after=-7))
    assert ([bool(each) for each in answers.unsaid], list(answers.after)[7:]) == (
        [False] * 7 + [True, False],
        [ALONE, 6],
    )
    answers.keep(array("I", [0, 6, 7, 8]))
    assert [bool(each) for each in answers.unsaid] == [False, False, True, False]
    assert list(answers.after) == [ALONE, ALONE, ALONE, 1]
    answers.forget()
    answers.take(AnswerHashes(repeats=(7,)))
    assert answers.unsaid[-1]
