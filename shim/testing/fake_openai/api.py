"""The API's own behaviour: routes, keys, models and the default answers to what is asked of them.

Not HTTP (that is `http`) and not misbehaviour (`behaviours`). It holds a counter and the responses that were
stored, so equal requests in equal order are answered alike. Paths and headers follow the OpenAI API reference.
"""

import fnmatch
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import msgspec

from shim.testing.fake_openai.answers import Answer, ApiError, Header, error_answer, json_answer, merged, stream_answer
from shim.testing.fake_openai.chat.rendering import Stamp, completion, completion_chunks
from shim.testing.fake_openai.chat.steady import STEADY_TEXT, pace_of, steady_answer
from shim.testing.fake_openai.chat.validation import check_chat_request
from shim.testing.fake_openai.ledger import RecordedRequest
from shim.testing.fake_openai.persona.replies import replies_to
from shim.testing.fake_openai.responses.endpoint import RESPONSES_PATH, Responses

MODELS = ("gpt-*", "o1*", "o3*", "o4*", "chatgpt-*", "fake-*")
# What GET /v1/models lists: patterns cannot be listed.
LISTED_MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5.4", "o3", "fake-burst-1000", "fake-paced-20x100")
CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class Question:
    """A request, and whether a stream that it asks for is to be answered with one JSON body."""

    request: RecordedRequest
    as_json: bool = False


Handler = Callable[[Question], Answer]


class Api:
    """Answers requests as the OpenAI API would, with a small deterministic persona instead of a model.

    `api_key`: the only key accepted, None accepts any and none. `models`: names or shell patterns that exist.
    `delay`: seconds between the events of a default stream.
    """

    def __init__(self, *, api_key: str | None, models: Sequence[str] | None, delay: float) -> None:
        self._api_key = api_key
        self._models = MODELS if models is None else tuple(models)
        self._delay = delay
        self._responses = Responses(exists=self._exists, delay=delay)
        self._answered = 0
        self._routes: dict[str, dict[str, Handler]] = {
            CHAT_PATH: {"POST": self._chat},
            RESPONSES_PATH: {"POST": self._respond},
            "/v1/models": {"GET": lambda _: self._list_models()},
        }
        self._below: dict[str, dict[str, Handler]] = {
            "/v1/models/": {"GET": self._one_model},
            f"{RESPONSES_PATH}/": {"GET": self._one_response, "DELETE": self._delete_response},
        }

    def answer(self, request: RecordedRequest, *, as_json: bool = False) -> Answer:
        """The default answer; `as_json` gives one JSON body where a stream was asked for."""
        try:
            answer = self._handler(request)(Question(request, as_json))
        except ApiError as error:
            answer = error_answer(error)
        return self.stamped(answer)

    def stamped(self, answer: Answer) -> Answer:
        """The answer with the headers that every response of the API carries; those it has already win."""
        self._answered += 1
        standard: list[Header] = [
            ("date", formatdate(usegmt=True)),
            ("openai-organization", "org-fake"),
            ("openai-processing-ms", str(17 + self._answered % 7)),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-request-id", f"req_{self._answered:032x}"),
        ]
        headers = merged(standard, answer.headers)
        return Answer(answer.status, headers, answer.pieces, interval=answer.interval, shared=answer.shared)

    def _handler(self, request: RecordedRequest) -> Handler:
        above, _, last = request.path.rpartition("/")
        methods = self._routes.get(request.path) or (self._below.get(f"{above}/") if last else None)
        if methods is None:
            raise ApiError(404, f"Invalid URL ({request.method} {request.path})")
        handler = methods.get(request.method)
        if handler is None:
            message = f"{request.method} is not allowed on {request.path}; perhaps another HTTP method was meant."
            allowed = (("allow", ", ".join(methods)),)
            raise ApiError(405, message, code="method_not_supported", headers=allowed)
        self._check_key(request.headers)
        return handler

    def _check_key(self, headers: Mapping[str, str]) -> None:
        if self._api_key is None:
            return
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            message = (
                "You didn't provide an API key. Send it in an Authorization header with the Bearer scheme: "
                "Authorization: Bearer YOUR_KEY."
            )
            raise ApiError(401, message, headers=(("www-authenticate", "Bearer"),))
        if key.strip() != self._api_key:
            message = f"Incorrect API key provided: {masked(key.strip())}. Check the key and the account it belongs to."
            raise ApiError(401, message, code="invalid_api_key")

    def _list_models(self) -> Answer:
        names = [name for name in LISTED_MODELS if self._exists(name)]
        names += [name for name in self._models if name not in names and not set(name) & set("*?[")]
        return json_answer({"object": "list", "data": [_model(name) for name in names]})

    def _one_model(self, question: Question) -> Answer:
        name = _last_part(question)
        self._check_model(name)
        return json_answer(_model(name))

    def _chat(self, question: Question) -> Answer:
        body = _parsed(question.request.body)
        check_chat_request(body)
        self._check_model(body["model"])
        streamed = bool(body.get("stream")) and not question.as_json
        steady = self._steady(body) if streamed else None
        if steady is not None:
            return steady
        stamp = self._stamp()
        replies = replies_to(body, number=stamp.number)
        if streamed:
            return stream_answer(completion_chunks(body, replies, stamp=stamp), interval=self._delay)
        return json_answer(completion(body, replies, stamp=stamp))

    def _steady(self, body: dict[str, Any]) -> Answer | None:
        try:
            pace = pace_of(body["model"])
        except LookupError as error:
            raise _no_model(body["model"], reason=f": {error}") from None
        if pace is None:
            return None
        return steady_answer(body, events=pace.events, text=STEADY_TEXT, interval=pace.interval)

    def _respond(self, question: Question) -> Answer:
        body = _parsed(question.request.body)
        return self._responses.create(body, stamp=self._stamp(), as_json=question.as_json)

    def _one_response(self, question: Question) -> Answer:
        return self._responses.retrieve(_last_part(question), question.request.query)

    def _delete_response(self, question: Question) -> Answer:
        return self._responses.delete(_last_part(question))

    def _stamp(self) -> Stamp:
        return Stamp(number=self._answered + 1, created=int(time.time()))

    def _exists(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._models)

    def _check_model(self, name: str) -> None:
        if not self._exists(name):
            raise _no_model(name, reason=" or you do not have access to it")


def _no_model(name: str, *, reason: str) -> ApiError:
    return ApiError(404, f"The model `{name}` does not exist{reason}.", code="model_not_found")


def _last_part(question: Question) -> str:
    return question.request.path.rpartition("/")[2]


def masked(key: str) -> str:
    """A key as the API shows it back: the first few and the last four characters, nothing of a short one."""
    if len(key) < 12:
        return "*" * len(key)
    return key[:4] + "*" * (len(key) - 8) + key[-4:]


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = "We could not parse the JSON body of your request: the API expects one JSON object, sent as UTF-8."
        raise ApiError(400, message) from None
    if not isinstance(value, dict):
        message = f"Invalid type for the request body: expected an object, but got {_kind(value)} instead."
        raise ApiError(400, message, code="invalid_type")
    return value


def _kind(value: object) -> str:
    return "an array" if isinstance(value, list) else "a scalar"


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 1_715_367_049, "owned_by": "fake-openai"}
