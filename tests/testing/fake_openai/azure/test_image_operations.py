"""Tests of `azure.image_operations`."""

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.endpoints.png import size_of
from tests.testing.fake_openai.asking import Got
from tests.testing.fake_openai.azure.asking_azure import VERSION, ask_azure

SUBMIT = f"/openai/images/generations:submit?{VERSION}"


def submitted(server: FakeOpenAI) -> tuple[Got, str]:
    """The answer to a job, and the path where it sends its client."""
    got = ask_azure(server, SUBMIT, {"prompt": "a cat", "n": 2, "size": "256x256"})
    return got, got.headers["operation-location"].removeprefix(server.azure_endpoint)


def test_a_job_leads_to_its_pictures(server: FakeOpenAI) -> None:
    """A job is answered with 202 and where to look; the first look finds the pictures, which can be fetched."""
    got, path = submitted(server)
    assert (got.status, got.json["status"]) == (202, "notRunning")
    done = ask_azure(server, path, method="GET").json
    assert (done["id"], done["status"]) == (got.json["id"], "succeeded")
    urls = [one["url"].removeprefix(server.azure_endpoint) for one in done["result"]["data"]]
    assert [size_of(ask_azure(server, url, method="GET").body) for url in urls] == [(256, 256)] * 2


def test_an_operation_can_be_deleted(server: FakeOpenAI) -> None:
    """A deleted operation is not found any more."""
    _, path = submitted(server)
    assert ask_azure(server, path, method="DELETE").status == 204
    for method in ("GET", "DELETE"):
        assert ask_azure(server, path, method=method).json["error"]["code"] == "404"


def test_a_wrong_job_is_refused(server: FakeOpenAI) -> None:
    """What a picture needs is checked when it is submitted."""
    assert ask_azure(server, SUBMIT, {"n": 1}).error["param"] == "prompt"
