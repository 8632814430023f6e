"""The endpoint `/v1/responses`: makes, remembers, returns and deletes responses.

Not routing and keys (`fake_openai.api`) or which models exist (`fake_openai.models`). It remembers what it
has stored, within bounds; everything else is as deterministic as the persona.
"""

from typing import Any

from shim.testing.fake_openai.answers import Answer, ApiError, events_answer, json_answer
from shim.testing.fake_openai.chat.rendering import usage_of
from shim.testing.fake_openai.chat.steady import STEADY_TEXT, pace_of
from shim.testing.fake_openai.models import Models
from shim.testing.fake_openai.persona.replies import replies_to
from shim.testing.fake_openai.persona.words import text_of
from shim.testing.fake_openai.question import Question
from shim.testing.fake_openai.responses.as_chat import as_chat
from shim.testing.fake_openai.responses.events import events_of
from shim.testing.fake_openai.responses.history import History, Item
from shim.testing.fake_openai.responses.items import output_items
from shim.testing.fake_openai.responses.objects import begun, finished, queued, usage_from_chat
from shim.testing.fake_openai.responses.steady import steady_events
from shim.testing.fake_openai.responses.validation import check_responses_request

RESPONSES_PATH = "/v1/responses"


class Responses:
    """Answers requests to the Responses API. `delay`: seconds between the events of a stream."""

    def __init__(self, *, models: Models, delay: float) -> None:
        self._models = models
        self._delay = delay
        self._history = History()

    def create(self, question: Question) -> Answer:
        """Answer `POST /v1/responses`."""
        body = question.body()
        stamp = question.stamp
        check_responses_request(body)
        streamed = bool(body.get("stream")) and not question.as_json
        if not (question.azure or self._models.exists(body["model"])):
            raise _no_model(body["model"])
        steady = _steady(body) if streamed else None
        if steady is not None:
            return steady
        items = self._history.conversation(body)
        start = begun(body, stamp=stamp)
        end = _answered(body, start, items=items, number=stamp.number)
        if end["store"]:
            self._history.keep(end, items)
        if streamed:
            return events_answer(events_of(body, begun=start, finished=end), interval=self._delay)
        return json_answer(queued(start) if end["background"] else end)

    def retrieve(self, question: Question) -> Answer:
        """Answer `GET /v1/responses/{id}`: 404 for one that is not stored, 400 for a query that this server does not know."""
        if question.query:
            raise ApiError(400, f"This server returns whole responses only: leave out '?{question.request.query}'.")
        return json_answer(self._history.get(question.identifier))

    def delete(self, question: Question) -> Answer:
        """Answer `DELETE /v1/responses/{id}`; 404 for one that is not stored."""
        self._history.forget(question.identifier)
        return json_answer({"id": question.identifier, "object": "response", "deleted": True})


def _steady(body: dict[str, Any]) -> Answer | None:
    try:
        pace = pace_of(body["model"])
    except LookupError:
        raise _no_model(body["model"]) from None
    if pace is None:
        return None
    return steady_events(body, events=pace.events, text=STEADY_TEXT, interval=pace.interval)


def _no_model(name: str) -> ApiError:
    """An unknown model is 400 here, where Chat Completions says 404."""
    message = f"The requested model '{name}' does not exist."
    return ApiError(400, message, param="model", code="model_not_found")


def _answered(body: dict[str, Any], start: dict[str, Any], *, items: list[Item], number: int) -> dict[str, Any]:
    chat = as_chat(body, items)
    (reply,) = replies_to(chat, number=number)
    said = next((text_of(one) for one in reversed(chat["messages"]) if one["role"] == "user"), "")
    output = output_items(body, reply, number=number, said=said)
    usage = usage_from_chat(usage_of(chat, [reply]))
    return finished(start, output, usage=usage, cut=reply.finish == "length")
