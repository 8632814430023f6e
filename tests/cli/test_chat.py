"""Tests of `shim chat`: what is sent, what is printed where, and exit statuses."""

from __future__ import annotations

import pytest

from shim.testing.fake_openai import Cut, FakeOpenAI, Stall, rate_limited
from tests.cli.conftest import RunShim
from tests.cli.running import Running, environment, shim_command


@pytest.mark.parametrize("flags", [(), ("--stream",), ("--no-stream",)])
def test_an_answer_is_printed(run_shim: RunShim, flags: tuple[str, ...]) -> None:
    """The answer alone stands on standard output and ends in a line end, streamed or not; tokens stand on standard error."""
    ran = run_shim("chat", "Count to 5", *flags)
    assert (ran.status, ran.out) == (0, "1, 2, 3, 4, 5.\n")
    assert ran.err.startswith("[gpt-4o-mini: 7 tokens in, 5 out, ")


@pytest.mark.parametrize(("flags", "streamed"), [((), True), (("--no-stream",), False), (("--json",), False)])
def test_what_is_asked_for(run_shim: RunShim, server: FakeOpenAI, *, flags: tuple[str, ...], streamed: bool) -> None:
    """Text is asked for as a stream and JSON whole, unless the options say otherwise."""
    run_shim("chat", "Hello", *flags)
    assert server.requests[0].json.get("stream", False) is streamed


def test_options_reach_the_request(run_shim: RunShim, server: FakeOpenAI) -> None:
    """Model, instructions, temperature and token limit are sent as given."""
    run_shim("chat", "Hi", "--model", "gpt-4o", "--system", "Be brief.", "--temperature", "0", "--max-tokens", "9")
    sent = server.requests[0].json
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert (sent["model"], sent["temperature"], sent["max_completion_tokens"]) == ("gpt-4o", 0.0, 9)


def test_the_address_option_wins(run_shim: RunShim, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--base-url` is taken before OPENAI_BASE_URL."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert run_shim("chat", "Hi", "--base-url", server.base_url).status == 0


@pytest.mark.slow
def test_the_answer_arrives_in_pieces(server: FakeOpenAI) -> None:
    """Each piece is on the screen before the next one has come."""
    server.plan(Stall(after_events=3))
    with Running(shim_command("chat", "Count to 9"), environment(server.base_url)) as chat:
        chat.expect("1, 2,")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("x", "--base-url", "api.example"), "base_url is not an http(s) URL; give one such as https://"),
        (("x", "--provider", "telegraph"), "argument --provider: invalid choice: 'telegraph'"),
        (("x", "--api", "responses"), "--api: the legacy client knows Chat Completions only; add --provider native"),
    ],
)
def test_settings_that_cannot_be_used(run_shim: RunShim, arguments: tuple[str, ...], sentence: str) -> None:
    """A setting that cannot be used ends with status 2 and its name, and nothing is sent."""
    ran = run_shim("chat", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert sentence in ran.err


@pytest.mark.parametrize("api", ["auto", "chat_completions", "responses"])
def test_the_native_provider_answers(run_shim: RunShim, server: FakeOpenAI, api: str) -> None:
    """The native provider prints the same answer, on either API."""
    ran = run_shim("chat", "--provider", "native", "--api", api, "Count to 5")
    assert (ran.status, ran.out) == (0, "1, 2, 3, 4, 5.\n")
    assert server.requests[-1].path == ("/v1/responses" if api == "responses" else "/v1/chat/completions")


def test_a_missing_key_says_what_to_set(run_shim: RunShim, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is sent, and the variable to set is named."""
    monkeypatch.delenv("OPENAI_API_KEY")
    ran = run_shim("chat", "Hello")
    assert (ran.status, ran.out, server.request_count) == (1, "", 0)
    assert "OPENAI_API_KEY is not set" in ran.err


def test_a_failure_in_mid_answer_keeps_what_came(run_shim: RunShim, server: FakeOpenAI) -> None:
    """What had arrived stays on standard output on a line of its own, and the error says that it is not all."""
    server.plan(Cut(after_events=4))
    ran = run_shim("chat", "Count to 9")
    assert (ran.status, ran.out) == (1, "1, 2, 3,\n")
    assert "(truncated" in ran.err
    assert "What is printed above is what had arrived." in ran.err


@pytest.mark.parametrize("flags", [("--no-stream",), ("--json",), ("--json", "--stream"), ()])
def test_a_failure_is_one_sentence_and_an_advice(run_shim: RunShim, server: FakeOpenAI, flags: tuple[str, ...]) -> None:
    """A failure ends with status 1, nothing on standard output, and on standard error its sentence, advice and request id."""
    server.plan(rate_limited(retry_after=7))
    ran = run_shim("chat", "Hello", *flags)
    sentence, advice, request_id = ran.err.splitlines()
    assert (ran.status, ran.out) == (1, "")
    assert sentence.startswith("The server is being asked too often (rate_limit, HTTP 429): Rate limit reached")
    assert (advice, request_id[:17]) == ("Wait 7 seconds, then ask again.", "[request id: req_")
