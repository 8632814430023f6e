"""Tests of the request transform: what the server receives is what `shim.wire.chat` would write, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from shim.legacy_adapter import LegacyProvider
from shim.model import ImagePart, ModelRequest, Reasoning, UnsupportedFeatureError, user
from shim.testing.fake_openai import FakeOpenAI, Respond, json_answer
from shim.wire import chat
from tests.helpers.driving import HELLO, ask, drive, start
from tests.helpers.field_values import NOT_ON_CHAT, VALUES, every_field
from tests.helpers.providers import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.testing.fake_openai import Answer, RecordedRequest

EXACT = msgspec.json.Encoder(order="sorted").encode
CASES = list(every_field())


def answer_anything(_request: RecordedRequest) -> Answer:
    """A short answer to whatever was asked."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    return json_answer({"id": "c", "model": "m", "choices": [choice]})


@pytest.fixture(scope="module")
def listener() -> Iterator[FakeOpenAI]:
    """A server that keeps what it is sent and refuses nothing."""
    with FakeOpenAI() as server:
        yield server


@pytest.fixture(scope="module")
def adapter(listener: FakeOpenAI) -> Iterator[LegacyProvider]:
    """The adapter, with the legacy client's default temperature."""
    with LegacyProvider(api_key=KEY, base_url=listener.base_url) as made:
        yield made


def received(listener: FakeOpenAI, provider: LegacyProvider, request: ModelRequest, *, stream: bool) -> RecordedRequest:
    """Send a request and return what the server got."""
    listener.plan(Respond(answer_anything))
    heard = ask(provider, request, stream=stream)
    assert heard.response.text == "ok"
    return listener.requests[-1]


def with_default_temperature(request: ModelRequest) -> ModelRequest:
    """The same request with the default temperature written out, where it takes one."""
    said = request.temperature is not UNSET or "temperature" in request.extra_body
    return request if said or request.model == "o3-mini" else replace(request, temperature=0.7)


def test_the_cases_cover_every_field_of_a_request() -> None:
    """Every field of `ModelRequest` has values to send, or is one that Chat Completions refuses."""
    assert set(VALUES) | NOT_ON_CHAT == set(ModelRequest.__struct_fields__)
    assert not set(VALUES) & NOT_ON_CHAT


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("case", "request_"), CASES, ids=[case for case, _ in CASES])
def test_the_server_receives_the_json_the_codec_writes(
    *, listener: FakeOpenAI, adapter: LegacyProvider, case: str, request_: ModelRequest, stream: bool
) -> None:
    """For every field the body on the wire is the codec's, with the default temperature made explicit."""
    got = received(listener, adapter, request_, stream=stream)
    wanted = msgspec.json.decode(chat.serialize(with_default_temperature(request_), stream=stream))
    assert EXACT(got.json) == EXACT(wanted)


def test_null_of_what_only_responses_has_asks_for_nothing(listener: FakeOpenAI, adapter: LegacyProvider) -> None:
    """A field that only the Responses API has and that says null is left out, as it asks for nothing there."""
    asked = replace(HELLO, previous_response_id=None, include=None)
    assert EXACT(received(listener, adapter, asked, stream=False).json) == EXACT(
        msgspec.json.decode(chat.serialize(with_default_temperature(HELLO), stream=False))
    )


@pytest.mark.parametrize(
    "request_",
    [replace(HELLO, previous_response_id="r"), replace(HELLO, include=("x",)), replace(HELLO, include=("x", "y"))],
)
def test_what_chat_cannot_express_is_refused_by_name(adapter: LegacyProvider, request_: ModelRequest) -> None:
    """A field that only the Responses API has raises `UnsupportedFeatureError` with the field and the API."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        start(adapter, request_, stream=False)
    assert caught.value.field in NOT_ON_CHAT
    assert caught.value.api == "chat_completions"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (replace(HELLO, reasoning=Reasoning("low", "auto")), "reasoning.summary"),
        (replace(HELLO, messages=(user(ImagePart(file_id="f")),)), "messages[0].parts[0].file_id"),
    ],
)
def test_what_chat_cannot_express_inside_a_field_is_refused_by_its_place(
    adapter: LegacyProvider, request_: ModelRequest, field: str
) -> None:
    """A value that Chat Completions has no form for raises `UnsupportedFeatureError` with its place."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        start(adapter, request_, stream=True)
    assert caught.value.field == field


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_conversation_id_stays_here(*, listener: FakeOpenAI, adapter: LegacyProvider, stream: bool) -> None:
    """A conversation's id is neither in the body nor in a header."""
    got = received(listener, adapter, replace(HELLO, conversation_id="c-42"), stream=stream)
    assert b"c-42" not in got.body
    assert "c-42" not in "".join(got.headers.values())


def test_the_key_goes_into_the_authorization_header(listener: FakeOpenAI, adapter: LegacyProvider) -> None:
    """The key is sent as a bearer token, and nowhere else."""
    got = received(listener, adapter, HELLO, stream=False)
    assert got.headers["authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in got.body
    assert "openai-organization" not in got.headers
    assert "openai-project" not in got.headers


def test_organization_and_project_are_sent_as_headers(listener: FakeOpenAI) -> None:
    """`organization` and `project` become OpenAI's headers of those names."""
    with LegacyProvider(api_key=KEY, base_url=listener.base_url, organization="org-1", project="proj_2") as provider:
        got = received(listener, provider, HELLO, stream=False)
    assert (got.headers["openai-organization"], got.headers["openai-project"]) == ("org-1", "proj_2")


@pytest.mark.parametrize(("stream", "accepted"), [(False, "application/json"), (True, "text/event-stream")])
def test_extra_headers_are_sent_win_and_remove(
    *, listener: FakeOpenAI, adapter: LegacyProvider, stream: bool, accepted: str
) -> None:
    """A request's own headers are added, replace ours whatever their case, and remove one with None."""
    headers: dict[str, str | None] = {"X-Team": "a", "authorization": "Bearer other", "User-Agent": None}
    got = received(listener, adapter, replace(HELLO, extra_headers=headers), stream=stream)
    assert (got.headers["x-team"], got.headers["authorization"]) == ("a", "Bearer other")
    assert "legacy" not in got.headers.get("user-agent", "")
    assert (got.headers["accept"], got.headers["content-type"]) == (accepted, "application/json")


@pytest.mark.parametrize("base", ["/v1", "/v1/", "/proxy/openai/v1?api-version=1"])
def test_the_base_url_is_kept_and_completed(listener: FakeOpenAI, base: str) -> None:
    """The path of the API is added to the base URL's path, a trailing slash does not matter, a query is kept."""
    origin = listener.base_url.removesuffix("/v1")
    with LegacyProvider(api_key=KEY, base_url=origin + base) as provider:
        got = received(listener, provider, HELLO, stream=False)
    path, _, query = base.partition("?")
    assert (got.method, got.path, got.query) == ("POST", path.rstrip("/") + "/chat/completions", query)


def test_a_request_changed_after_its_start_is_sent_as_it_was(listener: FakeOpenAI, adapter: LegacyProvider) -> None:
    """What is done to a request's dicts after `start_request` does not reach the wire."""
    extra: dict[str, Any] = {"vendor": {"kept": True}}
    listener.plan(Respond(answer_anything))
    heard = start(adapter, replace(HELLO, extra_body=extra), stream=False)
    extra["vendor"]["kept"] = False
    extra["late"] = 1
    drive(adapter, lambda: heard.done)
    sent = listener.requests[-1].json
    assert sent["vendor"] == {"kept": True}
    assert "late" not in sent
