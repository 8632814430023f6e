"""Tests of `persona.replies`, `calling` and `words`: what the stand-in for a model says and calls."""

import json
from typing import Any

import pytest

from shim.testing.fake_openai.persona.replies import REFUSAL, Reply, replies_to
from shim.testing.fake_openai.persona.tokens import tokens_of
from shim.testing.fake_openai.persona.words import Wording
from tests.testing.fake_openai.asking import TOOL, chat

TIME = {"type": "function", "function": {"name": "currentTime", "description": "Tells the hour"}}
SHELL = {"type": "custom", "custom": {"name": "shell", "description": "Runs commands"}}


def reply(body: dict[str, Any]) -> Reply:
    (only,) = replies_to(body, number=1)
    return only


def test_it_repeats_the_last_user_message_and_counts() -> None:
    """Plain text is echoed, with the number of messages."""
    body = chat() | {
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Fine weather."}]
    }
    assert reply(body).text == 'You said: "Fine weather." I have 2 messages of this conversation in front of me.'


def test_it_reads_text_parts() -> None:
    """A message made of parts is heard by its text."""
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    assert "What is this?" in (reply(chat() | {"messages": [{"role": "user", "content": content}]}).text or "")


def test_it_greets_and_counts() -> None:
    """A greeting is greeted back, and "count to" counts."""
    assert (reply(chat("Hello there!")).text or "").startswith("Hello!")
    assert reply(chat("Please count to 5")).text == "1, 2, 3, 4, 5."


def test_it_refuses_when_asked_to() -> None:
    """A user message with the word "refuse" gets a refusal and no text."""
    assert reply(chat("Please REFUSE this.")) == Reply(refusal=REFUSAL)


def test_it_calls_the_tool_that_fits() -> None:
    """The tool whose name or description shares a word with the message is called, with arguments from its schema."""
    answer = reply(chat("What is the weather in Paris?", tools=[TIME, TOOL]))
    assert [(call.name, json.loads(call.arguments)) for call in answer.calls] == [("get_weather", {"city": "Paris"})]
    assert (answer.text, answer.finish) == (None, "tool_calls")
    assert reply(chat("What time is it?", tools=[TOOL, TIME])).calls[0].name == "currentTime"


def test_it_calls_nothing_when_nothing_fits() -> None:
    """A message that no tool fits is answered in text."""
    assert reply(chat("Tell me a joke.", tools=[TOOL, TIME])).calls == ()


def test_two_subjects_make_two_calls() -> None:
    """A question about two places makes two calls with ids of their own, unless parallel calls are off."""
    asked = chat("Weather in New York and Rome, please.", tools=[TOOL])
    answer = reply(asked)
    assert [json.loads(call.arguments)["city"] for call in answer.calls] == ["New York", "Rome"]
    assert len({call.id for call in answer.calls}) == 2
    assert len(reply(asked | {"parallel_tool_calls": False}).calls) == 1


@pytest.mark.parametrize(
    ("choice", "name", "finish"),
    [
        ("none", None, "stop"),
        ("auto", None, "stop"),
        ("required", "get_weather", "tool_calls"),
        ({"type": "function", "function": {"name": "currentTime"}}, "currentTime", "stop"),
        ({"type": "custom", "custom": {"name": "shell"}}, "shell", "stop"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TIME]}},
            "currentTime",
            "tool_calls",
        ),
    ],
)
def test_the_tool_choice_decides(choice: Any, name: str | None, finish: str) -> None:
    """`tool_choice` forbids, forces or names a call; a named one finishes with "stop", as the API's does."""
    answer = reply(chat("Tell me a joke.", tools=[TOOL, TIME, SHELL], tool_choice=choice))
    assert [call.name for call in answer.calls] == ([] if name is None else [name])
    assert answer.finish == finish


def test_a_fitting_tool_is_not_called_when_forbidden() -> None:
    """`tool_choice` "none" gives text although a tool would fit."""
    assert reply(chat("The weather in Paris?", tools=[TOOL], tool_choice="none")).text


def test_the_older_functions_are_called_too() -> None:
    """A request with `functions` gets one `function_call`."""
    body = chat("The weather in Paris?", functions=[TOOL["function"]])
    answer = reply(body)
    assert (answer.legacy, answer.finish, answer.calls[0].arguments) == (True, "function_call", '{"city":"Paris"}')
    assert reply(body | {"function_call": "none"}).calls == ()
    assert reply(chat("A joke?", functions=[TOOL["function"]], function_call={"name": "get_weather"})).legacy


def test_tool_results_are_quoted() -> None:
    """After tool results the answer quotes each of them under its tool's name, and calls nothing again."""
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": f"tool_{n}", "arguments": "{}"}} for n in (1, 2)
    ]
    results = [{"role": "tool", "tool_call_id": f"call_{n}", "content": f"result {n}"} for n in (1, 2)]
    asked = {"role": "user", "content": "The weather in Paris?"}
    messages = [asked, {"role": "assistant", "content": None, "tool_calls": calls}, *results]
    answer = reply(chat(tools=[TOOL]) | {"messages": messages})
    assert answer.text == "Here is what I found: tool_1 says result 1; tool_2 says result 2."


def test_a_schema_is_filled() -> None:
    """A JSON response format gets JSON: an object, or one that fits the schema."""
    schema = {"type": "object", "properties": {"country": {"type": "string"}}, "required": ["country"]}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    assert json.loads(reply(chat("Where is Oslo?", response_format=form)).text or "") == {"country": "Oslo"}
    loose = reply(chat("As json: where is Oslo?", response_format={"type": "json_object"}))
    assert isinstance(json.loads(loose.text or ""), dict)


def test_a_limit_cuts_and_says_so() -> None:
    """A token limit cuts text, refusals and arguments after that many tokens, with finish reason "length"."""
    cut = reply(chat("Count to 100", max_completion_tokens=4))
    assert (cut.text, cut.tokens, cut.finish) == ("1, 2, 3, 4,", 4, "length")
    assert reply(chat("refuse", max_tokens=2)) == Reply(refusal="I'm sorry,", finish="length")
    call = reply(chat("Weather in Paris?", tools=[TOOL], max_completion_tokens=4))
    assert (call.tokens, call.finish) == (4, "length")
    assert '{"city":"Paris"}'.startswith(call.calls[0].arguments)


def test_a_limit_that_is_not_reached_changes_nothing() -> None:
    """An answer as long as its limit is whole."""
    whole = reply(chat("Count to 3"))
    assert reply(chat("Count to 3", max_completion_tokens=whole.tokens)) == whole


@pytest.mark.parametrize("stop", ["4", ["7", "4"]])
def test_stop_is_honoured(stop: Any) -> None:
    """The text ends before the first of the stop sequences."""
    assert reply(chat("Count to 9", stop=stop)) == Reply(text="1, 2, 3, ")


def test_several_choices_differ() -> None:
    """`n` gives that many choices, with different texts and call ids."""
    assert len({one.text for one in replies_to(chat(n=3), number=1)}) == 3
    calls = replies_to(chat("Weather in Paris?", tools=[TOOL], n=2), number=1)
    assert len({one.calls[0].id for one in calls}) == 2


def test_equal_requests_are_answered_alike() -> None:
    """The persona is deterministic."""
    body = chat("Weather in Paris and Rome?", tools=[TOOL], n=2)
    assert replies_to(body, number=7) == replies_to(body, number=7)


@pytest.mark.parametrize(
    "text", ["", "  ", "a", "Hello, wörld!\n\n", "  indented and extraordinarily long", "日本語テキスト"]
)
def test_tokens_join_to_the_text(text: str) -> None:
    """Splitting into tokens loses nothing."""
    assert "".join(tokens_of(text)) == text


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Where is Rio Grande now?", "Rio Grande"),
        ("Say something", "something"),
        ("", "something"),
        ("Stop. Now", "Now"),
    ],
)
def test_the_subject_of_a_text(text: str, subject: str) -> None:
    """A name inside a sentence is the subject, else the last word."""
    assert Wording(text).subject == subject
