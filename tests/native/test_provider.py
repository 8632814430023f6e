"""Tests of shim.native.provider: which API is called and read, its settings, and what it needs installed."""

from __future__ import annotations

import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from shim.model import ErrorCategory, InvalidRequestError, ModelRequest, UnsupportedFeatureError, user
from shim.model.plain import Look
from shim.native import NativeProvider, request_writer
from shim.provider import Completion
from shim.testing.fake_openai import Cut, FakeOpenAI, JsonToStream, Respond, Slow, Stall, Status, Where, json_answer
from shim.wire import api_selection, chat, responses
from tests.helpers.driving import HELLO, Heard, arrive, ask, drive, start
from tests.helpers.places import refusing
from tests.helpers.providers import KEY, AnyProvider, Make

both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "o1",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
        }
    ],
}
MODELS = {
    **dict.fromkeys(("o1", "o1-mini", "o3_x", "o4-mini"), "/v1/responses"),
    **dict.fromkeys(("o30", "gpt-5", "gpt-4o"), "/v1/chat/completions"),
}


def path_for(make: Make, model: str, **settings: Any) -> str:
    """Where a request of a model goes."""
    with FakeOpenAI() as server, make(server.base_url, **settings) as provider:
        server.plan(Respond(lambda _: json_answer({})))
        ask(provider, ModelRequest(model, (user("Hello"),)))
        return server.requests[0].path


@pytest.mark.parametrize(("model", "path"), MODELS.items())
def test_o1_goes_to_responses_and_gpt_4o_to_chat(make: Make, model: str, path: str) -> None:
    """The o-series goes to the Responses API, names that only look like it and all others to Chat Completions."""
    assert path_for(make, model) == path


@pytest.mark.parametrize("model", ["o1", "gpt-4o"])
@pytest.mark.parametrize(
    ("api", "path"), [("chat_completions", "/v1/chat/completions"), ("responses", "/v1/responses")]
)
def test_the_override_flag_wins_over_the_model(make: Make, model: str, api: str, path: str) -> None:
    """`api` decides for every model."""
    assert path_for(make, model, api=api) == path


@both_kinds
def test_the_parser_is_that_of_the_selected_api(*, provider: AnyProvider, server: FakeOpenAI, stream: bool) -> None:
    """An answer in the form of Responses is read where Responses was asked, and is a protocol error where Chat was."""
    server.plan(Respond(lambda _: json_answer(RESPONSE)))
    good = ask(provider, ModelRequest("o1", (user("Hello"),)), stream=stream)
    assert (good.response.text, good.response.api) == ("Hi", "responses")
    server.plan(Respond(lambda _: json_answer(RESPONSE)))
    assert ask(provider, stream=stream).error.category is ErrorCategory.PROTOCOL


@both_kinds
def test_a_start_returns_at_once_and_the_transfer_is_registered(
    *, provider: AnyProvider, server: FakeOpenAI, stream: bool
) -> None:
    """A start only registers the transfer: nothing is sent and nothing called back before `perform()`."""
    server.plan(Slow(0.3))
    heard = start(provider, stream=stream)
    assert provider.timeout() == 0
    assert isinstance(provider, NativeProvider)
    assert provider._multi.running == 1
    assert (server.request_count, heard.events, heard.completions) == (0, [], [])
    assert provider.info_read() == 0
    drive(provider, lambda: heard.done)
    assert heard.completion.ok


@both_kinds
def test_a_401_is_parsed_and_delivered(*, make: Make, stream: bool) -> None:
    """A refused key is an error of category auth with the server's message, status and code."""
    with FakeOpenAI(api_key="sk-test-another") as server, make(server.base_url) as provider:
        error = ask(provider, stream=stream).error
    assert (error.category, error.http_status, error.code) == (ErrorCategory.AUTH, 401, "invalid_api_key")
    assert error.message


@both_kinds
def test_a_request_that_cannot_be_serialized_raises_at_once(
    *, provider: AnyProvider, server: FakeOpenAI, stream: bool
) -> None:
    """What is no JSON, or what the API cannot express, raises from the start; nothing is called back or sent."""
    heard = Heard()
    for bad, error in (
        (replace(HELLO, metadata={"x": {1}}), InvalidRequestError),
        (ONLY_CHAT, UnsupportedFeatureError),
    ):
        with pytest.raises(error):
            start(provider, bad, stream=stream, heard=heard)
    assert (provider.perform(), provider.info_read(), provider.timeout()) == (0, 0, -1)
    assert (heard.events, heard.completions, server.request_count) == ([], [], 0)


ONLY_CHAT = ModelRequest("gpt-4o", (user("Hello"),), previous_response_id="resp_1", seed=7)


@both_kinds
@pytest.mark.parametrize("model", ["gpt-4o", "o1"])
def test_malformed_json_in_a_200_arrives_as_an_error_completion(
    *, provider: AnyProvider, server: FakeOpenAI, model: str, stream: bool
) -> None:
    """For either API a body that is no JSON is a protocol error with that body, and nothing is raised out of the loop."""
    server.plan(Status(200, body=b"{oops"))
    error = ask(provider, ModelRequest(model, (user("Hello"),)), stream=stream).error
    assert (error.category, error.body) == (ErrorCategory.PROTOCOL, b"{oops")


@pytest.mark.parametrize("plan", [None, Status(500), Cut(after_events=2)], ids=["success", "status", "cut"])
def test_nothing_of_a_request_is_left_in_the_provider(
    provider: AnyProvider, server: FakeOpenAI, plan: Status | Cut | None
) -> None:
    """After success and after error no table of the provider or its client knows the request."""
    if plan is not None:
        server.plan(plan)
    ask(provider, stream=True)
    assert isinstance(provider, NativeProvider)
    multi = provider._multi
    tables = (
        provider._transfers,
        provider._calls,
        multi._active,
        multi._deliveries.touched,
        multi._deliveries.ended,
        multi._fresh,
    )
    assert [len(table) for table in tables] == [0] * len(tables)


def test_events_come_in_perform_and_the_completion_in_info_read(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Only `perform()` delivers events, and when the last is there only `info_read()` the completion."""
    heard = start(provider, stream=True)
    while provider.perform():
        assert not heard.done
    assert heard.kinds[-1] == "StreamDone"
    assert provider.info_read() == 1
    assert heard.completion.ok


@pytest.mark.parametrize("body", [{"error": {"message": "No.", "code": "model_not_found"}}, b"<html>gone</html>"])
def test_an_http_error_on_a_stream(provider: AnyProvider, server: FakeOpenAI, body: object) -> None:
    """A status other than success ends a stream with its error alone, whatever the body."""
    server.plan(Status(404, body=body))
    heard = ask(provider, stream=True)
    assert heard.kinds == ["StreamError"]
    assert (heard.error.category, heard.error.http_status) == (ErrorCategory.NOT_FOUND, 404)
    assert heard.error.partial is None


def test_json_answered_to_a_stream(provider: AnyProvider, server: FakeOpenAI) -> None:
    """An answer, or an error under status 200, that comes as JSON although a stream was asked for is read as what it is."""
    server.plan(JsonToStream(), Respond(lambda _: json_answer({"error": {"message": "m", "code": "server_error"}})))
    heard = ask(provider, stream=True)
    assert heard.response.text == heard.text != ""
    assert ask(provider, stream=True).error.category is ErrorCategory.SERVER


@both_kinds
def test_a_network_error(*, make: Make, stream: bool) -> None:
    """Where nobody listens the completion is a retryable network error without a status."""
    with refusing() as url, make(url) as provider:
        heard = ask(provider, stream=stream)
    assert (heard.error.category, heard.completion.http_status) == (ErrorCategory.NETWORK, None)
    assert heard.error.retryable


@both_kinds
def test_retry_after(*, provider: AnyProvider, server: FakeOpenAI, stream: bool) -> None:
    """The wait a 429 asks for is in the error, in milliseconds."""
    server.plan(Status(429, headers=(("retry-after", "2"),)))
    assert ask(provider, stream=stream).error.retry_after_ms == 2000


def test_the_times_of_a_request_are_in_order(provider: AnyProvider) -> None:
    """Started, first byte, first event, finished."""
    timing = ask(provider, stream=True).completion.timing
    times = (timing.started, timing.first_byte, timing.first_event, timing.finished)
    assert None not in times
    assert list(times) == sorted(times)  # type: ignore[type-var]  # none is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"api": "chat"}, ("api", "'chat'", "chat_completions")),
        ({"api": None}, ("api", "None")),
        ({"connect_timeout": 0}, ("connect_timeout", "0", "above 0")),
        ({"read_timeout": -1}, ("read_timeout", "-1")),
        ({"read_timeout": "5"}, ("read_timeout", "str", "seconds")),
        ({"read_timeout": True}, ("read_timeout", "bool")),
        ({"read_timeout": float("nan")}, ("read_timeout", "float")),
        ({"connect_timeout": 1e12}, ("connect_timeout", "2,000,000")),
        ({"max_connections": -1}, ("max_connections", "-1")),
        ({"max_connections": 1.5}, ("max_connections", "float")),
        ({"max_connections": True}, ("max_connections",)),
        ({"http2": "yes"}, ("http2", "str", "True or False")),
        ({"streams_per_connection": 0}, ("streams_per_connection", "0", "above 0")),
        ({"streams_per_connection": "20"}, ("streams_per_connection", "str", "None for the default")),
        ({"verify": "ca.pem"}, ("verify", "str")),
        ({"plain_fdset": 1}, ("plain_fdset", "int")),
        ({"default_temperature": "warm"}, ("default_temperature", "str")),
        ({"default_temperature": float("inf")}, ("default_temperature", "finite")),
        ({"ca_file": "nowhere.pem"}, ("ca_file", "nowhere.pem", "no such file")),
        ({"ca_file": ""}, ("ca_file", "no such file")),
        ({"ca_file": 7}, ("ca_file", "int")),
        ({"client_cert": "nowhere.pem"}, ("client_cert", "no such file")),
        ({"client_cert": __file__, "client_key": "nowhere.pem"}, ("client_key", "no such file")),
        ({"client_key": __file__}, ("client_key", "client_cert")),
        ({"proxy": "127.0.0.1:3128"}, ("proxy", "http://127.0.0.1:3128")),
        ({"proxy": "gopher://secret@x"}, ("proxy", "URL")),
        ({"proxy": "http://me:secret@home@proxy:3128"}, ("proxy", "%40")),
        ({"proxy": {"http": "x"}}, ("proxy", "dict")),
        ({"base_url": "api.openai.com/v1"}, ("base_url", "https://")),
        ({"organization": "a\r\nb"}, ("organization",)),
    ],
)
def test_a_bad_setting_is_refused_at_construction(settings: dict[str, Any], words: tuple[str, ...]) -> None:
    """The error names the setting, the kind or value that was wrong and the remedy, and never a secret."""
    with pytest.raises(InvalidRequestError) as caught:
        NativeProvider(**{"api_key": KEY, **settings})
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)
    assert caught.value.field == words[0]
    assert "secret" not in str(caught.value)


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file this process may not read is refused with that reason."""
    file = tmp_path / "ca.pem"
    file.write_text("x")
    monkeypatch.setattr("os.access", lambda *_: False)  # a test may run as root, who may read everything
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        NativeProvider(api_key=KEY, ca_file=str(file))


@pytest.mark.slow
@pytest.mark.parametrize("package", ["pycurl", "certifi"])
@pytest.mark.parametrize("how", ["import shim.native", "import shim; shim.create_provider('native')"])
def test_a_missing_package_says_what_to_install(package: str, how: str) -> None:
    """Without pycurl or certifi the error names it and the extra that brings it."""
    if "create_provider" in how and "'native'" not in _kinds():
        pytest.skip("the factory does not know the native provider")
    code = f"import sys; sys.modules[{package!r}] = None\n{how}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    assert f"the native provider needs {package}: pip install 'legacy-openai-shim[native]'" in run.stderr
    assert "ModuleNotFoundError" in run.stderr


def _kinds() -> str:
    import shim

    try:
        shim.create_provider("no such kind")
    except ValueError as error:
        return str(error)
    raise AssertionError("there is a provider of that name")


def test_a_stalled_request_is_cancelled_by_its_own_last_event(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Cancelling everything inside the event that ends a stream leaves its outcome as it is."""
    server.plan(Stall(Where.BEFORE_HEADERS), Status(500))
    stalled = start(provider, stream=True)
    arrive(provider, server, 1)
    failed = start(provider, stream=True, heard=Heard(lambda _event: provider.cancel()))
    drive(provider, lambda: stalled.done and failed.done)
    assert failed.error.category is ErrorCategory.SERVER or failed.error.category is ErrorCategory.CANCELLED
    assert stalled.error.category is ErrorCategory.CANCELLED


def test_a_request_is_checked_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its way through the choice of the API and the writing of the body does not check a request again."""
    checks: list[ModelRequest] = []

    def check(request: ModelRequest) -> Look:
        checks.append(request)
        return Look(all_plain=True, says_no_more=True)

    for room in (request_writer, api_selection, chat.request, responses.request):
        monkeypatch.setattr(room, "check_request", check)
    with make("http://127.0.0.1:9/v1", api="auto") as provider:
        for number, model in enumerate(("gpt-4o", "o1"), 1):
            start(provider, ModelRequest(model, (user("Hello"),)), stream=True)
            assert len(checks) == number


def test_a_request_from_a_callback_wakes_nobody(provider: AnyProvider) -> None:
    """One started in a callback has `timeout()` say now and leaves the descriptor quiet; one from outside makes it readable."""
    second = Heard()

    def follow(_completion: Completion) -> None:
        start(provider, stream=False, heard=second)

    provider.start_request(HELLO, follow)
    assert select.select([provider], [], [], 0)[0]
    drive(provider, lambda: second.handle)
    assert provider.timeout() == 0
    assert not select.select([provider], [], [], 0)[0]
    drive(provider, lambda: second.done)
    assert second.completion.ok


def test_a_large_body_asks_no_leave(make: Make, server: FakeOpenAI) -> None:
    """A body of two megabytes is sent at once, without `Expect: 100-continue` and the second libcurl would wait for it."""
    with make(server.base_url) as provider:
        assert ask(provider, ModelRequest("gpt-4o", (user("x" * 2_000_000),))).completion.ok
    assert len(server.requests[0].body) > 2_000_000
    assert "expect" not in server.requests[0].headers
