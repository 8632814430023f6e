"""The endpoints of `/v1/fine-tunes`, the older of the two APIs for fine-tuning. Retired by OpenAI in January 2024.

Not how a job proceeds (`training`) nor the newer API (`fine_tuning_jobs`). Per the API reference of Fine-tunes: create, list,
retrieve, cancel, delete (Azure's), and events, whole or streamed; a stream of events sees the job to its end.
"""

from dataclasses import dataclass
from typing import Any

from shim.testing.fake_openai.answers import Answer, ApiError, json_answer, stream_answer
from shim.testing.fake_openai.bounded_store import BoundedStore
from shim.testing.fake_openai.endpoints.files import Files
from shim.testing.fake_openai.endpoints.training import RESULTS, Training, no_job
from shim.testing.fake_openai.models import Models
from shim.testing.fake_openai.paging import listed
from shim.testing.fake_openai.question import Question, Stamp
from shim.testing.fake_openai.value_rules import Rule, anything, boolean, check_fields, integer, number, text

FINE_TUNES_PATH = "/v1/fine-tunes"
BASES = ("ada", "babbage", "curie", "davinci")
LONGEST_SUFFIX = 40
_STAGES = ("pending", "running", "succeeded")

PARAMETERS: dict[str, Rule] = {
    "batch_size": integer(1),
    "classification_betas": anything,
    "classification_n_classes": integer(2),
    "classification_positive_class": text(),
    "compute_classification_metrics": boolean(),
    "learning_rate_multiplier": number(0, 10),
    "model": text(),
    "n_epochs": integer(1, 50),
    "prompt_loss_weight": number(0, 1),
    "suffix": text(),
    "training_file": text(),
    "validation_file": text(),
}
_CLASSIFICATION = tuple(name for name in PARAMETERS if "classification" in name)


@dataclass(frozen=True)
class _Job:
    """A job: what describes it whatever its stage, its progress, and the name of its model once it has one."""

    described: dict[str, Any]
    training: Training
    fine_tuned: str


class FineTunes:
    """The jobs of one server."""

    def __init__(self, *, files: Files, models: Models) -> None:
        self._files = files
        self._models = models
        self._jobs: BoundedStore[_Job] = BoundedStore()

    def create(self, question: Question) -> Answer:
        """Answer `POST /v1/fine-tunes`."""
        body = question.body()
        check_fields(body, PARAMETERS, required=("training_file",))
        base = body.get("model") or "curie"
        _check_base(base)
        if len(body.get("suffix") or "") > LONGEST_SUFFIX:
            raise ApiError(400, f"Invalid 'suffix': {LONGEST_SUFFIX} characters at most.", param="suffix")
        job = self._job(body, base, stamp=question.stamp)
        self._jobs.put(job.described["id"], job)
        return json_answer(_with_events(job), status=201 if question.azure else 200)

    def list(self, _question: Question) -> Answer:
        """Answer `GET /v1/fine-tunes`, oldest first and without events."""
        return json_answer(listed([_now(job) for job in self._jobs]))

    def retrieve(self, question: Question) -> Answer:
        """Answer `GET /v1/fine-tunes/{id}`, one stage further."""
        job = self._found(question)
        job.training.advance()
        return json_answer(_with_events(job))

    def cancel(self, question: Question) -> Answer:
        """Answer `POST /v1/fine-tunes/{id}/cancel`."""
        job = self._found(question)
        job.training.cancel(question.identifier)
        return json_answer(_with_events(job))

    def events(self, question: Question) -> Answer:
        """Answer `GET /v1/fine-tunes/{id}/events`: with `stream=true`, those up to the job's end as a stream."""
        job = self._found(question)
        if question.query.get("stream", "").lower() == "true" and not question.as_json:
            job.training.finish()
            return stream_answer(_events(job))
        return json_answer(listed(_events(job)))

    def delete(self, question: Question) -> Answer:
        """Answer `DELETE /v1/fine-tunes/{id}` with 204."""
        self._found(question)
        self._jobs.pop(question.identifier)
        return Answer(204, (), ())

    def _found(self, question: Question) -> _Job:
        job = self._jobs.get(question.identifier)
        if job is None:
            raise no_job(question.identifier)
        return job

    def _job(self, body: dict[str, Any], base: str, *, stamp: Stamp) -> _Job:
        files = {name: _named_files(self._files, body, name=name) for name in ("training_file", "validation_file")}
        given = {name: body[name] for name in _CLASSIFICATION if body.get(name) is not None}
        described: dict[str, Any] = {
            "object": "fine-tune",
            "id": f"ft-{stamp.number:024d}",
            "hyperparams": {
                "n_epochs": body.get("n_epochs") or 4,
                "batch_size": body.get("batch_size") or 1,
                "prompt_loss_weight": body.get("prompt_loss_weight") or 0.01,
                "learning_rate_multiplier": body.get("learning_rate_multiplier") or 0.1,
                **given,
            },
            "organization_id": "org-fake",
            "model": base,
            "training_files": files["training_file"],
            "validation_files": files["validation_file"],
            "result_files": [],
            "created_at": stamp.created,
            "updated_at": stamp.created,
        }
        suffix = f":{body['suffix']}" if body.get("suffix") else ""
        fine_tuned = f"{base.partition(':')[0]}:ft-fake{suffix}-{stamp.number}"

        def leave_model() -> None:
            self._models.add(fine_tuned)
            result = self._files.keep("results.csv", RESULTS.encode(), purpose="fine-tune-results", stamp=stamp)
            described["result_files"] = [result]

        return _Job(described, Training(_STAGES, leave_model), fine_tuned)


def _named_files(files: Files, body: dict[str, Any], *, name: str) -> list[dict[str, Any]]:
    identifier = body.get(name)
    return [] if identifier is None else [files.found(identifier, param=name).described]


def _check_base(base: str) -> None:
    if base not in BASES and ":ft-" not in base:
        message = (
            f"Invalid base model: {base} (model must be one of {', '.join(BASES)}) "
            "or a fine-tuned model created by your organization"
        )
        raise ApiError(400, message, param="model")


def _now(job: _Job) -> dict[str, Any]:
    model = job.fine_tuned if job.training.succeeded else None
    return {**job.described, "status": job.training.status, "fine_tuned_model": model}


def _with_events(job: _Job) -> dict[str, Any]:
    return {**_now(job), "events": _events(job)}


def _events(job: _Job) -> list[dict[str, Any]]:
    """What the job has told so far, a second apart."""
    created = job.described["created_at"]
    told = [f"Created fine-tune: {job.described['id']}", "Fine-tune costs $0.00", "Fine-tune enqueued. Queue number: 0"]
    if job.training.place > 0:
        epochs = job.described["hyperparams"]["n_epochs"]
        told += ["Fine-tune started", *(f"Completed epoch {epoch + 1}/{epochs}" for epoch in range(epochs))]
    if job.training.succeeded:
        uploaded = job.described["result_files"][0]["id"]
        told += [f"Uploaded model: {job.fine_tuned}", f"Uploaded result file: {uploaded}", "Fine-tune succeeded"]
    if job.training.cancelled:
        told.append("Fine-tune cancelled")
    return [
        {"object": "fine-tune-event", "created_at": created + place, "level": "info", "message": message}
        for place, message in enumerate(told)
    ]
