"""Tests of `endpoints.fine_tuning_jobs`."""

from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import Got, ask, chat
from tests.testing.fake_openai.endpoints.test_files import send
from tests.testing.fake_openai.uploading import get, post

PATH = "/v1/fine_tuning/jobs"


def create(server: FakeOpenAI, **fields: Any) -> Got:
    return post(server, PATH, {"training_file": send(server).json["id"], "model": "gpt-3.5-turbo", **fields})


def test_a_job_begins_with_validation(server: FakeOpenAI) -> None:
    """A new job has the fields of the API, what was given and the defaults of what was not said."""
    job = create(server, hyperparameters={"n_epochs": 5, "batch_size": "auto"}, suffix="mine").json
    assert (job["object"], job["status"], job["model"]) == ("fine_tuning.job", "validating_files", "gpt-3.5-turbo")
    assert (job["fine_tuned_model"], job["finished_at"], job["result_files"]) == (None, None, [])
    assert job["hyperparameters"] == {"n_epochs": 5, "batch_size": 1, "learning_rate_multiplier": 1.8}
    assert job["user_provided_suffix"] == "mine"


def test_each_look_moves_a_job_on_to_a_model(server: FakeOpenAI) -> None:
    """Whoever polls sees the job run and succeed; its model then answers."""
    identifier = create(server, suffix="mine").json["id"]
    jobs = [get(server, f"{PATH}/{identifier}").json for _ in range(2)]
    assert [job["status"] for job in jobs] == ["running", "succeeded"]
    assert jobs[1]["finished_at"] > jobs[1]["created_at"]
    name = jobs[1]["fine_tuned_model"]
    assert name.startswith("ft:gpt-3.5-turbo:fake:mine:")
    assert ask(server, chat() | {"model": name}).json["model"] == name
    assert get(server, f"/v1/files/{jobs[1]['result_files'][0]}/content").body.startswith(b"step,")


def test_jobs_are_listed_a_page_at_a_time(server: FakeOpenAI) -> None:
    """The newest comes first, and `after` goes on where a page ended."""
    ids = [create(server).json["id"] for _ in range(3)]
    first = get(server, f"{PATH}?limit=2").json
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (ids[:0:-1], True)
    rest = get(server, f"{PATH}?limit=2&after={ids[1]}").json
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([ids[0]], False)


def test_events_come_newest_first(server: FakeOpenAI) -> None:
    """Events tell how far the job is, the newest first, each with an id of its own."""
    identifier = create(server).json["id"]
    assert len(get(server, f"{PATH}/{identifier}/events").json["data"]) == 2
    get(server, f"{PATH}/{identifier}")
    get(server, f"{PATH}/{identifier}")
    events = get(server, f"{PATH}/{identifier}/events").json
    assert events["data"][0]["message"] == "The job has successfully completed"
    assert {one["object"] for one in events["data"]} == {"fine_tuning.job.event"}
    assert len({one["id"] for one in events["data"]}) == len(events["data"]) == 6
    assert get(server, f"{PATH}/{identifier}/events?limit=1").json["has_more"]


def test_checkpoints_come_with_success(server: FakeOpenAI) -> None:
    """There are none before the job has succeeded, and then one for each step, with its metrics."""
    identifier = create(server).json["id"]
    assert get(server, f"{PATH}/{identifier}/checkpoints").json["data"] == []
    get(server, f"{PATH}/{identifier}")
    get(server, f"{PATH}/{identifier}")
    found = get(server, f"{PATH}/{identifier}/checkpoints").json
    assert [one["step_number"] for one in found["data"]] == [2, 1]
    assert (found["first_id"], found["last_id"]) == (found["data"][0]["id"], found["data"][1]["id"])
    assert found["data"][0]["metrics"]["train_loss"] == 0.25


def test_a_job_can_be_cancelled_until_it_has_ended(server: FakeOpenAI) -> None:
    """A cancelled job stays so, and is not cancelled twice."""
    identifier = create(server).json["id"]
    assert post(server, f"{PATH}/{identifier}/cancel").json["status"] == "cancelled"
    assert get(server, f"{PATH}/{identifier}").json["status"] == "cancelled"
    assert post(server, f"{PATH}/{identifier}/cancel").error["code"] == "invalid_state"


@pytest.mark.parametrize("rest", ["", "/events", "/checkpoints"])
def test_an_unknown_job_is_not_found(server: FakeOpenAI, rest: str) -> None:
    """Whatever is asked of a job that does not exist gets a 404."""
    got = get(server, f"{PATH}/ftjob-none{rest}")
    assert (got.status, got.error["code"]) == (404, "fine_tune_not_found")


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": None}, 400, "model"),
        ({"model": "whisper-1"}, 400, "model"),
        ({"model": "parrot"}, 404, None),
        ({"training_file": "file-none"}, 400, "training_file"),
        ({"suffix": "x" * 65}, 400, "suffix"),
        ({"seed": -1}, 400, "seed"),
        ({"n_epochs": 3}, 400, "n_epochs"),
    ],
)
def test_a_wrong_request_is_refused(server: FakeOpenAI, fields: Any, status: int, param: str | None) -> None:
    """What the API would refuse is refused with the field named."""
    got = create(server, **fields)
    assert (got.status, got.error["param"]) == (status, param)


@pytest.mark.parametrize(
    ("query", "param"), [("limit=0", "limit"), ("limit=x", "limit"), ("limit=101", "limit"), ("order=up", "order")]
)
def test_a_page_that_makes_no_sense_is_refused(server: FakeOpenAI, query: str, param: str) -> None:
    """A wrong query is refused with its parameter named."""
    got = get(server, f"{PATH}?{query}")
    assert (got.status, got.error["param"]) == (400, param)
