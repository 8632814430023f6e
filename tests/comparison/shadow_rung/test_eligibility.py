"""Tests of eligibility: a second call changes nothing at the server, acts nowhere, and carries nothing of the control's."""

from __future__ import annotations

from typing import Any

import pytest

from shim.comparison.shadow_rung.eligibility import estimated_tokens, shadowed, size_of_request, why_not
from shim.model import (
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    OpaquePart,
    ReasoningPart,
    ResponseFormat,
    ToolCallPart,
    ToolDefinition,
    assistant,
    tool_result,
    user,
)
from shim.recording.exchange import PAIR_HEADER

HELLO = user("Hello")


def asked(*messages: Message, **fields: Any) -> ModelRequest:
    """A request."""
    return ModelRequest(fields.pop("model", "gpt-4o"), messages or (HELLO,), **fields)


@pytest.mark.parametrize(
    "request_",
    [
        asked(),
        asked(store=False, previous_response_id=None),
        asked(tools=[ToolDefinition("f"), OpaquePart("custom", {"type": "custom"})]),
        asked(
            response_format=ResponseFormat("json_object"),
            extra_body={"store": False, "background": False, "prompt": None, "plugins": [], "enable_search": False},
        ),
        asked(assistant(ToolCallPart("c1", "f", "{}")), tool_result("c1", "4")),
        asked(user(ImagePart(url="https://example.com/x.png"))),
        asked(assistant(ReasoningPart("hm", wire_field="reasoning_content"))),
        asked(extra_body={"tools": [{"type": "function", "function": {"name": "f"}}]}),
    ],
)
def test_pure_inference_is_asked_again(request_: ModelRequest) -> None:
    """What only computes an answer may be asked a second time: functions, images by address and full conversations too."""
    assert why_not(request_) is None


@pytest.mark.parametrize(
    "request_",
    [
        asked(previous_response_id="resp_1"),
        asked(store=True),
        asked(extra_body={"store": True}),
        asked(extra_body={"background": True}),
        asked(extra_body={"conversation": "conv_1"}),
        asked(extra_body={"prompt": {"id": "pmpt_1"}}),
        asked(extra_body={"previous_response_id": "resp_1"}),
        asked(user(ImagePart(file_id="file-1"))),
        asked(user(FilePart(file_id="file-1"))),
        asked(tool_result("c", ""), Message("tool", [OpaquePart("item_reference", {"id": "msg_1"})])),
        asked(assistant(ReasoningPart("", id="rs_1"))),
        asked(assistant(ReasoningPart("", encrypted_content="gAAAA"))),
        asked(assistant(OpaquePart("compaction", {"type": "compaction", "encrypted_content": "gAAAA"}))),
        asked(assistant(OpaquePart("computer_call_output", {"output": {"type": "input_image", "file_id": "file-1"}}))),
        asked(assistant(extra={"audio": {"id": "audio_1"}})),
        asked(extra_body={"container": "cntr_1"}),
        asked(extra_body={"cached_content": "cachedContents/1"}),
        asked(extra_body={"thread_id": "thread_1"}),
        asked(assistant(OpaquePart("code_interpreter_call", {"container_id": "cntr_1"}))),
    ],
)
def test_stateful_requests_are_not(request_: ModelRequest) -> None:
    """What reads or writes anything kept at the server is skipped, unless it is allowed."""
    assert why_not(request_) == "stateful"
    assert why_not(request_, allow_stateful=True) is None


@pytest.mark.parametrize(
    "request_",
    [
        *(
            asked(tools=[OpaquePart(kind, {"type": kind})])
            for kind in (
                "web_search",
                "file_search",
                "code_interpreter",
                "mcp",
                "computer_use_preview",
                "image_generation",
            )
        ),
        asked(tools=[ToolDefinition("f"), OpaquePart("of_tomorrow", {"type": "of_tomorrow"})]),
        asked(extra_body={"web_search_options": {}}),
        asked(extra_body={"tools": [{"type": "web_search"}]}),
        asked(extra_body={"data_sources": [{"type": "azure_search"}]}),
        asked(extra_body={"search_parameters": {"mode": "auto"}}),
        asked(extra_body={"plugins": [{"id": "web"}]}),
        asked(extra_body={"enable_search": True}),
        asked(model="openai/gpt-4o:online"),
        asked(model="perplexity/sonar-pro"),
        asked(model="groq/compound"),
        asked(model="gpt-4o-search-preview"),
        asked(model="o3-deep-research"),
    ],
)
def test_tools_that_the_server_runs_are_not(request_: ModelRequest) -> None:
    """Every tool but the caller's own is skipped, unknown ones and models that search by themselves too."""
    assert why_not(request_) == "server_tools"
    assert why_not(request_, allow_server_tools=True) is None


def test_nothing_is_stored() -> None:
    """`store` false is said in the place of whatever was, in the fields and in the further body."""
    for given in (asked(), asked(store=True), asked(extra_body={"store": True, "top_k": 3})):
        sent = shadowed(given, own_key=True, unstored=True)
        assert sent.store is False
        assert "store" not in sent.extra_body
    assert sent.extra_body == {"top_k": 3}


def test_where_nothing_is_stored_unasked_nothing_is_said() -> None:
    """Where the API keeps nothing by itself, the body is the control's."""
    sent = shadowed(asked(seed=7), own_key=True, unstored=False)
    assert sent == asked(seed=7)


def test_a_background_request_keeps_what_it_needs() -> None:
    """A background request that was allowed is stored, as the API demands."""
    given = asked(extra_body={"background": True}, store=True)
    assert shadowed(given, own_key=True, unstored=True).store is True


def test_nothing_of_the_controls_goes_along() -> None:
    """Ids of conversation, pair and idempotency are taken off, and with an own key every credential of the control's."""
    headers: dict[str, str | None] = {
        "Authorization": "Bearer sk-control",
        "OpenAI-Project": "proj_control",
        "Ocp-Apim-Subscription-Key": "control",
        "X-Portkey-Api-Key": "control",
        "cf-aig-authorization": "control",
        "openai-organization": None,
        "Idempotency-Key": "once",
        PAIR_HEADER.upper(): "p1",
        "OpenAI-Beta": "x",
    }
    given = asked(extra_headers=headers, extra_body={"api_key": "control", "top_k": 3}, conversation_id="conv-7")
    sent = shadowed(given, own_key=True, unstored=True)
    assert (sent.extra_headers, sent.extra_body) == ({"OpenAI-Beta": "x"}, {"top_k": 3})
    assert sent.conversation_id is None
    assert given.extra_headers == headers
    shared = shadowed(given, own_key=False, unstored=True)
    assert set(shared.extra_headers) == headers.keys() - {"Idempotency-Key", PAIR_HEADER.upper()}
    assert shared.extra_body == given.extra_body


def test_the_copy_is_its_own() -> None:
    """What the application does to its request's mappings later does not reach the second call."""
    body: dict[str, Any] = {"top_k": 3}
    sent = shadowed(asked(extra_body=body), own_key=True, unstored=False)
    body["top_k"] = 4
    assert sent.extra_body == {"top_k": 3}


def test_tokens_are_estimated_on_the_high_side() -> None:
    """A request's text, schemas and attachments count, and the answer by its bound, once for each of `n`."""
    plain = asked(user("word " * 300))
    size = size_of_request(plain)
    assert size == 1500 + 2
    assert estimated_tokens(plain, size=size, unsaid_output=1000) >= 300 + 1000
    bound = asked(max_output_tokens=50, n=2)
    assert estimated_tokens(bound, size=0, unsaid_output=1000) == 8 + 100
    assert size_of_request(asked(user(ImagePart(url="https://example.com/x.png")))) > 3000
    assert (
        size_of_request(asked(tools=[ToolDefinition("f", parameters={"type": "object", "description": "x" * 500})]))
        > 500
    )
