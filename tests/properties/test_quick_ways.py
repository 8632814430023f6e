"""Properties of the quick ways: whatever goes through one comes out as through the thorough one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shim.model import InvalidRequestError, ModelRequest, ModelResponse, StreamError, StreamEvent
from shim.model.plain import is_plain
from shim.wire import chat, responses
from shim.wire.api_selection import select_api
from shim.wire.chat import messages, pieces, request, stream
from shim.wire.responses import input_items
from shim.wire.responses import stream as responses_stream
from tests.properties.strategies import requests
from tests.wire.chat.chunks import DONE, call, chunk, raw
from tests.wire.responses.answers import CREATED, added, ended, event, payload
from tests.wire.responses.answers import call as item

EVERY_KIND = "".join(map(chr, range(0x20))) + '"\\/\x7f\x80\u2028\u2029\uffff\U0010ffff'
CONVERSATION = {
    "model": "m",
    "messages": [{"role": "user", "content": EVERY_KIND}],
    "temperature": 1e-7,
    "seed": 10**20,
}


def _written(codec: Any, made: ModelRequest) -> tuple[str, object]:
    try:
        return "body", codec.serialize(made, stream=True)
    except InvalidRequestError as error:
        return str(error), error.field


@pytest.mark.slow
@given(requests)
@example(CONVERSATION)
def test_a_body_is_written_as_the_standard_library_writes_it(body: dict[str, Any]) -> None:
    """The bytes of any request, on either API, are those that `json.dumps` makes of its body."""
    made = chat.parse_request(json.dumps(body).encode())
    for codec in (chat, responses):
        kind, written = _written(codec, made)
        if kind == "body":
            expected = json.dumps(
                codec.to_body(made, stream=True), ensure_ascii=False, allow_nan=False, separators=(",", ":")
            )
            assert written == expected.encode()
        else:
            with pytest.raises(InvalidRequestError) as caught:
                codec.to_body(made, stream=True)
            assert (str(caught.value), caught.value.field) == (kind, written)


@pytest.mark.slow
@given(requests)
def test_a_plain_message_is_written_as_any_message(body: dict[str, Any]) -> None:
    """A request says the same, in bytes or in the words of an error, and chooses the same API, if no message counts as plain."""
    made = chat.parse_request(json.dumps(body).encode())
    quick = [_written(chat, made), _written(responses, made)]
    chosen = select_api(made)
    with pytest.MonkeyPatch.context() as patch:
        for module in (request, input_items):
            patch.setattr(module, "is_plain", lambda _message: False)
        patch.setattr("shim.wire.api_selection.is_plain", lambda _message: False)
        assert [_written(chat, made), _written(responses, made)] == quick
        assert select_api(made) == chosen


@pytest.mark.slow
@given(requests)
def test_the_short_forms_are_the_long_ones(body: dict[str, Any]) -> None:
    """Any plain message is, in its short form, what the whole writer makes of it."""
    for message in chat.parse_request(json.dumps(body).encode()).messages:
        if is_plain(message):
            assert messages.plain_to_wire(message) == messages.message_to_wire(message, "here")


# --- the arguments of calls, streamed ---

_pieces = st.sampled_from(["{}", '{"a"', ":1}", '"', "x", " ", "\ud83d", "é"])
_openers = st.builds(
    lambda index, name, id_: chunk({"tool_calls": [call(index, "", id=id_, type="function", name=name)]}),
    st.integers(0, 2),
    st.sampled_from(["look", ""]),
    st.sampled_from(["call_1", "call_2", ""]),
)
_arguments = st.builds(lambda index, piece: chunk({"tool_calls": [call(index, piece)]}), st.integers(0, 2), _pieces)
_others = st.sampled_from([chunk({"content": "Hi"}), chunk({}, finish="tool_calls"), chunk({}, finish="stop")])


def _refuse(_payload: bytes) -> Any:
    raise msgspec.DecodeError("not read typed")


def _told(decoder: Any, payloads: list[bytes]) -> tuple[list[object], ModelResponse]:
    events: list[StreamEvent] = [each for one in payloads for each in decoder.feed(one)] + decoder.finish()
    return [str(each.error) if isinstance(each, StreamError) else each for each in events], decoder.response


@given(st.lists(_openers | _arguments | _arguments | _others, max_size=12))
def test_arguments_are_read_as_in_full(chunks: list[dict[str, Any]]) -> None:
    """Calls in whatever order are told the same, whether their arguments are read by their own form or as any chunk."""
    payloads = [raw(each) for each in chunks] + [DONE]
    quick = _told(chat.StreamDecoder(), payloads)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "decode_arguments_chunk", _refuse)
        patch.setattr(stream, "around_words", lambda _payload, _event: None)
        assert _told(chat.StreamDecoder(), payloads) == quick


_deltas = st.builds(
    lambda index, id_, piece, kind: event(f"{kind}.delta", output_index=index, item_id=id_, delta=piece),
    st.integers(0, 2),
    st.sampled_from(["fc_0", "fc_1", ""]),
    _pieces,
    st.sampled_from(["function_call_arguments", "function_call_arguments", "custom_tool_call_input", "output_text"]),
)


@given(st.lists(_deltas | _deltas | _deltas.map(lambda each: each | {"type": each["type"][:-5] + "done"}), max_size=12))
def test_arguments_of_responses_are_read_as_in_full(events: list[dict[str, Any]]) -> None:
    """The same holds on the Responses API, whichever item an event names."""
    begun = [added(item("", id=f"fc_{at}", call_id=f"call_{at}", status="in_progress"), at) for at in (0, 1)]
    payloads = [payload(each) for each in (CREATED, *begun, *events, ended())]
    quick = _told(responses.StreamDecoder(), payloads)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(responses_stream, "_decode_arguments", _refuse)
        assert _told(responses.StreamDecoder(), payloads) == quick
