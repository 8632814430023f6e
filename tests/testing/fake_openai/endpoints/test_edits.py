"""Tests of `endpoints.edits`."""

from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import Got, ask


def edit(server: FakeOpenAI, **fields: Any) -> Got:
    return ask(server, {"model": "text-davinci-edit-001", **fields}, path="/v1/edits")


def test_the_answer_has_every_field_of_the_api(server: FakeOpenAI) -> None:
    """Each of `n` choices has the changed text, and usage adds up."""
    got = edit(server, input="the tides", instruction="Make it upper case", n=2)
    assert set(got.json) == {"object", "created", "choices", "usage"}
    assert got.json["object"] == "edit"
    assert got.json["choices"] == [{"text": "THE TIDES\n", "index": index} for index in range(2)]
    usage = got.json["usage"]
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]


def test_what_is_not_understood_is_appended(server: FakeOpenAI) -> None:
    """An instruction the persona does not know stands behind the text; there may be no text."""
    assert edit(server, input="wek", instruction="Fix it").choice["text"] == "wek (Fix it)\n"
    assert edit(server, instruction="Write a poem").choice["text"] == "(Write a poem)\n"


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"input": "x"}, 400, "instruction"),
        ({"instruction": "x", "n": 21}, 400, "n"),
        ({"instruction": "x", "input": 1}, 400, "input"),
        ({"instruction": "x", "prompt": "y"}, 400, "prompt"),
        ({"instruction": "x", "model": ""}, 400, None),
        ({"instruction": "x", "model": "gpt-4"}, 404, "model"),
    ],
)
def test_a_wrong_request_is_refused(server: FakeOpenAI, fields: Any, status: int, param: str | None) -> None:
    """What the API would refuse is refused with the field named."""
    got = edit(server, **fields)
    assert (got.status, got.error["param"]) == (status, param)
