"""The endpoint `/v1/chat/completions`: from a checked request to a completion, its chunks, or a stream for a benchmark.

Not keys or paths (`fake_openai.api`), what is said (`fake_openai.persona`) nor how it is written (`rendering`). What came by
one of Azure's paths is answered with the results of Azure's content filter.
"""

from typing import Any

from shim.testing.fake_openai.answers import Answer, json_answer, stream_answer
from shim.testing.fake_openai.azure import content_filter
from shim.testing.fake_openai.chat.rendering import completion, completion_chunks
from shim.testing.fake_openai.chat.steady import STEADY_TEXT, pace_for, steady_answer
from shim.testing.fake_openai.chat.validation import check_chat_request
from shim.testing.fake_openai.models import Family, Models
from shim.testing.fake_openai.persona.replies import replies_to
from shim.testing.fake_openai.persona.words import text_of
from shim.testing.fake_openai.question import Question

CHAT_PATH = "/v1/chat/completions"


class ChatCompletions:
    """Answers requests for chat completions. `delay`: seconds between the events of a stream."""

    def __init__(self, *, models: Models, delay: float) -> None:
        self._models = models
        self._delay = delay

    def create(self, question: Question) -> Answer:
        """Answer `POST /v1/chat/completions`."""
        body = question.body()
        check_chat_request(body)
        if not question.azure:
            self._models.check(body["model"], Family.CHAT, path=CHAT_PATH)
        streamed = bool(body.get("stream")) and not question.as_json
        pace = pace_for(body["model"]) if streamed else None
        if pace is not None:
            return steady_answer(body, events=pace.events, text=STEADY_TEXT, interval=pace.interval)
        if question.azure:
            content_filter.check_prompt(" ".join(map(text_of, body["messages"])))
        return self._answered(body, question, streamed=streamed)

    def _answered(self, body: dict[str, Any], question: Question, *, streamed: bool) -> Answer:
        replies = replies_to(body, number=question.stamp.number)
        if streamed:
            chunks = completion_chunks(body, replies, stamp=question.stamp)
            chunks = content_filter.filtered_chunks(chunks) if question.azure else chunks
            return stream_answer(chunks, interval=self._delay)
        whole = completion(body, replies, stamp=question.stamp)
        return json_answer(content_filter.filtered(whole) if question.azure else whole)
