"""Tests of `shim chat --azure`: which address is asked, with which key, and what is refused."""

from __future__ import annotations

import sys

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.cli.running import environment, run


def asked(server: FakeOpenAI, *arguments: str, **variables: str) -> tuple[int, str]:
    """What `shim chat` ends with, and what it says on standard error."""
    env = {**environment(server.base_url), **variables}
    ran = run([sys.executable, "-m", "shim.cli", "chat", "--no-stream", *arguments, "Count to 3"], env)
    return ran.returncode, ran.stderr


@pytest.mark.slow
def test_a_deployment_is_asked_with_azures_key() -> None:
    """The deployment's address is asked, with the key of AZURE_OPENAI_API_KEY in Azure's header, and no model in the body."""
    with FakeOpenAI() as server:
        status, said = asked(
            server, "--azure", server.azure_endpoint, "--deployment", "mine", AZURE_OPENAI_API_KEY="sk-azure-key"
        )
        assert status == 0, said
        (request,) = server.requests
    assert request.path == "/openai/deployments/mine/chat/completions"
    assert request.headers["api-key"] == "sk-azure-key"
    assert "model" not in request.json


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--azure", "x", "--base-url", "http://127.0.0.1:1/v1"), "--azure and --base-url are both given"),
        (("--deployment", "x"), "--deployment is Azure's; add --azure RESOURCE"),
        (("--api-version", "x"), "--api-version is Azure's; add --azure RESOURCE"),
        (("--azure", "x", "--provider", "legacy"), "use kind 'native'"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """Options that contradict each other end with status 2, the option's name and the way out, and nothing is sent."""
    with FakeOpenAI() as server:
        status, error = asked(server, *arguments)
        assert (status, server.requests[:]) == (2, [])
    assert said in error
