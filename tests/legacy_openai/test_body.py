"""Tests of legacy_openai/body.py."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from legacy_openai import (
    OMIT,
    Config,
    Conversation,
    EmptyConversationError,
    InvalidConfigError,
    Message,
    UnserializableBodyError,
)
from legacy_openai.body import build_body
from tests.helpers.raw_server import HELLO


def body(cfg: Config, conv: Conversation = HELLO, **options: bool) -> Any:
    """The body as a value."""
    return json.loads(build_body(cfg, conv, **{"streaming": False, **options}))


def test_a_plain_request_has_model_messages_and_temperature_only() -> None:
    """Nothing is sent that was not asked for, besides the documented default temperature."""
    expected = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.7}
    assert body(Config(openai_model="m")) == expected


def test_each_setting_moves_its_own_field() -> None:
    """Every setting reaches its field, and None leaves the field out."""
    cfg = Config(
        openai_model="m", openai_temperature=None, openai_max_completion_tokens=5, openai_system_message="be brief"
    )
    assert body(cfg, streaming=True, limit_reached=True) == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "max_completion_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tool_choice": "none",
    }


def test_params_win_over_everything() -> None:
    """Params are sent verbatim and replace any field, stream_options included."""
    params = {"model": "other", "temperature": 0, "stream_options": None, "tool_choice": "auto", "seed": 7}
    cfg = Config(openai_model="m", params=params)
    sent = body(cfg, streaming=True, limit_reached=True)
    assert {key: sent[key] for key in params} == params


def test_omit_takes_a_field_out() -> None:
    """A value of OMIT in params leaves that field out, also one the client would send by itself."""
    cfg = Config(openai_model="m", params={"stream_options": OMIT, "temperature": OMIT, "seed": OMIT})
    assert body(cfg, streaming=True).keys() == {"model", "messages", "stream"}


def test_the_bytes_are_compact_utf8() -> None:
    """The body is compact, and text outside ASCII is not escaped."""
    raw = build_body(Config(openai_model="m"), Conversation().add(Message("user", "é😀")), streaming=False)
    assert "é😀".encode() in raw
    assert b": " not in raw


def test_nothing_of_the_callers_is_changed() -> None:
    """Building a body leaves configuration and messages as they were."""
    cfg = Config(openai_model="m", params={"tools": [{"a": 1}]}, openai_system_message="s")
    conv = Conversation().add(Message("user", [{"type": "text", "text": "x"}], extra={"k": {}}))
    before = copy.deepcopy((cfg, list(conv)))
    build_body(cfg, conv, streaming=True, limit_reached=True)
    assert (cfg, list(conv)) == before


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("params", "place"),
    [
        ({"seed": float("nan")}, "seed is nan"),
        ({"tools": [{}, {"f": object()}]}, r"tools\[1\].f is a object"),
        ({"user": "a\ud800"}, "user is text with a lone surrogate"),
        ({"metadata": {("t",): 1}}, "field named by a tuple"),
        ({"metadata": {"\ud800": 1}}, "name cannot be written"),
        ({"stop": b"x"}, "stop is a bytes"),
        ({"loop": LOOP}, "contains itself"),
    ],
)
def test_what_json_cannot_say_is_named_with_its_place(params: dict[str, Any], place: str) -> None:
    """A value that cannot be written is refused before sending, with its place and kind."""
    with pytest.raises(UnserializableBodyError, match=place):
        build_body(Config(openai_model="m", params=params), HELLO, streaming=False)


def test_a_bad_message_is_named_with_its_place() -> None:
    """A bad value in a message is named by the message's position."""
    conv = Conversation().add(Message("user", "a")).add(Message("user", "b\udfff"))
    with pytest.raises(UnserializableBodyError, match=r"messages\[1\].content"):
        build_body(Config(openai_model="m"), conv, streaming=False)


def test_missing_things_are_refused() -> None:
    """No message, no model and unusable params are each refused by name."""
    with pytest.raises(EmptyConversationError, match="empty"):
        build_body(Config(openai_model="m", openai_system_message="s"), Conversation(), streaming=False)
    with pytest.raises(InvalidConfigError, match="openai_model"):
        build_body(Config(), HELLO, streaming=False)
    with pytest.raises(InvalidConfigError, match="params"):
        build_body(Config(openai_model="m", params=[1]), HELLO, streaming=False)  # type: ignore[arg-type] # the mistake
