"""Tests of `endpoints.fine_tunes` and `endpoints.training`: a job from its creation to the use of its model."""

from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI, JsonToStream
from tests.testing.fake_openai.asking import Got, ask
from tests.testing.fake_openai.endpoints.test_files import send
from tests.testing.fake_openai.uploading import delete, get, post

PATH = "/v1/fine-tunes"


def create(server: FakeOpenAI, **fields: Any) -> Got:
    return post(server, PATH, {"training_file": send(server).json["id"], **fields})


def test_a_job_begins_pending(server: FakeOpenAI) -> None:
    """A new job has every field of the API, the files it was given and the defaults of what was not said."""
    file = send(server).json
    job = post(server, PATH, {"training_file": file["id"], "validation_file": file["id"], "n_epochs": 2}).json
    assert set(job) == {
        "object", "id", "hyperparams", "organization_id", "model", "training_files", "validation_files", "result_files",
        "created_at", "updated_at", "status", "fine_tuned_model", "events",
    }  # fmt: skip
    assert (job["object"], job["model"], job["status"], job["fine_tuned_model"]) == (
        "fine-tune",
        "curie",
        "pending",
        None,
    )
    assert job["training_files"] == job["validation_files"] == [file]
    assert job["hyperparams"]["n_epochs"] == 2


def test_each_look_moves_a_job_on(server: FakeOpenAI) -> None:
    """Whoever polls sees the job run and succeed, without waiting; a list is no look."""
    identifier = create(server).json["id"]
    statuses = [get(server, f"{PATH}/{identifier}").json["status"] for _ in range(3)]
    assert statuses == ["running", "succeeded", "succeeded"]
    other = create(server).json["id"]
    listed = get(server, PATH).json["data"]
    assert [(one["id"], one["status"]) for one in listed] == [(identifier, "succeeded"), (other, "pending")]
    assert "events" not in listed[0]


def test_the_model_can_be_used_until_it_is_deleted(server: FakeOpenAI) -> None:
    """A job that succeeded leaves a model, which completes, is listed, and is gone once it is deleted."""
    job = create(server, model="ada", suffix="mine").json
    events = get(server, f"{PATH}/{job['id']}/events?stream=true")
    assert events.status == 200
    name = get(server, f"{PATH}/{job['id']}").json["fine_tuned_model"]
    assert name.startswith("ada:ft-fake:mine-")
    assert post(server, "/v1/completions", {"model": name, "prompt": "Hello"}).json["model"] == name
    assert name in [one["id"] for one in get(server, "/v1/models").json["data"]]
    assert delete(server, f"/v1/models/{name}").json == {"id": name, "object": "model", "deleted": True}
    assert post(server, "/v1/completions", {"model": name, "prompt": "Hello"}).error["code"] == "model_not_found"


def test_events_can_be_streamed_to_the_end(server: FakeOpenAI) -> None:
    """A stream of events ends with success and `[DONE]`; the list tells the same afterwards."""
    identifier = create(server, n_epochs=2).json["id"]
    before = [one["message"] for one in get(server, f"{PATH}/{identifier}/events").json["data"]]
    streamed = get(server, f"{PATH}/{identifier}/events?stream=true").chunks
    assert [one["message"] for one in streamed][: len(before)] == before
    assert streamed[-1] | {"created_at": 0} == {
        "object": "fine-tune-event", "created_at": 0, "level": "info", "message": "Fine-tune succeeded",
    }  # fmt: skip
    assert get(server, f"{PATH}/{identifier}/events").json["data"] == streamed
    server.plan(JsonToStream())
    assert get(server, f"{PATH}/{identifier}/events?stream=true").json["data"] == streamed


def test_the_results_are_a_file(server: FakeOpenAI) -> None:
    """A job that succeeded names a file of results, which can be read."""
    identifier = create(server).json["id"]
    get(server, f"{PATH}/{identifier}")
    (result,) = get(server, f"{PATH}/{identifier}").json["result_files"]
    assert result["purpose"] == "fine-tune-results"
    assert get(server, f"/v1/files/{result['id']}/content").body.startswith(b"step,")


def test_a_job_can_be_cancelled_until_it_has_ended(server: FakeOpenAI) -> None:
    """A cancelled job stays so, and neither it nor one that succeeded can be cancelled again."""
    identifier = create(server).json["id"]
    cancelled = post(server, f"{PATH}/{identifier}/cancel").json
    assert (cancelled["status"], cancelled["events"][-1]["message"]) == ("cancelled", "Fine-tune cancelled")
    assert get(server, f"{PATH}/{identifier}").json["status"] == "cancelled"
    again = post(server, f"{PATH}/{identifier}/cancel")
    assert (again.status, again.error["code"]) == (400, "invalid_state")


def test_a_deleted_job_is_gone(server: FakeOpenAI) -> None:
    """Deleting answers 204 without a body."""
    identifier = create(server).json["id"]
    gone = delete(server, f"{PATH}/{identifier}")
    assert (gone.status, gone.body) == (204, b"")
    assert get(server, f"{PATH}/{identifier}").status == 404


@pytest.mark.parametrize("rest", ["", "/events", "/cancel"])
def test_an_unknown_job_is_not_found(server: FakeOpenAI, rest: str) -> None:
    """Whatever is asked of a job that does not exist gets a 404 that names it."""
    method = "POST" if rest == "/cancel" else "GET"
    got = ask(server, None, path=f"{PATH}/ft-none{rest}", method=method)
    assert (got.status, got.error["code"]) == (404, "fine_tune_not_found")
    assert "ft-none" in got.error["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"training_file": None}, "training_file"),
        ({"training_file": "file-none"}, "training_file"),
        ({"validation_file": "file-none"}, "validation_file"),
        ({"model": "gpt-4"}, "model"),
        ({"n_epochs": 0}, "n_epochs"),
        ({"suffix": "x" * 41}, "suffix"),
        ({"epochs": 3}, "epochs"),
    ],
)
def test_a_wrong_request_is_refused(server: FakeOpenAI, fields: Any, param: str) -> None:
    """What the API would refuse gets a 400 that names the field."""
    got = create(server, **fields)
    assert (got.status, got.error["param"]) == (400, param)
