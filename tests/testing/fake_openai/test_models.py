"""Tests of `models`: what exists, what it is for, and the older engines."""

import pytest

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.models import LISTED_MODELS, Family, family_of
from tests.testing.fake_openai.asking import KEY, ask
from tests.testing.fake_openai.uploading import delete, get


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt-4", Family.CHAT),
        ("gpt-3.5-turbo-0613", Family.CHAT),
        ("gpt-35-turbo", Family.CHAT),
        ("o3-mini", Family.CHAT),
        ("ft:gpt-3.5-turbo:org::id", Family.CHAT),
        ("gpt-3.5-turbo-instruct", Family.COMPLETION),
        ("gpt-35-turbo-instruct", Family.COMPLETION),
        ("text-davinci-003", Family.COMPLETION),
        ("curie:ft-org-2023", Family.COMPLETION),
        ("ft:davinci-002:org::id", Family.COMPLETION),
        ("text-davinci-edit-001", Family.EDIT),
        ("text-embedding-ada-002", Family.EMBEDDING),
        ("text-search-ada-doc-001", Family.EMBEDDING),
        ("text-moderation-latest", Family.MODERATION),
        ("whisper-1", Family.TRANSCRIPTION),
        ("gpt-4o-transcribe", Family.TRANSCRIPTION),
        ("gpt-4o-mini-tts", Family.SPEECH),
        ("dall-e-3", Family.IMAGE),
        ("gpt-image-1", Family.IMAGE),
        ("fake-burst-10", None),
        ("mine", None),
    ],
)
def test_a_name_tells_what_a_model_is_for(name: str, family: Family | None) -> None:
    """OpenAI's names, and those of models fine-tuned from them, say which endpoint serves them; others serve all."""
    assert family_of(name) is family


def test_every_listed_model_exists(server: FakeOpenAI) -> None:
    """What the list names can be asked for, as a model and as an engine."""
    for name in LISTED_MODELS:
        assert get(server, f"/v1/models/{name}").json["id"] == name
        assert get(server, f"/v1/engines/{name}").json["ready"] is True
    assert [one["id"] for one in get(server, "/v1/engines").json["data"]] == list(LISTED_MODELS)


def test_engines_have_the_fields_of_the_api(server: FakeOpenAI) -> None:
    """An engine is described as the older API did; an unknown one is not found."""
    got = get(server, "/v1/engines/davinci").json
    assert set(got) == {"object", "id", "owner", "ready", "created", "permissions"}
    assert get(server, "/v1/engines/parrot").error["code"] == "model_not_found"


def test_only_fine_tuned_models_can_be_deleted(server: FakeOpenAI) -> None:
    """A model of OpenAI's stays; one that was fine-tuned is gone for good."""
    assert delete(server, "/v1/models/gpt-4").status == 403
    assert delete(server, "/v1/models/parrot").status == 404
    assert delete(server, "/v1/models/ft:gpt-4:org::id").json["deleted"] is True
    assert get(server, "/v1/models/ft:gpt-4:org::id").status == 404
    assert delete(server, "/v1/models/ft:gpt-4:org::id").status == 404


def test_a_name_of_your_own_serves_every_endpoint() -> None:
    """A server given names of no family answers with them wherever a model is named."""
    with FakeOpenAI(api_key=KEY, models=["mine"]) as server:
        for path, body in (
            ("/v1/completions", {"prompt": "x"}),
            ("/v1/embeddings", {"input": "x"}),
            ("/v1/moderations", {"input": "x"}),
            ("/v1/edits", {"instruction": "x"}),
            ("/v1/images/generations", {"prompt": "x"}),
        ):
            assert ask(server, {"model": "mine", **body}, path=path).status == 200
            assert ask(server, {"model": "gpt-4", **body}, path=path).status == 404
