"""Tests of `--insecure-host`: the commands that send a key, or pass one on, over plain HTTP only where that was allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.compat.openai_v0.startup import StartupSettings
from shim.plain_http import VARIABLE
from tests.cli.conftest import RunShim

REFUSED = (
    "the API key would go over plain HTTP to gateway.invalid; give an https:// address, or allow it: --insecure-host"
)


@pytest.fixture(autouse=True)
def _nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize("provider", ["legacy", "native"])
def test_chat_refuses_plain_http(run_shim: RunShim, provider: str) -> None:
    """`chat` ends with status 2 and the option that allows it; with that option it asks."""
    asked = ("chat", "Hi", "--provider", provider, "--base-url", "http://gateway.invalid/v1")
    ran = run_shim(*asked)
    assert (ran.status, ran.out) == (2, "")
    assert f"{REFUSED} gateway.invalid" in ran.err
    ran = run_shim(*asked, "--insecure-host", "gateway.invalid")
    assert ran.status == 1
    assert "The connection failed" in ran.err  # that name leads nowhere: it was asked


def test_record_refuses_plain_http(run_shim: RunShim, tmp_path: Path) -> None:
    """`record` does not start where callers' keys would go on in the clear."""
    ran = run_shim("record", "--upstream", "http://gateway.invalid", str(tmp_path / "all.jsonl"))
    assert (ran.status, ran.err) == (2, f"shim: --upstream: {REFUSED} gateway.invalid\n")


@pytest.mark.parametrize(
    "command", [("record", "--upstream", "https://h"), ("run",), ("chat", "--base-url", "https://h")]
)
def test_what_names_no_host_is_refused(run_shim: RunShim, tmp_path: Path, command: tuple[str, ...]) -> None:
    """A URL in the place of a host's name ends with status 2 and words that say what to give."""
    ran = run_shim(*command, "--insecure-host", "http://gateway.invalid", str(tmp_path / "all.jsonl"))
    assert ran.status == 2
    assert "give names of hosts" in ran.err


def test_run_hands_it_to_the_program() -> None:
    """What `run` was given stands in the environment of the program, where the library looks for it."""
    settings = StartupSettings(insecure_hosts="a,b")
    assert settings.variables() == {VARIABLE: "a,b"}
    assert StartupSettings.of_environment({VARIABLE: "a,b"}) == settings
