"""Strategies: JSON of any shape, Chat Completions bodies as existing code writes them, and payloads gone wrong.

Not the promises (the tests beside) nor whole streams (`plans`).
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

texts = st.text(max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
unknown = st.dictionaries(st.sampled_from(["x_one", "x_two", "cache_control"]), values, max_size=2)


@st.composite
def objects(draw: st.DrawFn, required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Objects with these fields, some of the optional ones, and now and then unknown ones."""
    made: dict[str, Any] = draw(st.fixed_dictionaries(required, optional=optional or {}))
    return made | (draw(unknown) if draw(st.booleans()) else {})


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The value, or null, or once in a while anything at all."""
    return strategy | strategy | st.none() | values


# --- requests ---

text_blocks = objects({"type": st.just("text"), "text": texts})
images = objects({"type": st.just("image_url"), "image_url": maybe(objects({"url": texts}, {"detail": maybe(texts)}))})
audios = objects({"type": st.just("input_audio"), "input_audio": maybe(objects({"data": texts, "format": texts}))})
files = objects(
    {
        "type": st.just("file"),
        "file": maybe(st.dictionaries(st.sampled_from(["file_id", "filename", "file_data"]), texts)),
    }
)
others = objects({"type": st.sampled_from(["video_url", "thinking", "refusal", ""])})
contents = st.none() | texts | st.lists(text_blocks | images | audios | files | others, max_size=3)
functions = objects({"name": texts, "arguments": texts})
calls = objects(
    {"id": maybe(texts)},
    {
        "type": st.sampled_from(["function", "custom", "other", None]),
        "function": maybe(functions),
        "custom": maybe(objects({"name": texts, "input": texts})),
        "index": st.integers(0, 3),
    },
)
plain_messages = objects(
    {"role": st.sampled_from(["system", "developer", "user"])}, {"content": contents, "name": maybe(texts)}
)
assistant_messages = objects(
    {"role": st.just("assistant")},
    {
        "content": contents,
        "name": maybe(texts),
        "refusal": maybe(texts),
        "tool_calls": maybe(st.lists(calls, max_size=3)),
        "function_call": maybe(functions),
        "reasoning_content": maybe(texts),
        "reasoning": maybe(texts),
        "audio": values,
    },
)
tool_messages = objects(
    {"role": st.sampled_from(["tool", "function"])},
    {"content": contents, "name": maybe(texts), "tool_call_id": maybe(texts)},
)
tools = objects(
    {"type": st.sampled_from(["function", "custom", "web_search"])},
    {
        "function": maybe(
            objects({"name": maybe(texts)}, {name: maybe(values) for name in ("description", "parameters", "strict")})
        )
    },
)
schemas = st.dictionaries(st.sampled_from(["name", "schema", "strict", "description", "x"]), values, max_size=4)
_numbers = maybe(st.integers(-5, 200) | st.floats(-2, 2))
_flags = maybe(st.booleans())
_PARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "tools": maybe(st.lists(tools, max_size=2)),
    "tool_choice": maybe(
        st.sampled_from(["auto", "none", "required", "any"]) | objects({"type": texts}, {"function": maybe(functions)})
    ),
    "response_format": maybe(
        objects({"type": st.sampled_from(["text", "json_object", "json_schema"])}, {"json_schema": maybe(schemas)})
    ),
    "stop": maybe(texts | st.lists(texts, max_size=3)),
    "logit_bias": maybe(st.dictionaries(texts, st.integers(-100, 100), max_size=2)),
    "metadata": maybe(st.dictionaries(texts, texts, max_size=2)),
    "stream": st.none() | st.booleans(),
    "stream_options": values,
    "max_tokens": _numbers,
    "functions": values,
    "function_call": values,
    "modalities": values,
    **dict.fromkeys(("parallel_tool_calls", "logprobs", "store"), _flags),
    **dict.fromkeys(("reasoning_effort", "verbosity", "user", "service_tier"), maybe(texts)),
    **dict.fromkeys(("max_completion_tokens", "seed", "top_logprobs", "n", "temperature", "top_p"), _numbers),
    **dict.fromkeys(("presence_penalty", "frequency_penalty"), _numbers),
}
requests = objects(
    {
        "model": st.text(min_size=1, max_size=8),
        "messages": st.lists(plain_messages | assistant_messages | tool_messages, min_size=1, max_size=4),
    },
    _PARAMETERS,
)

# --- answers and chunks, right in shape and wrong in any value ---

_usage = maybe(
    st.dictionaries(
        st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"]), values
    )
)
_wild_calls = maybe(st.lists(maybe(calls), max_size=3))
_wild_contents = maybe(
    st.lists(
        maybe(
            objects(
                {"type": maybe(st.sampled_from(["text", "thinking", "refusal"]))}, {"text": values, "thinking": values}
            )
        ),
        max_size=2,
    )
)
wild_messages = st.fixed_dictionaries(
    {},
    optional={
        "role": values,
        "content": texts | _wild_contents,
        "tool_calls": _wild_calls,
        "function_call": maybe(functions),
        "refusal": maybe(texts),
        "reasoning": maybe(texts),
        "reasoning_content": maybe(texts),
        "reasoning_details": maybe(st.lists(values, max_size=2)),
        "audio": maybe(st.dictionaries(st.sampled_from(["id", "data", "transcript"]), maybe(texts))),
    },
)
_wild_choices = st.fixed_dictionaries(
    {},
    optional={
        "index": maybe(st.integers(0, 2)),
        "delta": maybe(wild_messages),
        "message": maybe(wild_messages),
        "finish_reason": maybe(st.sampled_from(["stop", "tool_calls", "length", ""])),
        "finish_details": values,
        "logprobs": maybe(st.dictionaries(st.sampled_from(["content", "refusal"]), values, max_size=2)),
        "x_one": values,
    },
)
wild_answers = st.fixed_dictionaries(
    {"choices": maybe(st.lists(maybe(_wild_choices), max_size=3))},
    optional={
        **dict.fromkeys(
            ("id", "model", "object", "service_tier", "system_fingerprint", "created", "x_groq", "detail"), values
        ),
        "usage": _usage,
        "error": st.none() | values,
    },
)
wild_errors = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("code", "type", "param", "message", "detail", "object"), values),
        "error": maybe(
            st.dictionaries(
                st.sampled_from(["code", "type", "param", "message", "status_code", "msg", "detail"]), values
            )
        ),
    },
)


@st.composite
def damaged(draw: st.DrawFn, good: st.SearchStrategy[Any]) -> bytes:
    """The JSON of a good value, cut short or with bytes put in."""
    text = json.dumps(draw(good), ensure_ascii=draw(st.booleans())).encode()
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.binary(max_size=3)) + (text[at:] if draw(st.booleans()) else b"")


def garbage(shape: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Bytes of every degree of wrongness: random, any JSON, JSON of the right shape, and that damaged."""
    return (
        st.binary(max_size=64)
        | values.map(json.dumps).map(str.encode)
        | shape.map(json.dumps).map(str.encode)
        | damaged(shape)
    )


def canonical(value: Any) -> str:
    """JSON text that is the same for the same JSON; 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)
