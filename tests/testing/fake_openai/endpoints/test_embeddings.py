"""Tests of `endpoints.embeddings`: vectors that fit their request, and tell texts apart."""

import base64
import math
import struct
from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.endpoints.embeddings import vector_of
from tests.testing.fake_openai.asking import Got, ask

PATH = "/v1/embeddings"


def embed(server: FakeOpenAI, given: Any, **fields: Any) -> Got:
    return ask(server, {"model": "text-embedding-ada-002", "input": given, **fields}, path=PATH)


def test_the_answer_has_every_field_of_the_api(server: FakeOpenAI) -> None:
    """Each input gets an embedding in its place, and usage is counted."""
    got = embed(server, ["one", "two words"])
    assert set(got.json) == {"object", "data", "model", "usage"}
    assert [(one["object"], one["index"], len(one["embedding"])) for one in got.json["data"]] == [
        ("embedding", 0, 1536),
        ("embedding", 1, 1536),
    ]
    assert got.json["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_base64_and_decimals_are_the_same_vector(server: FakeOpenAI) -> None:
    """base64 holds little-endian 32-bit floats, equal to the decimals bit by bit."""
    decimals = embed(server, "the tides of the sea").json["data"][0]["embedding"]
    packed = embed(server, "the tides of the sea", encoding_format="base64").json["data"][0]["embedding"]
    assert list(struct.unpack("<1536f", base64.b64decode(packed))) == decimals


def test_a_vector_has_length_one() -> None:
    """Every vector is normalised, and nowhere zero."""
    vector = vector_of("Tell me about the tides.", dimensions=256)
    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-6)
    assert all(vector)


def test_texts_that_share_words_are_near() -> None:
    """A text is nearer to one about the same things than to another, and nearest to itself."""

    def nearness(one: str, other: str) -> float:
        pairs = zip(vector_of(one, dimensions=1536), vector_of(other, dimensions=1536), strict=True)
        return sum(a * b for a, b in pairs)

    question = "When is high tide in Dover?"
    assert nearness(question, "Dover: high tide at noon") > nearness(question, "A recipe for bread") + 0.2
    assert math.isclose(nearness(question, question), 1, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("model", "fields", "size"),
    [
        ("text-embedding-3-small", {}, 1536),
        ("text-embedding-3-large", {}, 3072),
        ("text-embedding-3-large", {"dimensions": 256}, 256),
        ("text-similarity-davinci-001", {}, 12_288),
    ],
)
def test_dimensions_are_the_models_or_as_asked(server: FakeOpenAI, model: str, fields: Any, size: int) -> None:
    """A vector has the dimensions of its model, or fewer where that model lets one choose."""
    assert len(embed(server, "x", model=model, **fields).json["data"][0]["embedding"]) == size


@pytest.mark.parametrize("given", [[1, 2, 3], [[1, 2], [3]]])
def test_tokens_are_embedded_too(server: FakeOpenAI, given: Any) -> None:
    """Lists of tokens are accepted, as tokenizing clients send them."""
    assert embed(server, given).json["usage"]["prompt_tokens"] == 3


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": ""}, "input", None),
        ({"input": ["fine", ""]}, "input", None),
        ({"input": []}, "input", "empty_array"),
        ({"input": 7}, "input", "invalid_type"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": ["x"] * 2049}, "input", "array_above_max_length"),
        ({"input": [1] * 8193}, "input", "array_above_max_length"),
        ({"encoding_format": "hex"}, "encoding_format", "invalid_value"),
        ({"dimensions": 100}, "dimensions", None),
        ({"dimensions": 0}, "dimensions", "integer_below_min_value"),
        ({"prompt": "x"}, "prompt", "unknown_parameter"),
    ],
)
def test_a_wrong_request_is_refused(server: FakeOpenAI, fields: Any, param: str, code: str | None) -> None:
    """What the API would refuse gets a 400 that names the field."""
    got = embed(server, fields.pop("input", "x"), **fields)
    assert (got.status, got.error["param"], got.error["code"]) == (400, param, code)


def test_a_text_too_long_is_refused(server: FakeOpenAI) -> None:
    """More than 8,192 tokens in one input are refused, in the words that programs look for."""
    got = embed(server, "word " * 9000)
    assert got.status == 400
    assert got.error["message"].startswith("This model's maximum context length is 8192 tokens, however you requested ")


def test_an_answer_is_bounded(server: FakeOpenAI) -> None:
    """More vectors than the API's own limits come to are refused before any is made."""
    got = embed(server, ["x"] * 600, model="text-similarity-davinci-001")
    assert (got.status, got.error["param"], got.error["code"]) == (400, "input", "array_above_max_length")


def test_an_engine_in_the_path_is_the_model(server: FakeOpenAI) -> None:
    """`/v1/engines/NAME/embeddings` is the older way to ask."""
    got = ask(server, {"input": "x"}, path="/v1/engines/text-embedding-ada-002/embeddings")
    assert (got.status, got.json["model"]) == (200, "text-embedding-ada-002")


def test_the_model_must_embed(server: FakeOpenAI) -> None:
    """A chat model has no embeddings."""
    assert embed(server, "x", model="gpt-4").error["param"] == "model"
