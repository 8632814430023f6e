"""Tests of `responses.validation`, `input_rules` and `tool_rules`: what is refused, how, and what is accepted."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.responses.validation import PARAMETERS
from tests.testing.fake_openai.asking import KEY, ask
from tests.testing.fake_openai.asking import TOOL as CHAT_TOOL
from tests.testing.fake_openai.responses.responding import CALL, PATH, TOOL, USER, asked, output_of


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(api_key=KEY) as running:
        yield running


def item(**fields: Any) -> dict[str, Any]:
    return asked([fields])


def part(kind: str, role: str = "user", **fields: Any) -> dict[str, Any]:
    return asked([{"role": role, "content": [{"type": kind, **fields}]}])


def tool(**fields: Any) -> dict[str, Any]:
    return asked(tools=[{**TOOL, **fields}])


def form(**fields: Any) -> dict[str, Any]:
    return asked(text={"format": fields})


REQUIRED = "missing_required_parameter"
OPEN = {"type": "object", "properties": {"a": {}}}
PARTIAL = OPEN | {"additionalProperties": False}
NAMED = {"type": "function", "name": "other"}
BAD_PARAMETERS = "tools[0].parameters"
BAD_FUNCTION = "invalid_function_parameters"

REFUSED: list[tuple[str, Any, str | None, str | None]] = [
    ("not JSON", b"{nonsense", None, None),
    ("not an object", [], None, "invalid_type"),
    ("no model", {"input": "hi"}, "model", REQUIRED),
    ("null model", asked() | {"model": None}, "model", "invalid_type"),
    ("an unknown model", asked() | {"model": "parrot-1"}, "model", "model_not_found"),
    ("no input", {"model": "gpt-4o"}, "input", REQUIRED),
    ("null input", asked(None), "input", REQUIRED),
    ("an empty string", asked(""), "input", REQUIRED),
    ("an empty list", asked([]), "input", "empty_array"),
    ("input of another type", asked(7), "input", "invalid_type"),
    ("an item of another type", asked(["hi"]), "input[0]", "invalid_type"),
    ("an item of no kind", item(content="hi"), "input[0].type", REQUIRED),
    ("an item of an unknown kind", item(type="telegram"), "input[0].type", "invalid_value"),
    ("an unknown role", item(role="tool", content="x"), "input[0].role", "invalid_value"),
    ("a message without content", item(role="user"), "input[0].content", REQUIRED),
    ("null content", item(role="user", content=None), "input[0].content", "invalid_type"),
    ("a message with calls", item(role="user", content="x", tool_calls=[]), "input[0].tool_calls", "unknown_parameter"),
    ("a Chat part", part("text", text="hi"), "input[0].content[0].type", "invalid_value"),
    ("what an assistant cannot say", part("input_text", "assistant", text=""), "input[0].content[0].type", "invalid_value"),
    ("a part without a type", asked([{"role": "user", "content": [{}]}]), "input[0].content[0].type", REQUIRED),
    ("a part without text", part("input_text"), "input[0].content[0].text", REQUIRED),
    ("an id of another kind", item(**CALL, id="msg_1"), "input[0].id", "invalid_value"),
    ("a call without arguments", item(type="function_call", call_id="c", name="f"), "input[0].arguments", REQUIRED),
    ("a result without a call id", item(type="function_call_output", output="x"), "input[0].call_id", REQUIRED),
    ("a result that is a number", asked([USER, CALL, output_of("call_1", 4)]), "input[2].output", "invalid_type"),
    ("a result without its call", asked([USER, output_of("call_9")]), "input", None),
    ("a call without its result", asked([USER, CALL, USER]), "input", None),
    ("reasoning without a summary", item(type="reasoning", id="rs_1"), "input[0].summary", REQUIRED),
    ("an unknown previous response", asked(previous_response_id="resp_x"), "previous_response_id", "previous_response_not_found"),
    ("stop", asked(stop=["x"]), "stop", "unknown_parameter"),
    ("seed", asked(seed=1), "seed", "unknown_parameter"),
    ("n", asked(n=1), "n", "unknown_parameter"),
    ("presence_penalty", asked(presence_penalty=0), "presence_penalty", "unknown_parameter"),
    ("frequency_penalty", asked(frequency_penalty=0), "frequency_penalty", "unknown_parameter"),
    ("logit_bias", asked(logit_bias={}), "logit_bias", "unknown_parameter"),
    ("logprobs", asked(logprobs=True), "logprobs", "unknown_parameter"),
    ("functions", asked(functions=[]), "functions", "unknown_parameter"),
    ("messages", asked(messages=[]), "messages", "unsupported_parameter"),
    ("max_tokens", asked(max_tokens=99), "max_tokens", "unsupported_parameter"),
    ("response_format", asked(response_format={}), "response_format", "unsupported_parameter"),
    ("reasoning_effort", asked(reasoning_effort="low"), "reasoning_effort", "unsupported_parameter"),
    ("too few tokens", asked(max_output_tokens=15), "max_output_tokens", "integer_below_min_value"),
    ("temperature too high", asked(temperature=2.1), "temperature", "decimal_above_max_value"),
    ("top_logprobs too many", asked(top_logprobs=21), "top_logprobs", "integer_above_max_value"),
    ("an unknown truncation", asked(truncation="hard"), "truncation", "invalid_value"),
    ("an unknown inclusion", asked(include=["everything"]), "include[0]", "invalid_value"),
    ("include of another type", asked(include="all"), "include", "invalid_type"),
    ("a Chat tool", asked(tools=[CHAT_TOOL]), "tools[0].name", REQUIRED),
    ("a tool without a type", asked(tools=[{"name": "f"}]), "tools[0].type", REQUIRED),
    ("an unknown tool", asked(tools=[{"type": "hammer"}]), "tools[0].type", "invalid_value"),
    ("a bad tool name", tool(name="get weather"), "tools[0].name", "invalid_value"),
    ("an unknown field of a tool", tool(function={}), "tools[0].function", "unknown_parameter"),
    ("a bad schema", tool(parameters={"type": "string"}), BAD_PARAMETERS, BAD_FUNCTION),
    ("a strict schema that is open", tool(parameters=OPEN, strict=True), BAD_PARAMETERS, BAD_FUNCTION),
    ("a strict schema with an option", tool(parameters=PARTIAL, strict=True), BAD_PARAMETERS, BAD_FUNCTION),
    ("a choice of an unknown tool", asked(tools=[TOOL], tool_choice=NAMED), "tool_choice", None),
    ("a Chat tool choice", asked(tools=[TOOL], tool_choice={"type": "function", "function": {}}), "tool_choice.name", REQUIRED),
    ("a choice without a type", asked(tools=[TOOL], tool_choice={}), "tool_choice.type", REQUIRED),
    ("a mode nobody knows", asked(tool_choice="maybe"), "tool_choice", "invalid_value"),
    ("a call required of no tool", asked(tool_choice="required"), "tool_choice", None),
    ("a hosted tool not given", asked(tool_choice={"type": "web_search"}), "tool_choice", None),
    ("allowed tools without a mode", asked(tool_choice={"type": "allowed_tools"}), "tool_choice.mode", REQUIRED),
    ("an unknown field of text", asked(text={"size": 12}), "text.size", "unknown_parameter"),
    ("a verbosity nobody knows", asked(text={"verbosity": "epic"}), "text.verbosity", "invalid_value"),
    ("a format without a type", form(), "text.format.type", REQUIRED),
    ("an unknown format", form(type="xml"), "text.format.type", "invalid_value"),
    ("a nested schema format", form(type="json_schema", json_schema={}), "text.format.name", REQUIRED),
    ("a schema format without a schema", form(type="json_schema", name="n"), "text.format.schema", REQUIRED),
    (
        "a strict format that is open",
        form(type="json_schema", name="n", schema=OPEN, strict=True),
        "text.format.schema",
        "invalid_json_schema",
    ),
    ("json_object and no word of it", form(type="json_object"), "input", None),
    ("an unknown effort", asked(reasoning={"effort": "heroic"}) | {"model": "o3"}, "reasoning.effort", "invalid_value"),
    ("an unknown field of reasoning", asked(reasoning={"speed": 1}), "reasoning.speed", "unknown_parameter"),
    ("effort of a model without reasoning", asked(reasoning={"effort": "low"}), "reasoning.effort", "unsupported_parameter"),
    ("temperature of a reasoning model", asked(temperature=0.7) | {"model": "o4-mini"}, "temperature", None),
    ("top_p of a reasoning model", asked(top_p=0.5) | {"model": "gpt-5"}, "top_p", None),
    ("logprobs of a reasoning model", asked(include=["message.output_text.logprobs"]) | {"model": "o3"}, "include", None),
    ("stream options without stream", asked(stream_options={}), "stream_options", None),
    (
        "usage asked for as in Chat",
        asked(stream=True, stream_options={"include_usage": True}),
        "stream_options.include_usage",
        "unknown_parameter",
    ),
    ("background that is not stored", asked(background=True, store=False), "background", None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "param", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_wrong_request_is_refused(shared: FakeOpenAI, body: Any, param: str | None, code: str | None) -> None:
    """A request with something wrong gets a 400 that names the place and the kind of fault."""
    got = ask(shared, body, path=PATH)
    assert got.status == 400
    assert got.error["type"] == "invalid_request_error"
    assert (got.error["param"], got.error["code"]) == (param, code)
    assert len(got.error["message"]) > 20


def test_a_moved_parameter_is_told_its_new_name(shared: FakeOpenAI) -> None:
    """A parameter of Chat Completions that has another name here is refused with that name."""
    assert "'max_output_tokens'" in ask(shared, asked(max_completion_tokens=50), path=PATH).error["message"]


@pytest.mark.parametrize("name", ["conversation", "prompt"])
def test_what_cannot_exist_here_is_not_found(shared: FakeOpenAI, name: str) -> None:
    """A conversation or a prompt of the platform is a 404: this server has none."""
    got = ask(shared, asked() | {name: {"id": "x_1"}}, path=PATH)
    assert (got.status, got.error["param"]) == (404, name)


CLOSED = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
ACCEPTED: dict[str, dict[str, Any]] = {
    "a string": asked("hi"),
    "items of the kinds there are": asked([
        {"role": "developer", "content": "Be kind."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, IMAGE]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        CALL | {"id": "fc_1", "status": "completed"},
        output_of("call_1", [{"type": "input_text", "text": "sunny"}]),
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    ]),
    "nothing the persona can read": asked([{"type": "web_search_call", "id": "ws_1"}]),
    "nulls": asked(temperature=None, tools=None, text=None, reasoning=None, include=None, stream=None, tool_choice=None),
    "empty lists": asked(tools=[], include=[]),
    "a strict tool": tool(parameters=CLOSED, strict=True),
    "a hosted tool and its choice": asked(tools=[{"type": "web_search"}], tool_choice={"type": "web_search"}),
    "a choice of none of no tools": asked(tool_choice="none"),
    "a custom tool": asked(tools=[{"type": "custom", "name": "shell"}], tool_choice={"type": "custom", "name": "shell"}),
    "a strict format": form(type="json_schema", name="n", schema=CLOSED, strict=True),
    "temperature one of a reasoning model": asked(temperature=1) | {"model": "o3"},
    "temperature without reasoning": asked(temperature=0.2, reasoning={"effort": "none"}) | {"model": "gpt-5.4"},
    "temperature of a chat model of that family": asked(temperature=0.2) | {"model": "gpt-5-chat-latest"},
    "tools beside reasoning": asked(tools=[TOOL], reasoning={"effort": "high"}) | {"model": "gpt-5.4"},
    "everything else": asked(
        user="me", metadata={"a": "b"}, service_tier="auto", truncation="auto", max_tool_calls=3, top_p=0.1,
        prompt_cache_key="k", safety_identifier="s", parallel_tool_calls=False, instructions="Be kind.", store=False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_right_request_is_accepted(shared: FakeOpenAI, body: dict[str, Any]) -> None:
    """What the API accepts is accepted, streamed or not."""
    assert ask(shared, body, path=PATH).status == 200
    assert ask(shared, body | {"stream": True}, path=PATH).events[-1]["type"] == "response.completed"


_NAMES = [
    "type",
    "role",
    "content",
    "id",
    "call_id",
    "name",
    "arguments",
    "output",
    "summary",
    "format",
    "schema",
    "mode",
]
_KINDS = [
    "message",
    "function_call",
    "function_call_output",
    "reasoning",
    "item_reference",
    "function",
    "allowed_tools",
]
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.sampled_from([*_KINDS, "user", "json_schema", "required"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=8,
)
_ITEMS = st.lists(st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=5), max_size=4)


@given(fields=st.dictionaries(st.sampled_from(sorted(PARAMETERS)), _VALUES, max_size=4), items=_ITEMS | _VALUES)
def test_no_json_whatever_breaks_the_server(shared: FakeOpenAI, fields: dict[str, Any], items: Any) -> None:
    """Any JSON body is either answered or refused; none makes the server fail."""
    assert ask(shared, fields | {"model": "gpt-4o", "input": items}, path=PATH).status in {200, 400, 404}
