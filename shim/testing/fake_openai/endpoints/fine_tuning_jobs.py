"""The endpoints of `/v1/fine_tuning/jobs`: create, list, retrieve, cancel, events and checkpoints.

Not how a job proceeds (`training`) nor the older API (`fine_tunes`). Per the API reference of Fine-tuning; lists come a page
at a time, newest first.
"""

from dataclasses import dataclass
from typing import Any

from shim.testing.fake_openai.answers import Answer, ApiError, json_answer
from shim.testing.fake_openai.bounded_store import BoundedStore
from shim.testing.fake_openai.endpoints.files import Files
from shim.testing.fake_openai.endpoints.training import RESULTS, Training, no_job
from shim.testing.fake_openai.models import Family, Models, family_of, no_model
from shim.testing.fake_openai.paging import page
from shim.testing.fake_openai.question import Question, Stamp
from shim.testing.fake_openai.value_rules import Rule, anything, check_fields, integer, text, thing

JOBS_PATH = "/v1/fine_tuning/jobs"
LONGEST_SUFFIX = 64
_STAGES = ("validating_files", "running", "succeeded")
_HYPERPARAMETERS = {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8}
_STEPS = 2

PARAMETERS: dict[str, Rule] = {
    "hyperparameters": thing(),
    "integrations": anything,
    "metadata": thing(),
    "method": thing(),
    "model": text(),
    "seed": integer(0),
    "suffix": text(),
    "training_file": text(),
    "validation_file": text(),
}


@dataclass(frozen=True)
class _Job:
    """A job: what describes it whatever its stage, its progress, and the name of its model once it has one."""

    described: dict[str, Any]
    training: Training
    fine_tuned: str


class FineTuningJobs:
    """The jobs of one server."""

    def __init__(self, *, files: Files, models: Models) -> None:
        self._files = files
        self._models = models
        self._jobs: BoundedStore[_Job] = BoundedStore()

    def create(self, question: Question) -> Answer:
        """Answer `POST /v1/fine_tuning/jobs`."""
        body = question.body()
        check_fields(body, PARAMETERS, required=("model", "training_file"))
        self._check(body)
        job = self._job(body, stamp=question.stamp)
        self._jobs.put(job.described["id"], job)
        return json_answer(_now(job), status=201 if question.azure else 200)

    def list(self, question: Question) -> Answer:
        """Answer `GET /v1/fine_tuning/jobs`."""
        newest_first = [_now(job) for job in self._jobs][::-1]
        return json_answer(page(newest_first, question.query, limit=20, most=100))

    def retrieve(self, question: Question) -> Answer:
        """Answer `GET /v1/fine_tuning/jobs/{id}`, one stage further."""
        job = self._found(question)
        job.training.advance()
        return json_answer(_now(job))

    def cancel(self, question: Question) -> Answer:
        """Answer `POST /v1/fine_tuning/jobs/{id}/cancel`."""
        job = self._found(question)
        job.training.cancel(question.identifier)
        return json_answer(_now(job))

    def events(self, question: Question) -> Answer:
        """Answer `GET /v1/fine_tuning/jobs/{id}/events`."""
        return json_answer(page(_events(self._found(question))[::-1], question.query, limit=20, most=100))

    def checkpoints(self, question: Question) -> Answer:
        """Answer `GET /v1/fine_tuning/jobs/{id}/checkpoints`: none before the job has succeeded."""
        found = page(_checkpoints(self._found(question))[::-1], question.query, limit=10, most=100)
        ids = [one["id"] for one in found["data"]]
        return json_answer({**found, "first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None})

    def _found(self, question: Question) -> _Job:
        job = self._jobs.get(question.identifier)
        if job is None:
            raise no_job(question.identifier)
        return job

    def _check(self, body: dict[str, Any]) -> None:
        model = body["model"]
        if not self._models.exists(model):
            raise no_model(model)
        if family_of(model) not in {None, Family.CHAT, Family.COMPLETION}:
            message = f"Model {model} is not available for fine-tuning or does not exist."
            raise ApiError(400, message, param="model", code="model_not_available")
        for name in ("training_file", "validation_file"):
            if body.get(name) is not None:
                self._files.found(body[name], param=name)
        if len(body.get("suffix") or "") > LONGEST_SUFFIX:
            raise ApiError(400, f"Invalid 'suffix': {LONGEST_SUFFIX} characters at most.", param="suffix")

    def _job(self, body: dict[str, Any], *, stamp: Stamp) -> _Job:
        model = body["model"]
        given = {name: value for name, value in (body.get("hyperparameters") or {}).items() if value != "auto"}
        described: dict[str, Any] = {
            "object": "fine_tuning.job",
            "id": f"ftjob-{stamp.number:024d}",
            "model": model,
            "created_at": stamp.created,
            "finished_at": None,
            "organization_id": "org-fake",
            "result_files": [],
            "training_file": body["training_file"],
            "validation_file": body.get("validation_file"),
            "hyperparameters": _HYPERPARAMETERS | given,
            "trained_tokens": None,
            "error": None,
            "user_provided_suffix": body.get("suffix"),
            "seed": body.get("seed") or 0,
            "estimated_finish": None,
            "integrations": body.get("integrations") or [],
            "metadata": body.get("metadata") or {},
            "method": body.get("method") or {"type": "supervised"},
        }
        base = model.split(":")[1] if model.startswith("ft:") else model
        fine_tuned = f"ft:{base}:fake:{body.get('suffix') or ''}:{stamp.number:08d}"

        def leave_model() -> None:
            self._models.add(fine_tuned)
            result = self._files.keep("results.csv", RESULTS.encode(), purpose="fine-tune-results", stamp=stamp)
            described.update(result_files=[result["id"]], finished_at=stamp.created + 60, trained_tokens=1000)

        return _Job(described, Training(_STAGES, leave_model), fine_tuned)


def _now(job: _Job) -> dict[str, Any]:
    model = job.fine_tuned if job.training.succeeded else None
    return {**job.described, "status": job.training.status, "fine_tuned_model": model}


def _events(job: _Job) -> list[dict[str, Any]]:
    """What the job has told so far, oldest first and a second apart."""
    identifier, created = job.described["id"], job.described["created_at"]
    told = [f"Created fine-tuning job: {identifier}", "Validating training file"]
    if job.training.place > 0:
        told += ["Files validated, moving job to queued state", "Fine-tuning job started"]
    if job.training.succeeded:
        told += [f"New fine-tuned model created: {job.fine_tuned}", "The job has successfully completed"]
    if job.training.cancelled:
        told.append("Fine-tuning job cancelled")
    return [
        {
            "object": "fine_tuning.job.event",
            "id": f"ftevent-{identifier.removeprefix('ftjob-')}{place:02d}",
            "created_at": created + place,
            "level": "info",
            "message": message,
            "data": {},
            "type": "message",
        }
        for place, message in enumerate(told)
    ]


def _checkpoints(job: _Job) -> list[dict[str, Any]]:
    if not job.training.succeeded:
        return []
    identifier = job.described["id"]
    return [
        {
            "object": "fine_tuning.job.checkpoint",
            "id": f"ftckpt_{identifier.removeprefix('ftjob-')}{step:02d}",
            "created_at": job.described["created_at"] + step,
            "fine_tuned_model_checkpoint": f"{job.fine_tuned}:ckpt-step-{step}",
            "fine_tuning_job_id": identifier,
            "metrics": {"step": step, "train_loss": 1 / 2**step, "train_mean_token_accuracy": 1 - 1 / 2 ** (step + 1)},
            "step_number": step,
        }
        for step in range(1, _STEPS + 1)
    ]
