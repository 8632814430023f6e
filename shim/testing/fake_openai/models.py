"""The models of the server: which names exist, what each is for, and the endpoints that tell of them.

`/v1/models`, `/v1/models/{id}` (also to delete a fine-tuned one) and the older `/v1/engines`, `/v1/engines/{id}`. Not what
a model answers. A name exists if a pattern has it; what it is for is told by its name, as with OpenAI's own.
"""

import enum
import fnmatch
import re
from collections.abc import Sequence
from typing import Any

from shim.testing.fake_openai.answers import Answer, ApiError, json_answer
from shim.testing.fake_openai.bounded_store import BoundedStore
from shim.testing.fake_openai.paging import listed
from shim.testing.fake_openai.question import Question

MODELS = (
    "gpt-*", "o1*", "o3*", "o4*", "chatgpt-*", "fake-*", "ft:*", "text-*", "davinci*", "curie*", "babbage*", "ada*", "code-*",
    "whisper-*", "tts-*", "dall-e-*", "omni-moderation-*",
)  # fmt: skip
# What GET /v1/models lists: patterns cannot be listed.
LISTED_MODELS = (
    "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5.4", "o3", "gpt-4", "gpt-3.5-turbo", "gpt-3.5-turbo-instruct", "davinci-002",
    "babbage-002", "text-davinci-003", "text-davinci-edit-001", "text-embedding-ada-002", "text-embedding-3-small",
    "text-moderation-latest", "omni-moderation-latest", "whisper-1", "tts-1", "dall-e-2", "dall-e-3", "fake-burst-1000",
    "fake-paced-20x100",
)  # fmt: skip
_CREATED = 1_715_367_049


class Family(enum.Enum):
    """What a model is for."""

    CHAT = "chat"
    COMPLETION = "completion"
    EDIT = "edit"
    EMBEDDING = "embedding"
    IMAGE = "image"
    MODERATION = "moderation"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"


# The first pattern that has a name decides; a name that none has serves every endpoint.
_FAMILIES = (
    (re.compile(r"text-embedding-|text-similarity-|(?:text|code)-search-"), Family.EMBEDDING),
    (re.compile(r"(?:text|code)-davinci-edit-"), Family.EDIT),
    (re.compile(r"(?:text|omni)-moderation-"), Family.MODERATION),
    (re.compile(r"whisper-|gpt-[\w.-]*transcribe"), Family.TRANSCRIPTION),
    (re.compile(r"tts-|gpt-[\w.-]*-tts"), Family.SPEECH),
    (re.compile(r"dall-e-|gpt-image-"), Family.IMAGE),
    (re.compile(r"gpt-3\.?5-turbo-instruct|text-|davinci|curie|babbage|ada\b|code-"), Family.COMPLETION),
    (re.compile(r"gpt-|o[134]|chatgpt-"), Family.CHAT),
)


def family_of(name: str) -> Family | None:
    """What a model is for, by its name or by that of the model it was fine-tuned from; None for one that does anything."""
    base = name.removeprefix("ft:")
    return next((family for pattern, family in _FAMILIES if pattern.match(base)), None)


class Models:
    """Which models exist on one server. `patterns`: their names, shell patterns allowed; None for OpenAI's own."""

    def __init__(self, patterns: Sequence[str] | None) -> None:
        self._patterns = MODELS if patterns is None else tuple(patterns)
        self._fine_tuned: BoundedStore[str] = BoundedStore()
        self._deleted: BoundedStore[str] = BoundedStore()

    def exists(self, name: str) -> bool:
        """Whether there is a model of that name."""
        if self._deleted.get(name) is not None:
            return False
        made = self._fine_tuned.get(name) is not None
        return made or any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns)

    def add(self, name: str) -> None:
        """Take in a fine-tuned model."""
        self._fine_tuned.put(name, name)

    def check(self, name: str, family: Family, *, path: str) -> None:
        """Raise the ApiError for a model that does not exist, or that is not for the endpoint at `path`."""
        if not self.exists(name):
            raise no_model(name)
        actual = family_of(name)
        if actual in {None, family}:
            return
        chat_or_completion = {Family.CHAT, Family.COMPLETION}
        if {actual, family} == chat_or_completion:
            raise _other_endpoint(actual, path=path.removeprefix("/"))
        message = f"The model `{name}` is not supported on {path}: it is a model for {actual.value if actual else '?'}."
        raise ApiError(404, message, param="model", code="model_not_found")

    def list_models(self, question: Question) -> Answer:
        """Answer `GET /v1/models`."""
        return json_answer(listed([self._model(name, question) for name in self._names()]))

    def retrieve(self, question: Question) -> Answer:
        """Answer `GET /v1/models/{id}`."""
        name = self._found(question)
        return json_answer(self._model(name, question))

    def delete(self, question: Question) -> Answer:
        """Answer `DELETE /v1/models/{id}`: only what was fine-tuned can go."""
        name = self._found(question)
        if not (name.startswith("ft:") or ":ft-" in name):
            raise ApiError(403, "You have insufficient permissions for this operation.")
        self._fine_tuned.pop(name)
        self._deleted.put(name, name)
        return json_answer({"id": name, "object": "model", "deleted": True})

    def list_engines(self, _question: Question) -> Answer:
        """Answer `GET /v1/engines`."""
        return json_answer(listed([_engine(name) for name in self._names()]))

    def retrieve_engine(self, question: Question) -> Answer:
        """Answer `GET /v1/engines/{id}`."""
        return json_answer(_engine(self._found(question)))

    def _names(self) -> list[str]:
        names = [name for name in LISTED_MODELS if self.exists(name)]
        literal = [name for name in self._patterns if not set(name) & set("*?[")]
        return [*names, *(name for name in (*literal, *self._fine_tuned) if name not in names and self.exists(name))]

    def _found(self, question: Question) -> str:
        if not self.exists(question.identifier):
            raise no_model(question.identifier)
        return question.identifier

    def _model(self, name: str, question: Question) -> dict[str, Any]:
        return _azure_model(name) if question.azure else _model(name)


def no_model(name: str, *, reason: str = " or you do not have access to it") -> ApiError:
    """The error for a model that does not exist."""
    return ApiError(404, f"The model `{name}` does not exist{reason}.", code="model_not_found")


def _other_endpoint(actual: Family | None, *, path: str) -> ApiError:
    if actual is Family.CHAT:
        message = (
            f"This is a chat model and not supported in the {path} endpoint. Did you mean to use v1/chat/completions?"
        )
    else:
        message = (
            f"This is not a chat model and thus not supported in the {path} endpoint. "
            "Did you mean to use v1/completions?"
        )
    return ApiError(404, message, param="model")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "fake-openai"}


def _azure_model(name: str) -> dict[str, Any]:
    """A model as Azure's data plane describes it (REST reference, Models - List)."""
    family = family_of(name)
    capabilities = {
        "fine_tune": family in {Family.CHAT, Family.COMPLETION},
        "inference": True,
        "completion": family is Family.COMPLETION,
        "chat_completion": family is Family.CHAT,
        "embeddings": family is Family.EMBEDDING,
    }
    times = {"created_at": _CREATED, "updated_at": _CREATED}
    state = {"lifecycle_status": "generally-available", "status": "succeeded", "deprecation": {}}
    return {"capabilities": capabilities, **state, "id": name, **times, "object": "model"}


def _engine(name: str) -> dict[str, Any]:
    return {"object": "engine", "id": name, "owner": "fake-openai", "ready": True, "created": None, "permissions": None}
