"""Tests that each call of the real library goes to its arm, with all it carries, and comes back as the real library's own."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import requests

from shim.compat.openai_v0.installation import Installation
from shim.compat.openai_v0.units import RoutedCall, unit_of
from shim.migration import Policy, Rollout, Stage
from shim.migration.upgrades import Target
from shim.testing.fake_openai import Cut, FakeOpenAI, RawResponse, Slow, Stall, Where, rate_limited, stream_failed
from tests.compat.openai_v0.beside.conftest import ASKED, KEY

Install = Callable[..., Installation]

_BUSY = RawResponse(
    (
        b"HTTP/1.1 409 Conflict\r\ncontent-type: application/json\r\ncontent-length: 31\r\nconnection: close\r\n\r\n",
        b'{"error": {"message": "later"}}',
    )
)


def _raising(_call: RoutedCall) -> str:
    raise LookupError("no conversation")


def test_off_is_the_real_library_alone(real: Any, install: Install, fake: FakeOpenAI) -> None:
    """In stage off the bytes on the wire are those sent without an installation."""
    real.ChatCompletion.create(**ASKED)
    with Rollout(Policy()) as off:
        installed = install(rollout=off)
        real.ChatCompletion.create(**ASKED)
        assert (installed.counts.control, installed.counts.candidate) == (1, 0)
    first, second = fake.requests
    assert (first.body, dict(first.headers), first.path) == (second.body, dict(second.headers), second.path)
    assert first.connection_id == second.connection_id


def test_answers_are_the_real_objects(real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI) -> None:
    """What the candidate answers is an `OpenAIObject` with all the real one has, and can be sent back and pickled."""
    plain = real.ChatCompletion.create(**ASKED)
    installed = install(rollout=rollout)
    answer = real.ChatCompletion.create(**ASKED)
    assert type(answer) is real.openai_object.OpenAIObject
    assert type(answer.choices[0].message) is real.openai_object.OpenAIObject
    assert answer.keys() == plain.keys()
    assert (type(answer.response_ms), answer.organization) == (type(plain.response_ms), plain.organization)
    assert answer.api_key == KEY
    assert pickle.loads(pickle.dumps(answer)) == answer  # noqa: S301 - pickled in the same breath
    messages = [*ASKED["messages"], answer.choices[0].message, {"role": "user", "content": "Count to 3"}]
    assert real.ChatCompletion.create(model="gpt-3.5-turbo", messages=messages).choices[0].message.content == "1, 2, 3."
    assert installed.counts.candidate == 2
    assert fake.request_count == 3


def test_other_endpoints_are_left_alone(real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI) -> None:
    """Completions and models go the real library's way, and are not counted."""
    installed = install(rollout=rollout)
    assert real.Completion.create(model="gpt-3.5-turbo-instruct", prompt="Hi").object == "text_completion"
    assert real.Model.list().data
    assert (installed.counts.control, installed.counts.candidate, fake.request_count) == (0, 0, 2)


def test_a_call_carries_its_own_account_and_address(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI
) -> None:
    """Key, organization, base, request id and headers of one call go with the candidate's as with control's."""
    base, real.api_base, real.api_key = real.api_base, "http://127.0.0.1:9/v1", None
    given = {"api_key": "sk-test-other", "organization": "org-mine", "api_base": base, "request_id": "r-1"}
    asked = {**ASKED, **given, "headers": {"X-Title": "mine"}}
    install(rollout=rollout)
    answer = real.ChatCompletion.create(**asked)
    assert (answer.api_key, answer.organization) == ("sk-test-other", "org-fake")
    (sent,) = fake.requests
    told = {name: sent.headers[name] for name in ("authorization", "openai-organization", "x-request-id", "x-title")}
    assert list(told.values()) == ["Bearer sk-test-other", "org-mine", "r-1", "mine"]


def test_headers_of_a_call_win(real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI) -> None:
    """A caller's own Authorization replaces the key's."""
    install(rollout=rollout)
    real.ChatCompletion.create(**ASKED, headers={"Authorization": "Bearer sk-test-gateway"})
    assert fake.requests[0].headers["authorization"] == "Bearer sk-test-gateway"


@pytest.mark.parametrize("name", ["engine", "deployment_id"])
def test_azure_goes_to_its_deployment(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI, name: str
) -> None:
    """An Azure call goes to the path of its deployment, with its version, its key and no model, from either arm."""
    given = {"api_type": "azure", "api_base": fake.azure_endpoint, "api_version": "2024-02-01", name: "gpt-35-turbo"}
    asked = {"messages": ASKED["messages"], **given}
    real.ChatCompletion.create(**asked)
    installed = install(rollout=rollout)
    assert real.ChatCompletion.create(**asked).choices[0].message.content == "1, 2, 3, 4, 5."
    assert installed.counts.candidate == 1
    by_control, by_candidate = fake.requests
    assert (by_candidate.path, by_candidate.query) == (by_control.path, by_control.query)
    assert by_candidate.json == by_control.json == {"messages": ASKED["messages"]}
    assert by_candidate.headers["api-key"] == KEY
    assert "authorization" not in by_candidate.headers


def test_settings_are_read_before_the_first_suspension(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI
) -> None:
    """A module attribute set around one `acreate`, and restored while that waits, counts for it."""
    install(rollout=rollout)

    async def main() -> list[Any]:
        calls = []
        for key in ("sk-test-one", "sk-test-two"):
            real.api_key = key
            calls.append(asyncio.ensure_future(real.ChatCompletion.acreate(**ASKED)))
            await asyncio.sleep(0)
            real.api_key = None
        return await asyncio.gather(*calls)

    assert [answer.api_key for answer in asyncio.run(main())] == ["sk-test-one", "sk-test-two"]
    assert {each.headers["authorization"] for each in fake.requests} == {"Bearer sk-test-one", "Bearer sk-test-two"}


def test_timeout_is_none_and_request_timeout_is_one(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI
) -> None:
    """`timeout=` cuts nothing off; `request_timeout=` raises the real Timeout, and the rollout hears of it."""
    install(rollout=rollout)
    fake.plan(Slow(0.3))
    assert real.ChatCompletion.create(**ASKED, timeout=0.05).object == "chat.completion"
    fake.plan(Stall(Where.BEFORE_HEADERS))
    with pytest.raises(real.error.Timeout):
        real.ChatCompletion.create(**ASKED, request_timeout=0.2)

    async def late() -> None:
        await real.ChatCompletion.acreate(**ASKED, request_timeout=0.2)

    fake.plan(Stall(Where.BEFORE_HEADERS))
    with pytest.raises(real.error.Timeout):
        asyncio.run(late())
    assert rollout.status().arms["candidate"].errors == {"timeout": 2}


def test_errors_are_the_real_classes(real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI) -> None:
    """A refusal of the server's is the real class with headers, status, body and words."""
    install(rollout=rollout)
    fake.plan(rate_limited(retry_after=2))
    with pytest.raises(real.error.RateLimitError) as caught:
        real.ChatCompletion.create(**ASKED)
    error = caught.value
    assert (error.http_status, error.headers["RETRY-AFTER"], error.code) == (429, "2", None)
    assert error.json_body["error"]["code"] == "rate_limit_exceeded"
    assert error.user_message == error.json_body["error"]["message"] == str(error)
    real.api_base = "http://127.0.0.1:9/v1"
    with pytest.raises(real.error.APIConnectionError, match="Error communicating with OpenAI"):
        real.ChatCompletion.create(**ASKED)


def test_a_broken_stream_satisfies_both_catchers(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI
) -> None:
    """A stream that is cut raises what `requests` raises and the real APIConnectionError, in one."""
    install(rollout=rollout)
    for catcher in (requests.exceptions.ConnectionError, real.error.APIConnectionError):
        fake.plan(Cut(after_events=3))
        stream = real.ChatCompletion.create(**ASKED, stream=True)
        assert next(stream).choices[0].delta.role == "assistant"
        with pytest.raises(catcher):
            list(stream)


def test_an_error_inside_a_stream_is_the_real_one(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI
) -> None:
    """An error object among the chunks raises the real APIError, and counts against the candidate."""
    install(rollout=rollout)
    fake.plan(stream_failed(after_events=3))
    with pytest.raises(real.error.APIError, match="Error occurred while streaming"):
        list(real.ChatCompletion.create(**ASKED, stream=True))
    assert rollout.status().arms["candidate"].errors


def test_a_dropped_stream_ends_its_request(real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI) -> None:
    """A stream nobody reads on is let go: its connection closes, and the rollout hears that it was left."""
    install(rollout=rollout)
    fake.plan(Stall(after_events=2))
    stream = real.ChatCompletion.create(**ASKED, stream=True)
    next(stream)
    del stream
    gc.collect()
    fake.wait_for_open_connections(0)
    real.ChatCompletion.create(**ASKED)
    assert rollout.status().arms["candidate"].errors == {"cancelled": 1}


def test_async_streams_are_async_generators(real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI) -> None:
    """`acreate(stream=True)` gives an async generator of real objects; leaving it early ends the request."""
    installed = install(rollout=rollout)

    async def main() -> tuple[list[Any], int]:
        whole = [chunk async for chunk in await real.ChatCompletion.acreate(**ASKED, stream=True)]
        left = await real.ChatCompletion.acreate(**ASKED, stream=True)
        async for _ in left:
            break
        await left.aclose()
        return whole, installed.counts.candidate

    chunks, served = asyncio.run(main())
    assert "".join(chunk.choices[0].delta.get("content", "") for chunk in chunks) == "1, 2, 3, 4, 5."
    assert all(type(chunk) is real.openai_object.OpenAIObject for chunk in chunks)
    assert served == fake.request_count == 2


def test_what_it_cannot_carry_goes_to_control_and_is_counted(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI
) -> None:
    """A body no provider carries, and a session of the caller's, are control's: told by reason, heard by the rollout."""
    installed = install(rollout=rollout)
    with pytest.raises(real.error.InvalidRequestError):
        real.ChatCompletion.create(model="gpt-3.5-turbo", messages="Hi")
    real.requestssession = requests.Session()
    with real.requestssession:
        assert real.ChatCompletion.create(**ASKED).object == "chat.completion"
    assert installed.counts.refused == {"messages": 1, "requestssession": 1}
    assert (installed.counts.control, installed.counts.candidate, fake.request_count) == (2, 0, 2)
    assert rollout.status().arms["candidate"].bad["refused"] == 2


def test_one_decision_is_kept_while_the_library_asks_again(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI
) -> None:
    """A model that answers 409 is asked again by the same arm, whose unit is not asked for anew."""
    units: list[str] = []

    def unit(call: RoutedCall) -> str:
        units.append(str(call.fields["model"]))
        return f"u-{len(units)}"

    installed = install(rollout=rollout, unit=unit)
    fake.plan(_BUSY, _BUSY, ())
    assert real.ChatCompletion.create(**ASKED).object == "chat.completion"
    assert (units, installed.counts.candidate, fake.request_count) == (["gpt-3.5-turbo"], 3, 3)


def test_units_are_sticky(real: Any, install: Install, fake: FakeOpenAI) -> None:
    """Calls of one user, and of one conversation, all go one way; a share is one of the users."""
    with Rollout(Policy(stage=Stage.RAMP, percent=50)) as half:
        installed = install(rollout=half)
        arms = []
        for number in range(20):
            before = installed.counts.candidate
            for _ in range(2):
                real.ChatCompletion.create(**ASKED, user=f"user-{number}")
            arms.append(installed.counts.candidate - before)
    assert set(arms) == {0, 2}
    assert fake.request_count == 40


def test_the_unit_is_the_header_then_the_user_then_the_call() -> None:
    """The conversation's header counts before the user; without both each call has a unit of its own."""
    named = RoutedCall(fields={"user": "u"}, headers={"x-conversation-id": "c"})
    assert (unit_of(named), unit_of(RoutedCall(fields={"user": "u"}, headers={}))) == ("c", "u")
    nameless = RoutedCall(fields={"user": ""}, headers={})
    assert unit_of(nameless) != unit_of(nameless)


def test_a_unit_that_raises_is_controls(real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI) -> None:
    """What the caller's own function raises reaches nobody; control serves the call, and it is counted."""
    installed = install(rollout=rollout, unit=_raising)
    assert real.ChatCompletion.create(**ASKED).object == "chat.completion"
    assert (installed.counts.control, installed.counts.faults, fake.request_count) == (1, 1, 1)


def test_upgrades_are_done_and_undone(real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI) -> None:
    """Functions go out as tools and come back as a function call, streamed too; control's calls stay as they are."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    function = {"name": "get_weather", "parameters": city}
    asked: dict[str, Any] = {
        "model": "gpt-3.5-turbo",
        "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
        "functions": [function],
    }
    installed = install(rollout=rollout, upgrades=["functions-to-tools"], target=Target(today=date(2023, 11, 6)))
    message = real.ChatCompletion.create(**asked).choices[0].message
    assert message["function_call"]["name"] == "get_weather"
    assert "tool_calls" not in message
    chunks = list(real.ChatCompletion.create(**asked, stream=True))
    calls = [chunk.choices[0].delta.get("function_call") for chunk in chunks if chunk.choices]
    arguments = "".join(call.get("arguments", "") for call in calls if call)
    assert json.loads(arguments).keys() == {"city"}
    assert all("tools" in each.json and "functions" not in each.json for each in fake.requests)
    assert installed.counts.candidate == 2


def test_prompts_move_where_they_are_upgraded_to_chat(
    real: Any, install: Install, rollout: Rollout, fake: FakeOpenAI
) -> None:
    """A completion of a model that is gone goes to a chat, and comes back as a text completion; others stay."""
    upgrades = ["completion-to-chat", "model-successor", "max-completion-tokens", "reasoning-off", "no-op-values"]
    installed = install(rollout=rollout, upgrades=upgrades)
    answer = real.Completion.create(model="text-davinci-003", prompt="Count to 5")
    assert (answer.object, answer.choices[0].text) == ("text_completion", "1, 2, 3, 4, 5.")
    assert [each.path for each in fake.requests] == ["/v1/chat/completions"]
    assert installed.counts.candidate == 1


def test_control_streams_are_heard_to_their_end(real: Any, install: Install, fake: FakeOpenAI) -> None:
    """The rollout hears how control's streams end: well, cut, with an error inside, sync and async."""
    with Rollout(Policy(stage=Stage.RAMP)) as ramp:
        install(rollout=ramp)

        async def stream() -> None:
            async for _ in await real.ChatCompletion.acreate(**ASKED, stream=True):
                pass

        list(real.ChatCompletion.create(**ASKED, stream=True))
        asyncio.run(stream())
        asyncio.run(real.ChatCompletion.acreate(**ASKED))
        fake.plan(Cut(after_events=3))
        with pytest.raises(requests.exceptions.RequestException):
            list(real.ChatCompletion.create(**ASKED, stream=True))
        fake.plan(stream_failed(after_events=3))
        with pytest.raises(real.error.APIError):
            list(real.ChatCompletion.create(**ASKED, stream=True))
        arm = ramp.status().arms["control"]
    assert (arm.requests, arm.ok, sum(arm.errors.values())) == (5, 3, 2)
