"""Tests of the wire rung over an upgrade: changes are named, real differences still count."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from shim.comparison import Exchange, Outcome, RecordedRequest
from shim.migration.upgrades import Target
from shim.migration.upgrades.wire import compare_upgraded, upgraded_exchange

TODAY = Target(today=date(2026, 11, 28))
ASKED = {"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5}
NAMES = ["model-successor", "refused-sampling"]


def recorded(fields: dict[str, Any], path: str = "/v1/chat/completions") -> Exchange:
    """An exchange with this body."""
    body = msgspec.json.encode(fields)
    url = f"https://api.openai.com{path}"
    return Exchange(pair_id="p", request=RecordedRequest(method="POST", url=url, body=body, length=len(body)))


def test_a_match_but_for_upgrades_names_them() -> None:
    """Where only the upgrades part the two, the verdict is ignored, and names each with its change."""
    candidate = {"model": "gpt-5.6-sol", "messages": ASKED["messages"]}
    verdict = compare_upgraded(recorded(ASKED), recorded(candidate), upgrades=NAMES, target=TODAY)
    assert (verdict.outcome, verdict.ok) == (Outcome.IGNORED, True)
    assert verdict.reason == "upgraded: model-successor, refused-sampling"
    assert [each.path for each in verdict.mismatches] == ["body.model", "body.temperature"]
    assert all((each.ignored or "").startswith("upgrade ") for each in verdict.mismatches)
    assert verdict.message.startswith("wire ignored")
    assert "upgraded: model-successor: model 'gpt-4' -> 'gpt-5.6-sol'" in verdict.message


def test_the_codecs_may_be_the_candidate() -> None:
    """Without a candidate the codecs write the upgraded request, and nothing else parts."""
    assert compare_upgraded(recorded(ASKED), upgrades=NAMES, target=TODAY).outcome is Outcome.IGNORED


def test_a_real_difference_still_counts() -> None:
    """What no upgrade did is a mismatch, beside the changes that are told."""
    candidate = {"model": "gpt-5.6-sol", "messages": ASKED["messages"], "n": 2}
    verdict = compare_upgraded(recorded(ASKED), recorded(candidate), upgrades=NAMES, target=TODAY)
    assert verdict.outcome is Outcome.MISMATCH
    assert [each.path for each in verdict.mismatches if each.ignored is None] == ["body.n"]


def test_an_upgrade_that_changes_nothing_leaves_a_match() -> None:
    """A request that needs no upgrade matches plainly."""
    asked = ASKED | {"model": "gpt-4.1"}
    assert compare_upgraded(recorded(asked), recorded(asked), upgrades=NAMES, target=TODAY).outcome is Outcome.MATCH


@pytest.mark.parametrize(
    ("path", "named"),
    [("/v1/completions", {"model": "text-davinci-003"}), ("/v1/engines/text-davinci-003/completions", {})],
)
def test_a_prompt_goes_to_the_address_of_chats(path: str, named: dict[str, str]) -> None:
    """A prompt that became a chat is compared at the chat's address, and an engine of the address in the body."""
    control = recorded({**named, "prompt": "Hi", "max_tokens": 5}, path)
    names = ["engine-to-model", "model-successor", "completion-to-chat", "max-completion-tokens"]
    exchange, upgraded = upgraded_exchange(control, upgrades=names, target=TODAY)
    assert exchange.request.url == "https://api.openai.com/v1/chat/completions"
    assert msgspec.json.decode(exchange.request.body or b"") == upgraded.fields
    assert (upgraded.fields["model"], upgraded.fields["max_completion_tokens"]) == ("gpt-5.6-terra", 5)


def test_an_engine_stays_in_the_address_unless_asked() -> None:
    """Without the upgrade the address and the body keep what they had."""
    control = recorded({"prompt": "Hi"}, "/v1/engines/ours/completions")
    exchange, _ = upgraded_exchange(control, upgrades=[])
    assert exchange.request.url == control.request.url
    assert msgspec.json.decode(exchange.request.body or b"") == {"prompt": "Hi"}


def test_a_recording_without_its_body_is_told() -> None:
    """An exchange whose body was left out cannot be upgraded, and says so."""
    control = Exchange(pair_id="p", request=RecordedRequest(method="POST", url="https://api.openai.com/v1/x"))
    with pytest.raises(ValueError, match="no request body"):
        upgraded_exchange(control, upgrades=NAMES)
