"""The API's own behaviour: the table of its endpoints, keys, and the headers that every answer carries.

Not HTTP (that is `http`) and not misbehaviour (`behaviours`), nor what an endpoint answers (`chat`, `responses`, `endpoints`,
`azure`, `models`). It holds a counter and what the endpoints remember, so equal requests in equal order are answered alike.
Paths and headers follow the OpenAI API reference and, under `/openai/`, that of Azure OpenAI.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate

from shim.testing.fake_openai.address import EndpointAddress, address_of
from shim.testing.fake_openai.answers import Answer, ApiError, Header, error_answer, merged
from shim.testing.fake_openai.azure.deployments import DEPLOYMENTS_PATH, Deployments
from shim.testing.fake_openai.azure.errors import not_found
from shim.testing.fake_openai.azure.image_operations import OPERATIONS_PATH, SUBMIT_PATH, ImageOperations
from shim.testing.fake_openai.chat.endpoint import CHAT_PATH, ChatCompletions
from shim.testing.fake_openai.credentials import check_key
from shim.testing.fake_openai.endpoints.audio import TRANSCRIPTIONS_PATH, TRANSLATIONS_PATH, Audio
from shim.testing.fake_openai.endpoints.completions import COMPLETIONS_PATH, Completions
from shim.testing.fake_openai.endpoints.edits import EDITS_PATH, Edits
from shim.testing.fake_openai.endpoints.embeddings import EMBEDDINGS_PATH, Embeddings
from shim.testing.fake_openai.endpoints.files import FILES_PATH, Files
from shim.testing.fake_openai.endpoints.fine_tunes import FINE_TUNES_PATH, FineTunes
from shim.testing.fake_openai.endpoints.fine_tuning_jobs import JOBS_PATH, FineTuningJobs
from shim.testing.fake_openai.endpoints.images import FETCHED_IMAGE_PATH, IMAGES_PATH, Images
from shim.testing.fake_openai.endpoints.moderations import MODERATIONS_PATH, Moderations
from shim.testing.fake_openai.endpoints.speech import SPEECH_PATH, Speech
from shim.testing.fake_openai.ledger import RecordedRequest
from shim.testing.fake_openai.models import Models
from shim.testing.fake_openai.question import Question, Stamp
from shim.testing.fake_openai.responses.endpoint import RESPONSES_PATH, Responses
from shim.testing.fake_openai.routes import Methods, Route, Routes

_API_VERSION = re.compile(r"(?:^|&)api-version=\d{4}-\d{2}-\d{2}(?:-preview)?(?:&|$)")


class Api:
    """Answers requests as the OpenAI API would, with a small deterministic persona instead of a model.

    `api_key`: the only key accepted, None accepts any and none. `models`: names or shell patterns that exist.
    `delay`: seconds between the events of a default stream. `deployments`: names or shell patterns of Azure deployments that
    exist, None for any. `origin` says under which scheme, host and port the server is reached.
    """

    def __init__(
        self,
        *,
        api_key: str | None,
        models: Sequence[str] | None,
        delay: float,
        deployments: Sequence[str] | None = None,
        origin: Callable[[], str] = lambda: "http://127.0.0.1",
    ) -> None:
        self._api_key = api_key
        self._models = Models(models)
        self._deployments = Deployments(deployments, models=self._models)
        self._answered = 0
        self._routes = Routes(self._table(delay=delay, origin=origin))

    def _table(self, *, delay: float, origin: Callable[[], str]) -> Mapping[str, Methods]:
        models, files = self._models, Files()
        audio, images = Audio(models=models), Images(models=models, origin=origin)
        responses = Responses(models=models, delay=delay)
        return {
            CHAT_PATH: {"POST": ChatCompletions(models=models, delay=delay).create},
            RESPONSES_PATH: {"POST": responses.create},
            f"{RESPONSES_PATH}/{{id}}": {"GET": responses.retrieve, "DELETE": responses.delete},
            COMPLETIONS_PATH: {"POST": Completions(models=models, delay=delay).create},
            EMBEDDINGS_PATH: {"POST": Embeddings(models=models).create},
            MODERATIONS_PATH: {"POST": Moderations(models=models).create},
            EDITS_PATH: {"POST": Edits(models=models).create},
            TRANSCRIPTIONS_PATH: {"POST": audio.transcribe},
            TRANSLATIONS_PATH: {"POST": audio.translate},
            SPEECH_PATH: {"POST": Speech(models=models).create},
            f"{IMAGES_PATH}/generations": {"POST": images.generate},
            f"{IMAGES_PATH}/edits": {"POST": images.edit},
            f"{IMAGES_PATH}/variations": {"POST": images.vary},
            FETCHED_IMAGE_PATH: {"GET": images.fetch},
            FILES_PATH: {"GET": files.list, "POST": files.upload},
            f"{FILES_PATH}/{{id}}": {"GET": files.retrieve, "DELETE": files.delete},
            f"{FILES_PATH}/{{id}}/content": {"GET": files.content},
            **_tuning_table(FineTunes(files=files, models=models), FineTuningJobs(files=files, models=models)),
            **_model_table(models, self._deployments),
            **_operation_table(ImageOperations(images=images, origin=origin)),
        }

    def answer(self, request: RecordedRequest, *, as_json: bool = False) -> Answer:
        """The default answer; `as_json` gives one JSON body where a stream was asked for."""
        address = address_of(request.path)
        try:
            answer = self._answer(request, address, as_json=as_json)
        except ApiError as error:
            answer = error_answer(error)
        return self.stamped(answer, azure=address.azure)

    def stamped(self, answer: Answer, *, azure: bool = False) -> Answer:
        """The answer with the headers that every response of the API carries; those it has already win."""
        self._answered += 1
        request_id = f"{self._answered:032x}"
        own = _azure_headers(request_id) if azure else _openai_headers(request_id)
        standard = [("date", formatdate(usegmt=True)), ("openai-processing-ms", str(17 + self._answered % 7)), *own]
        headers = merged(standard, answer.headers)
        return Answer(answer.status, headers, answer.pieces, interval=answer.interval, shared=answer.shared)

    def endpoints(self) -> list[str]:
        """The table, one line an endpoint: its methods and its path."""
        return str(self._routes).splitlines()

    def _answer(self, request: RecordedRequest, address: EndpointAddress, *, as_json: bool) -> Answer:
        route = self._azure_route(request, address) if address.azure else self._route(request, address)
        handler = route.methods[request.method]
        stamp = Stamp(number=self._answered + 1, created=int(time.time()))
        model = self._named_model(address)
        return handler(Question(request, address, stamp, identifier=route.identifier, model=model, as_json=as_json))

    def _named_model(self, address: EndpointAddress) -> str | None:
        if address.deployment is None:
            return address.engine
        return self._deployments.model_of(address.deployment, path=address.path)

    def _route(self, request: RecordedRequest, address: EndpointAddress) -> Route:
        route = self._routes.find(address.path)
        if route is None:
            raise ApiError(404, f"Invalid URL ({request.method} {request.path})")
        if request.method not in route.methods:
            message = f"{request.method} is not allowed on {request.path}; perhaps another HTTP method was meant."
            allowed = (("allow", ", ".join(route.methods)),)
            raise ApiError(405, message, code="method_not_supported", headers=allowed)
        # Where a picture is fetched from takes no key, like the signed address that OpenAI gives.
        if not address.path.startswith("/images/"):
            check_key(request.headers, expected=self._api_key, azure=False)
        return route

    def _azure_route(self, request: RecordedRequest, address: EndpointAddress) -> Route:
        """Azure's gateway looks at the key first, and calls everything else that does not fit not found."""
        check_key(request.headers, expected=self._api_key, azure=True)
        route = self._routes.find(address.path)
        versioned = not address.needs_version or _API_VERSION.search(request.query)
        if route is None or request.method not in route.methods or not versioned:
            raise not_found()
        return route


def endpoints() -> list[str]:
    """What the server answers, one line an endpoint: its methods, and its path with `{id}` for a name or an id.

    Older and Azure's paths to the same endpoint follow it. Below `/openai/v1/` everything below `/v1/` is answered too.
    """
    table = Api(api_key=None, models=None, delay=0).endpoints()
    return [
        f"{methods} {path}" for methods, _, own in (line.rpartition(" ") for line in table) for path in _paths_to(own)
    ]


def _paths_to(path: str) -> list[str]:
    below = path.removeprefix("/v1/")
    others = (f"/v1/engines/{{id}}/{below}", f"/openai/deployments/{{id}}/{below}", f"/openai/{below}")
    return [path, *(other for other in others if below != path and address_of(other).path == path)]


def _tuning_table(fine_tunes: FineTunes, jobs: FineTuningJobs) -> Mapping[str, Methods]:
    return {
        FINE_TUNES_PATH: {"GET": fine_tunes.list, "POST": fine_tunes.create},
        f"{FINE_TUNES_PATH}/{{id}}": {"GET": fine_tunes.retrieve, "DELETE": fine_tunes.delete},
        f"{FINE_TUNES_PATH}/{{id}}/cancel": {"POST": fine_tunes.cancel},
        f"{FINE_TUNES_PATH}/{{id}}/events": {"GET": fine_tunes.events},
        JOBS_PATH: {"GET": jobs.list, "POST": jobs.create},
        f"{JOBS_PATH}/{{id}}": {"GET": jobs.retrieve},
        f"{JOBS_PATH}/{{id}}/cancel": {"POST": jobs.cancel},
        f"{JOBS_PATH}/{{id}}/events": {"GET": jobs.events},
        f"{JOBS_PATH}/{{id}}/checkpoints": {"GET": jobs.checkpoints},
    }


def _model_table(models: Models, deployments: Deployments) -> Mapping[str, Methods]:
    return {
        "/v1/models": {"GET": models.list_models},
        "/v1/models/{id}": {"GET": models.retrieve, "DELETE": models.delete},
        "/v1/engines": {"GET": models.list_engines},
        "/v1/engines/{id}": {"GET": models.retrieve_engine},
        DEPLOYMENTS_PATH: {"GET": deployments.list, "POST": deployments.create},
        f"{DEPLOYMENTS_PATH}/{{id}}": {"GET": deployments.retrieve, "DELETE": deployments.delete},
    }


def _operation_table(operations: ImageOperations) -> Mapping[str, Methods]:
    return {
        SUBMIT_PATH: {"POST": operations.submit},
        f"{OPERATIONS_PATH}/{{id}}": {"GET": operations.retrieve, "DELETE": operations.delete},
    }


def _openai_headers(request_id: str) -> list[Header]:
    return [
        ("openai-organization", "org-fake"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-request-id", f"req_{request_id}"),
    ]


def _azure_headers(request_id: str) -> list[Header]:
    return [
        ("apim-request-id", request_id),
        ("x-ms-region", "Loopback"),
        ("x-ratelimit-remaining-requests", "119"),
        ("x-ratelimit-remaining-tokens", "119986"),
        ("x-request-id", request_id),
    ]
