"""What a reader made of an answer: plain data that two readers can be compared by.

Not the readers (`session_reader` for any provider on a session, `codec_reader` for the codecs alone) nor the comparing
(`compare_tee`).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a reader made of an answer; plain JSON throughout, so that it can be kept and compared by path.

    Attributes:
        outcome: whether its caller got a response or an error.
        http_status: None where no head came.
        error: of an error: category, `class` of the exception, retryable, message, http_status, code, type, param,
            retry_after_ms, request_id, body (as text) and partial (what had arrived, in the form of `response`).
        response: of a response: id, model, api, service_tier, request_id, usage, extra, `raw` (length and hash of the body
            received), and `choices`, each with index, finish_reason, raw_finish_reason, text, reasoning, refusal, `tool_calls`
            (id, name, kind, extra, and arguments parsed where they are JSON, else arguments_text), `parts` (in order, what the
            rest does not tell of them), logprobs and extras.
        events: of a stream: one object per event, in order, with its `event` (the class's name) and its fields; None where
            the request was not streamed. The last one only names its kind: what it holds is `response` or `error`.
    """

    outcome: Literal["response", "error"]
    http_status: int | None = None
    error: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    events: tuple[dict[str, Any], ...] | None = None
