"""Tests of observations: the fields that can be compared are derived, and nothing that was said is kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shim.comparison.shadow_rung.observation import MOST_JUDGED_CHARACTERS, ended_by_caller, observed
from shim.model import (
    ErrorCategory,
    FinishReason,
    ModelRequest,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ToolDefinition,
    Usage,
    user,
)
from tests.comparison.shadow_rung.parts import REQUEST, WEATHER, calling, completed, failed, response

CITY_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def asked(**fields: Any) -> ModelRequest:
    """A request."""
    return ModelRequest("gpt-4o", [user("Hello")], **fields)


def test_an_answer_is_measured() -> None:
    """Finish reason, length, usage, model and times of an answer are kept."""
    given = response(TextPart("Hello."), reason=FinishReason.LENGTH, usage=Usage(10, 5, 2, 8))
    found = observed(completed(given, seconds=2.0, first_event=0.5), REQUEST, streamed=True)
    assert (found.ending, found.finish_reason, found.characters, found.model) == (
        "answered",
        "length",
        6,
        "gpt-4o-2024-08-06",
    )
    assert (found.input_tokens, found.output_tokens, found.reasoning_tokens, found.cached_tokens) == (10, 5, 2, 8)
    assert (found.seconds, found.first_event, found.tokens) == (2.0, 0.5, 15)


def test_an_error_is_told_by_its_category() -> None:
    """A failure keeps category and status, and has no time: a quick failure is no quick answer."""
    found = observed(failed(), REQUEST, streamed=False)
    assert (found.ending, found.category, found.status, found.seconds) == ("failed", "server", 500, None)


@pytest.mark.parametrize(
    ("name", "arguments", "valid"),
    [
        ("weather", '{"city": "Oslo"}', True),
        ("weather", '{"city": 7}', False),
        ("weather", "{}", False),
        ("weather", '{"city": "Os', False),
        ("weather", '["Oslo"]', False),
        ("weather", '{"city": NaN}', False),
        ("made_up", "{}", False),
        ("anything", '{"x": 1}', True),
    ],
)
def test_arguments_are_judged_by_the_tools_schema(name: str, arguments: str, *, valid: bool) -> None:
    """Arguments are valid where their tool was declared and its schema is kept."""
    request = asked(tools=[WEATHER, ToolDefinition("anything")])
    found = observed(completed(calling(name, arguments)), request, streamed=False)
    assert (found.tools, found.arguments_valid) == ((name,), valid)


def test_tools_declared_in_the_body_are_known() -> None:
    """Functions given in either form of the further body count as declared."""
    body = {
        "functions": [{"name": "f", "parameters": CITY_SCHEMA}],
        "tools": [{"type": "function", "function": {"name": "g"}}],
    }
    for name, arguments, valid in (
        ("f", '{"city": "x"}', True),
        ("f", "{}", False),
        ("g", "{}", True),
        ("h", "{}", False),
    ):
        found = observed(completed(calling(name, arguments)), asked(extra_body=body), streamed=False)
        assert found.arguments_valid is valid


def test_where_nothing_can_be_judged_nothing_is_said() -> None:
    """Without tool calls, of a custom tool, and of endless arguments, there is no judgement."""
    request = asked(tools=[WEATHER])
    endless = '{"city": "' + "x" * MOST_JUDGED_CHARACTERS + '"}'
    for given in (response(), calling("weather", "free text", kind="custom"), calling("weather", endless)):
        assert observed(completed(given), request, streamed=False).arguments_valid is None


@pytest.mark.parametrize(
    ("text", "as_object", "as_schema"),
    [
        ('{"city": "Oslo"}', True, True),
        ('{"town": "Oslo"}', True, False),
        ('```json\n{"city": "Oslo"}\n```', False, False),
        ("[]", False, False),
        ("[" * 5000, False, False),
        ("", None, None),
    ],
)
def test_the_format_asked_for_is_judged(text: str, *, as_object: bool | None, as_schema: bool | None) -> None:
    """Text is held against the form that was asked for, and against none where none was."""
    given = completed(response(TextPart(text)))
    forms = (ResponseFormat("text"), ResponseFormat("json_object"), ResponseFormat("json_schema", "c", CITY_SCHEMA))
    found = [observed(given, asked(response_format=form), streamed=False).format_valid for form in forms]
    assert found == [None, as_object, as_schema]


def test_a_refusal_is_no_broken_format() -> None:
    """A model that declines in words is counted as declining."""
    given = completed(response(RefusalPart("I would rather not.")))
    found = observed(given, asked(response_format=ResponseFormat("json_object")), streamed=False)
    assert (found.declined, found.format_valid) == (True, None)


def test_no_word_is_kept() -> None:
    """Neither question, nor answer, nor arguments, nor the words of an error stand in an observation."""
    request = asked(tools=[WEATHER])
    for given in (
        completed(response(TextPart("sesame"))),
        completed(calling("weather", '{"city": "sesame"}')),
        failed(),
    ):
        text = msgspec.json.encode(observed(given, request, streamed=False)).decode()
        assert "sesame" not in text
        assert "secret" not in text


def test_calls_ended_by_their_caller_are_told() -> None:
    """A cancelled or aborted call says nothing of its provider; any other failure does."""
    ended = [category for category in ErrorCategory if ended_by_caller(failed(category))]
    assert ended == [ErrorCategory.CANCELLED, ErrorCategory.ABORTED]
    assert not ended_by_caller(completed())
