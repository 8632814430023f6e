"""Tests of `endpoints.images`: pictures described, edited, varied and fetched."""

import base64
from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.endpoints import images
from shim.testing.fake_openai.endpoints.png import picture, size_of
from tests.testing.fake_openai.asking import Got, ask
from tests.testing.fake_openai.uploading import upload

SQUARE = picture(64, 64, colour=b"\0\0\0")


def draw(server: FakeOpenAI, prompt: object = "a cat", **fields: Any) -> Got:
    return ask(server, {"prompt": prompt, **fields}, path="/v1/images/generations")


def fetch(server: FakeOpenAI, url: str) -> Got:
    assert url.startswith(f"{server.azure_endpoint}/images/")
    return ask(server, None, path=url.removeprefix(server.azure_endpoint), method="GET", key=None)


def test_a_picture_can_be_fetched(server: FakeOpenAI) -> None:
    """The address of a picture, asked without a key, answers with a PNG of the size that was wanted."""
    got = draw(server, size="256x256")
    assert set(got.json) == {"created", "data"}
    (one,) = got.json["data"]
    fetched = fetch(server, one["url"])
    assert (fetched.status, fetched.headers["content-type"]) == (200, "image/png")
    assert size_of(fetched.body) == (256, 256)


def test_pictures_of_one_prompt_differ_and_stay_the_same(server: FakeOpenAI) -> None:
    """`n` pictures have colours of their own, and equal requests get equal pictures."""
    first, again = (
        [one["b64_json"] for one in draw(server, n=3, response_format="b64_json").json["data"]] for _ in "12"
    )
    assert len(set(first)) == 3
    assert first == again
    assert size_of(base64.b64decode(first[0])) == (1024, 1024)


def test_newer_models_answer_their_own_way(server: FakeOpenAI) -> None:
    """dall-e-3 tells the prompt it used, and gpt-image has base64 alone."""
    assert draw(server, model="dall-e-3", quality="hd", style="vivid").json["data"][0]["revised_prompt"] == "a cat"
    (one,) = draw(server, model="gpt-image-1", size="auto").json["data"]
    assert set(one) == {"b64_json"}


def test_a_picture_is_edited(server: FakeOpenAI) -> None:
    """An upload with a prompt and a mask gets a new picture; numbers in a form are read as such."""
    fields = {"prompt": "a hat", "n": "2", "size": "512x512"}
    got = upload(server, "/v1/images/edits", fields, image=("image", SQUARE), mask=("mask", SQUARE))
    assert [size_of(fetch(server, one["url"]).body) for one in got.json["data"]] == [(512, 512)] * 2


def test_a_picture_is_varied(server: FakeOpenAI) -> None:
    """Variations need no prompt."""
    got = upload(server, "/v1/images/variations", {"response_format": "b64_json"}, image=("image", SQUARE))
    assert set(got.json["data"][0]) == {"b64_json"}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": "x" * 1001}, "prompt", "invalid_value"),
        ({"prompt": "please refuse"}, None, "content_policy_violation"),
        ({"size": "3x3"}, "size", "invalid_value"),
        ({"size": "256x256", "model": "dall-e-3"}, "size", "invalid_value"),
        ({"n": 11}, "n", "integer_above_max_value"),
        ({"n": 2, "model": "dall-e-3"}, "n", "invalid_value"),
        ({"response_format": "gif"}, "response_format", "invalid_value"),
        ({"response_format": "url", "model": "gpt-image-1"}, "response_format", "unknown_parameter"),
        ({"steps": 3}, "steps", "unknown_parameter"),
    ],
)
def test_a_wrong_request_is_refused(server: FakeOpenAI, fields: Any, param: str | None, code: str) -> None:
    """What the API would refuse gets a 400 that names the field."""
    got = ask(server, {"prompt": "a cat", **fields}, path="/v1/images/generations")
    assert (got.status, got.error["param"], got.error["code"]) == (400, param, code)


@pytest.mark.parametrize(
    ("fields", "files", "param"),
    [
        ({"prompt": "x"}, {}, "image"),
        ({}, {"image": ("image", SQUARE)}, "prompt"),
        ({"prompt": "x"}, {"image": ("image", b"no picture")}, "image"),
        ({"prompt": "x"}, {"image": ("image", picture(64, 32, colour=b"xyz"))}, "image"),
        ({"prompt": "x"}, {"image": ("image", SQUARE), "mask": ("mask", picture(8, 8, colour=b"xyz"))}, "mask"),
        ({"prompt": "x", "n": "two"}, {"image": ("image", SQUARE)}, "n"),
        ({"prompt": "x", "n": "11"}, {"image": ("image", SQUARE)}, "n"),
        ({"prompt": "x", "style": "vivid"}, {"image": ("image", SQUARE)}, "style"),
    ],
)
def test_a_wrong_upload_is_refused(server: FakeOpenAI, fields: Any, files: Any, param: str) -> None:
    """A picture that is none, not square or missing, and a field that is wrong, are named."""
    got = upload(server, "/v1/images/edits", fields, **files)
    assert (got.status, got.error["param"]) == (400, param)


def test_an_upload_too_large_is_refused(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture beyond the API's limit is refused."""
    monkeypatch.setattr(images, "LARGEST_UPLOAD", 10)
    assert upload(server, "/v1/images/variations", {}, image=("image", SQUARE)).error["param"] == "image"


def test_an_address_of_no_picture_is_not_found(server: FakeOpenAI) -> None:
    """Only addresses that were given out have pictures."""
    for name in ("cat.png", "99999x1-000000-1.png", "10x10-zzzzzz-1.png"):
        assert ask(server, None, path=f"/images/{name}", method="GET").status == 404


def test_the_model_must_draw(server: FakeOpenAI) -> None:
    """A chat model makes no pictures."""
    assert draw(server, model="gpt-4").error["param"] == "model"
