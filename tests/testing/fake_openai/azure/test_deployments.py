"""Tests of `azure.deployments`, and of the endpoints that answer behind one or beside them."""

from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import KEY
from tests.testing.fake_openai.azure.asking_azure import AZURE_KEY, VERSION, ask_azure, deployed
from tests.testing.fake_openai.uploading import upload

PATH = "/openai/deployments"
JSONL = b'{"prompt": "a", "completion": "b"}\n'


@pytest.mark.parametrize(
    ("rest", "body", "name", "model"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": "x"}]}, "mine", "gpt-35-turbo"),
        ("chat/completions", {"messages": [{"role": "user", "content": "x"}]}, "gpt-4o", "gpt-4o"),
        ("chat/completions", {"messages": [{"role": "user", "content": "x"}]}, "ada", "gpt-35-turbo"),
        ("completions", {"prompt": "x"}, "mine", "gpt-35-turbo-instruct"),
        ("embeddings", {"input": "x"}, "mine", "text-embedding-ada-002"),
        ("embeddings", {"input": "x", "model": "ignored"}, "text-embedding-3-small", "text-embedding-3-small"),
    ],
)
def test_a_deployment_has_the_model_of_its_name_or_a_usual_one(
    server: FakeOpenAI, rest: str, body: dict[str, Any], name: str, model: str
) -> None:
    """Any name is a deployment: of the model it is called after if that fits the endpoint, else of a usual one."""
    got = ask_azure(server, deployed(rest, name=name), body)
    assert (got.status, got.json["model"]) == (200, model)


def test_pictures_and_sound_have_deployments_too(server: FakeOpenAI) -> None:
    """Images, transcription and speech answer behind a deployment."""
    (picture,) = ask_azure(server, deployed("images/generations"), {"prompt": "a cat"}).json["data"]
    assert picture["revised_prompt"] == "a cat"
    said = upload(server, deployed("audio/transcriptions"), {}, headers=AZURE_KEY, file=("a.mp3", b"x"))
    assert said.json["text"].startswith("This is a.mp3.")
    spoken = ask_azure(server, deployed("audio/speech"), {"input": "x", "voice": "alloy"})
    assert (spoken.status, spoken.headers["content-type"]) == (200, "audio/mpeg")


def test_deployments_can_be_named() -> None:
    """A server given deployments knows these alone, and lists those that are no patterns."""
    body = {"messages": [{"role": "user", "content": "x"}]}
    with FakeOpenAI(api_key=KEY, deployments=["chat", "team-*"]) as server:
        for name, status in (("chat", 200), ("team-a", 200), ("other", 404)):
            assert ask_azure(server, deployed("chat/completions", name=name), body).status == status
        missing = ask_azure(server, deployed("chat/completions", name="other"), body).json["error"]
        assert missing["code"] == "DeploymentNotFound"
        listed = ask_azure(server, f"{PATH}?{VERSION}", method="GET").json["data"]
        assert [one["id"] for one in listed] == ["chat"]
        assert ask_azure(server, f"{PATH}/chat?{VERSION}", method="GET").json["model"] == "gpt-35-turbo"


def test_a_deployment_can_be_made_used_and_deleted(server: FakeOpenAI) -> None:
    """One that is made has an id, answers with its model, is listed, and is gone after it was deleted."""
    settings = {"scale_type": "standard"}
    made = ask_azure(server, f"{PATH}?{VERSION}", {"model": "davinci", "scale_settings": settings})
    assert (made.status, made.json["status"], made.json["scale_settings"]) == (201, "succeeded", settings)
    name = made.json["id"]
    assert ask_azure(server, deployed("completions", name=name), {"prompt": "x"}).json["model"] == "davinci"
    assert ask_azure(server, f"{PATH}?{VERSION}", method="GET").json["data"] == [made.json]
    assert ask_azure(server, f"{PATH}/{name}?{VERSION}", method="GET").json == made.json
    assert ask_azure(server, f"{PATH}/{name}?{VERSION}", method="DELETE").status == 204
    for method in ("GET", "DELETE"):
        assert ask_azure(server, f"{PATH}/{name}?{VERSION}", method=method).status == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "ada"}, "scale_settings"),
        ({"scale_settings": {}}, "model"),
        ({"model": 1, "scale_settings": {}}, "model"),
    ],
)
def test_a_wrong_deployment_is_refused(server: FakeOpenAI, body: dict[str, Any], param: str) -> None:
    """What a deployment needs is named."""
    got = ask_azure(server, f"{PATH}?{VERSION}", body)
    assert (got.status, got.error["param"]) == (400, param)


def test_models_are_described_as_azure_does(server: FakeOpenAI) -> None:
    """A model tells what it is capable of."""
    got = ask_azure(server, f"/openai/models/text-embedding-ada-002?{VERSION}", method="GET").json
    assert got["capabilities"]["embeddings"] is True
    assert got["capabilities"]["chat_completion"] is False
    assert ask_azure(server, f"/openai/models?{VERSION}", method="GET").json["object"] == "list"


def test_files_and_fine_tunes_are_beside_deployments(server: FakeOpenAI) -> None:
    """What is made is answered with 201, and what is deleted with 204; the rest is as with OpenAI."""
    file = upload(
        server, f"/openai/files?{VERSION}", {"purpose": "fine-tune"}, headers=AZURE_KEY, file=("a.jsonl", JSONL)
    )
    assert file.status == 201
    identifier = file.json["id"]
    job = ask_azure(server, f"/openai/fine-tunes?{VERSION}", {"training_file": identifier, "model": "ada"})
    assert job.status == 201
    events = ask_azure(server, f"/openai/fine-tunes/{job.json['id']}/events?stream=true&{VERSION}", method="GET")
    assert events.chunks[-1]["message"] == "Fine-tune succeeded"
    newer = ask_azure(
        server, f"/openai/fine_tuning/jobs?{VERSION}", {"training_file": identifier, "model": "davinci-002"}
    )
    assert newer.status == 201
    assert ask_azure(server, f"/openai/files/{identifier}/content?{VERSION}", method="GET").body == JSONL
    gone = ask_azure(server, f"/openai/files/{identifier}?{VERSION}", method="DELETE")
    assert (gone.status, gone.body) == (204, b"")
