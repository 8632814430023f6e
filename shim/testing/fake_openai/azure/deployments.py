"""Azure's deployments: which names exist, the model behind each, and the endpoints that list, make and delete them.

`/openai/deployments` and `/openai/deployments/{id}`. Not what is asked of a deployment, which the endpoints of its model
answer. Unless a server is given names, every name is a deployment: of the model it is called after, or of a usual one.
"""

import fnmatch
from collections.abc import Sequence
from typing import Any

from shim.testing.fake_openai.answers import Answer, json_answer
from shim.testing.fake_openai.azure.errors import no_deployment
from shim.testing.fake_openai.bounded_store import BoundedStore
from shim.testing.fake_openai.models import Family, Models, family_of
from shim.testing.fake_openai.paging import listed
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.value_rules import anything, check_fields, text, thing

DEPLOYMENTS_PATH = "/openai/deployments"
# What stands behind a deployment whose name is no model's, by the endpoint that is asked.
_USUAL = {
    "/v1/audio/speech": (Family.SPEECH, "tts-1"),
    "/v1/audio/transcriptions": (Family.TRANSCRIPTION, "whisper-1"),
    "/v1/audio/translations": (Family.TRANSCRIPTION, "whisper-1"),
    "/v1/chat/completions": (Family.CHAT, "gpt-35-turbo"),
    "/v1/completions": (Family.COMPLETION, "gpt-35-turbo-instruct"),
    "/v1/embeddings": (Family.EMBEDDING, "text-embedding-ada-002"),
    "/v1/images/edits": (Family.IMAGE, "dall-e-2"),
    "/v1/images/generations": (Family.IMAGE, "dall-e-3"),
}
_PARAMETERS = {"model": text(), "scale_settings": thing(), "error": anything}


class Deployments:
    """The deployments of one server. `patterns`: names that exist, shell patterns allowed; None for any."""

    def __init__(self, patterns: Sequence[str] | None, *, models: Models) -> None:
        self._patterns = ("*",) if patterns is None else tuple(patterns)
        self._models = models
        self._made: BoundedStore[dict[str, Any]] = BoundedStore()

    def model_of(self, name: str, *, path: str) -> str:
        """The model behind a deployment, for the endpoint at `path`; ApiError 404 for a deployment that does not exist."""
        made = self._made.get(name)
        if made is not None:
            return str(made["model"])
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns):
            raise no_deployment()
        family, usual = _USUAL[path]
        return name if self._models.exists(name) and family_of(name) in {None, family} else usual

    def list(self, _question: Question) -> Answer:
        """Answer `GET /openai/deployments`: those that were made, and those with a name of their own."""
        named = [name for name in self._patterns if not set(name) & set("*?[") and self._made.get(name) is None]
        return json_answer(listed([*map(_named, named), *self._made]))

    def create(self, question: Question) -> Answer:
        """Answer `POST /openai/deployments`: ready at once."""
        body = question.body()
        check_fields(body, _PARAMETERS, required=("model", "scale_settings"))
        stamp = question.stamp
        name = f"deployment-{stamp.number:032x}"
        made = _deployment(name, body["model"], created=stamp.created) | {"scale_settings": body["scale_settings"]}
        self._made.put(name, made)
        return json_answer(made, status=201)

    def retrieve(self, question: Question) -> Answer:
        """Answer `GET /openai/deployments/{id}`."""
        return json_answer(self._found(question.identifier))

    def delete(self, question: Question) -> Answer:
        """Answer `DELETE /openai/deployments/{id}` with 204 for one that was made."""
        if self._made.pop(question.identifier) is None:
            raise no_deployment()
        return Answer(204, (), ())

    def _found(self, name: str) -> dict[str, Any]:
        made = self._made.get(name)
        if made is not None:
            return made
        if name not in self._patterns:
            raise no_deployment()
        return _named(name)


def _named(name: str) -> dict[str, Any]:
    return _deployment(name, name if family_of(name) else "gpt-35-turbo", created=1_715_367_049)


def _deployment(name: str, model: str, *, created: int) -> dict[str, Any]:
    return {
        "scale_settings": {"scale_type": "standard"},
        "model": model,
        "owner": "organization-owner",
        "id": name,
        "status": "succeeded",
        "created_at": created,
        "updated_at": created,
        "object": "deployment",
    }
