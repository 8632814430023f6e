"""Tests of `address`: the three ways to an endpoint."""

import pytest

from shim.testing.fake_openai.address import EndpointAddress, address_of


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/v1/chat/completions", EndpointAddress("/v1/chat/completions")),
        ("/v1/engines", EndpointAddress("/v1/engines")),
        ("/v1/engines/davinci", EndpointAddress("/v1/engines/davinci")),
        ("/v1/engines/da%3Avinci/completions", EndpointAddress("/v1/completions", engine="da:vinci")),
        ("/v1/engines/gpt-4/chat/completions", EndpointAddress("/v1/chat/completions", engine="gpt-4")),
        ("/v1/engines/davinci/search", EndpointAddress("/v1/engines/davinci/search")),
        ("/nowhere", EndpointAddress("/nowhere")),
        ("/openai", EndpointAddress("/openai")),
    ],
)
def test_openais_own_paths(path: str, address: EndpointAddress) -> None:
    """An engine in the path is taken out of it where an endpoint stands behind it; every other path stays as it is."""
    assert address_of(path) == address


@pytest.mark.parametrize(
    ("path", "endpoint", "deployment"),
    [
        ("/openai/deployments/my+chat/chat/completions", "/v1/chat/completions", "my chat"),
        ("/openai/deployments/d/audio/transcriptions", "/v1/audio/transcriptions", "d"),
        ("/openai/deployments/d/moderations", "/openai/deployments/d/moderations", None),
        ("/openai/deployments", "/openai/deployments", None),
        ("/openai/deployments/d", "/openai/deployments/d", None),
        ("/openai/models", "/v1/models", None),
        ("/openai/files/file-1/content", "/v1/files/file-1/content", None),
        ("/openai/fine-tunes/ft-1/events", "/v1/fine-tunes/ft-1/events", None),
        ("/openai/fine_tuning/jobs", "/v1/fine_tuning/jobs", None),
        ("/openai/moderations", "/openai/moderations", None),
        ("/openai/images/generations:submit", "/openai/images/generations:submit", None),
    ],
)
def test_azures_paths(path: str, endpoint: str, deployment: str | None) -> None:
    """A path of Azure needs a version, and leads to OpenAI's endpoint where Azure has the same."""
    assert address_of(path) == EndpointAddress(endpoint, deployment=deployment, azure=True, needs_version=True)


def test_azures_newer_paths() -> None:
    """Below `/openai/v1/` everything is as with OpenAI, and no version is needed."""
    assert address_of("/openai/v1/responses") == EndpointAddress("/v1/responses", azure=True)
