"""Tests of `chat.validation`, `message_rules` and `tool_rules`, and of `value_rules`: what is refused, and how."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.chat.validation import PARAMETERS
from tests.testing.fake_openai.asking import KEY, TOOL, ask, chat


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(api_key=KEY) as running:
        yield running


def call(identifier: str) -> dict[str, Any]:
    return {"id": identifier, "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}


USER = {"role": "user", "content": "hi"}
ASKED = {"role": "assistant", "content": None, "tool_calls": [call("call_1"), call("call_2")]}


def answered(identifier: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identifier, "content": "sunny"}


def only(role: str, **fields: Any) -> dict[str, Any]:
    return chat() | {"messages": [{"role": role, **fields}]}


WITHOUT_MODEL = {"messages": [USER]}
BAD_NAME = {"type": "function", "function": {"name": "get weather"}}
BAD_SCHEMA = {"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}
ELSEWHERE = {"type": "function", "function": {"name": "other"}}
NAMELESS = {"type": "function", "function": {}}
REQUIRED = "missing_required_parameter"
IDLESS = {"role": "assistant", "tool_calls": [{"type": "function"}]}
UNARGUED = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}
NAMING_NONE = {"type": "function"}
UNNAMED = {"type": "json_schema", "json_schema": {"schema": {}}}
AUDIO = [{"type": "video", "video": {}}]

REFUSED: list[tuple[str, Any, str | None, str | None]] = [
    ("not JSON", b"{nonsense", None, None),
    ("not UTF-8", b'{"model": "\xff"}', None, None),
    ("not an object", [], None, "invalid_type"),
    ("no model", WITHOUT_MODEL, None, None),
    ("model of another type", chat() | {"model": 4}, "model", "invalid_type"),
    ("no messages", {"model": "gpt-4o"}, "messages", REQUIRED),
    ("empty messages", chat() | {"messages": []}, "messages", "empty_array"),
    ("messages of another type", chat() | {"messages": "hi"}, "messages", "invalid_type"),
    ("null messages", chat() | {"messages": None}, "messages", "invalid_type"),
    ("a message of another type", chat() | {"messages": ["hi"]}, "messages[0]", "invalid_type"),
    ("no role", chat() | {"messages": [{"content": "hi"}]}, "messages[0].role", REQUIRED),
    ("blank in name", only("user", name="my name", content=""), "messages[0].name", "invalid_value"),
    ("name of roles", only("user", name="<|im_start|>", content=""), "messages[0].name", "invalid_value"),
    ("empty name", only("user", name="", content=""), "messages[0].name", "invalid_value"),
    ("long name", only("user", name="x" * 65, content=""), "messages[0].name", "invalid_value"),
    ("number for a name", only("user", name=7, content=""), "messages[0].name", "invalid_type"),
    ("unknown role", chat() | {"messages": [{"role": "robot", "content": ""}]}, "messages[0].role", "invalid_value"),
    ("no content", chat() | {"messages": [{"role": "user"}]}, "messages.[0].content", None),
    ("content of another type", chat() | {"messages": [{"role": "user", "content": 1}]}, "messages[0].content", "invalid_type"),
    ("unknown part", chat() | {"messages": [{"role": "user", "content": AUDIO}]}, "messages[0].content[0].type", "invalid_value"),
    ("a result without a call", chat() | {"messages": [USER, answered("call_1")]}, "messages.[1].role", None),
    ("a result of another call", chat() | {"messages": [USER, ASKED, answered("call_9")]}, "messages.[2].role", None),
    ("a call without a result", chat() | {"messages": [USER, ASKED, answered("call_1"), USER]}, "messages.[1].role", None),
    ("a result without an id", chat() | {"messages": [{"role": "tool", "content": ""}]}, "messages[0].tool_call_id", REQUIRED),
    ("calls of another type", only("assistant", tool_calls=1), "messages[0].tool_calls", "invalid_type"),
    ("empty calls", only("assistant", tool_calls=[]), "messages[0].tool_calls", "empty_array"),
    ("a call without an id", chat() | {"messages": [IDLESS]}, "messages[0].tool_calls[0].id", REQUIRED),
    ("a call without arguments", chat() | {"messages": [UNARGUED]}, "messages[0].tool_calls[0].function.arguments", REQUIRED),
    ("a part without a type", only("user", content=[{}]), "messages[0].content[0].type", REQUIRED),
    ("an empty part", only("user", content=[{"type": "text"}]), "messages[0].content[0].text", REQUIRED),
    ("a schema format without a name", chat(response_format=UNNAMED), "response_format.json_schema.name", REQUIRED),
    ("a choice of a tool without a name", chat(tools=[TOOL], tool_choice=NAMING_NONE), "tool_choice.function.name", REQUIRED),
    ("calls at the end", chat() | {"messages": [USER, ASKED]}, "messages.[1].role", None),
    ("temperature of another type", chat(temperature="hot"), "temperature", "invalid_type"),
    ("boolean temperature", chat(temperature=True), "temperature", "invalid_type"),
    ("temperature too high", chat(temperature=2.1), "temperature", "decimal_above_max_value"),
    ("temperature too low", chat(temperature=-0.1), "temperature", "decimal_below_min_value"),
    ("no tokens", chat(max_completion_tokens=0), "max_completion_tokens", "integer_below_min_value"),
    ("half a token", chat(max_completion_tokens=1.5), "max_completion_tokens", "invalid_type"),
    ("no choices", chat(n=0), "n", "integer_below_min_value"),
    ("too many choices", chat(n=129), "n", "integer_above_max_value"),
    ("unknown parameter", chat(flavour="mint"), "flavour", "unknown_parameter"),
    ("unknown effort", chat(reasoning_effort="heroic"), "reasoning_effort", "invalid_value"),
    ("five stops", chat(stop=list("abcde")), "stop", "array_above_max_length"),
    ("empty tools", chat(tools=[]), "tools", "empty_array"),
    ("a tool without a type", chat(tools=[{"function": {}}]), "tools[0].type", REQUIRED),
    ("a tool without a function", chat(tools=[{"type": "function"}]), "tools[0].function", REQUIRED),
    ("a tool without a name", chat(tools=[NAMELESS]), "tools[0].function.name", REQUIRED),
    ("a bad tool name", chat(tools=[BAD_NAME]), "tools[0].function.name", "invalid_value"),
    ("a bad schema", chat(tools=[BAD_SCHEMA]), "tools[0].function.parameters", "invalid_function_parameters"),
    ("a choice of no tools", chat(tool_choice="auto"), "tool_choice", None),
    ("a choice of an unknown tool", chat(tools=[TOOL], tool_choice=ELSEWHERE), "tool_choice", None),
    ("an unknown mode", chat(tools=[TOOL], tool_choice="maybe"), "tool_choice", "invalid_value"),
    ("parallel calls of no tools", chat(parallel_tool_calls=False), "parallel_tool_calls", None),
    ("stream options without stream", chat(stream_options={"include_usage": True}), "stream_options", None),
    ("top_logprobs without logprobs", chat(top_logprobs=2), "top_logprobs", None),
    ("a format without a type", chat(response_format={}), "response_format.type", REQUIRED),
    ("an unknown format", chat(response_format={"type": "xml"}), "response_format.type", "invalid_value"),
    ("a schema format without a schema", chat(response_format={"type": "json_schema"}), "response_format.json_schema", REQUIRED),
    ("json_object and no word of JSON", chat(response_format={"type": "json_object"}), "messages", None),
    ("max_tokens of a reasoning model", chat(max_tokens=5) | {"model": "o3-mini"}, "max_tokens", "unsupported_parameter"),
    ("temperature of a reasoning model", chat(temperature=0.7) | {"model": "gpt-5"}, "temperature", "unsupported_value"),
    ("tools beside reasoning", chat(tools=[TOOL]) | {"model": "gpt-5.4"}, "reasoning_effort", None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "param", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_wrong_request_is_refused(shared: FakeOpenAI, body: Any, param: str | None, code: str | None) -> None:
    """A request with something wrong gets a 400 that names the place and the kind of fault."""
    got = ask(shared, body)
    assert got.status == 400
    assert got.error["type"] == "invalid_request_error"
    assert (got.error["param"], got.error["code"]) == (param, code)
    assert len(got.error["message"]) > 20


SYSTEM = {"role": "system", "content": "Be kind."}
ACCEPTED: dict[str, dict[str, Any]] = {
    "all calls answered": chat() | {"messages": [USER, ASKED, answered("call_2"), answered("call_1")]},
    "parts": chat() | {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
    "developer and system": chat() | {"messages": [SYSTEM, SYSTEM | {"role": "developer"}, USER]},
    "bounds": chat(temperature=2, top_p=0, presence_penalty=-2, frequency_penalty=2, n=3, max_completion_tokens=1),
    "names": only("user", name="Ada-2_L.ö", content="hi"),
    "nulls": chat(temperature=None, stop=None, tools=None, stream=None, response_format=None, n=None),
    "limit without tools": chat(tool_choice="none"),
    "a custom tool": chat(tools=[{"type": "custom", "custom": {"name": "shell"}}]),
    "temperature one of a reasoning model": chat(temperature=1) | {"model": "o3"},
    "temperature of a chat model of that family": chat(temperature=0.2) | {"model": "gpt-5-chat-latest"},
    "tools without reasoning": chat(tools=[TOOL], reasoning_effort="none") | {"model": "gpt-5.4"},
    "everything else": chat(
        user="me", seed=-3, store=True, metadata={"a": "b"}, logit_bias={"50256": -100}, service_tier="auto",
        verbosity="low", prompt_cache_key="k", safety_identifier="s", modalities=["text"], stop=["\n"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_right_request_is_accepted(shared: FakeOpenAI, body: dict[str, Any]) -> None:
    """What the API accepts is accepted."""
    assert ask(shared, body).status == 200


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "role", "name", "id", "function"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "system", "function"])},
        optional={"content": _VALUES, "tool_calls": _VALUES, "tool_call_id": _VALUES, "function_call": _VALUES},
    ),
    max_size=4,
)


@pytest.mark.slow
@given(fields=st.dictionaries(st.sampled_from(sorted(PARAMETERS)), _VALUES, max_size=4), messages=_MESSAGES | _VALUES)
def test_no_json_whatever_breaks_the_server(shared: FakeOpenAI, fields: dict[str, Any], messages: Any) -> None:
    """Any JSON body is either answered or refused; none makes the server fail."""
    body = {"model": "gpt-4o", "messages": messages} | {
        key: value for key, value in fields.items() if key != "messages"
    }
    assert ask(shared, body).status in {200, 400, 404}
