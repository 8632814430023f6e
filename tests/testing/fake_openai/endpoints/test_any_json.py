"""Tests of all endpoints that take JSON at once: no body whatever makes the server fail."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.endpoints import (
    completions,
    edits,
    embeddings,
    fine_tunes,
    fine_tuning_jobs,
    images,
    moderations,
    speech,
)
from tests.testing.fake_openai.asking import KEY, ask

# What each endpoint takes, and what a request must have to get past the first look.
ENDPOINTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "/v1/completions": (completions.PARAMETERS, {"model": "fake-x"}),
    "/v1/edits": (edits.PARAMETERS, {"model": "fake-x", "instruction": "x"}),
    "/v1/embeddings": (embeddings.PARAMETERS, {"model": "fake-x", "input": "x"}),
    "/v1/moderations": (moderations.PARAMETERS, {"input": "x"}),
    "/v1/audio/speech": (speech.PARAMETERS, {"model": "tts-1", "input": "x", "voice": "alloy"}),
    "/v1/images/generations": (images.PARAMETERS, {"prompt": "x"}),
    "/v1/fine-tunes": (fine_tunes.PARAMETERS, {"training_file": "file-1"}),
    "/v1/fine_tuning/jobs": (fine_tuning_jobs.PARAMETERS, {"training_file": "file-1", "model": "fake-x"}),
    "/openai/deployments?api-version=2023-05-15": (("model", "scale_settings"), {"model": "x", "scale_settings": {}}),
}
LEAVES = st.none() | st.booleans() | st.integers(-3, 300) | st.floats(allow_nan=False) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(api_key=KEY) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("path", ENDPOINTS)
@given(data=st.data())
@settings(max_examples=40)
def test_no_json_whatever_breaks_the_server(shared: FakeOpenAI, path: str, data: st.DataObject) -> None:
    """Any values in any fields are answered or refused; leaving the server would tell of a failure in it."""
    names, needed = ENDPOINTS[path]
    fields = data.draw(st.dictionaries(st.sampled_from(sorted(names)), VALUES, max_size=4))
    got = ask(shared, needed | fields, path=path)
    assert got.status in {200, 201, 400, 404}
    assert got.status < 400 or got.error["message"]
