"""Exchanges that ask this or that, on either API, and files of them: for the tests of two recordings.

Not the answers (`tests.helpers.exchanges` has them).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shim.recording.exchange import Exchange
from shim.recording.files import encode_exchange
from tests.helpers.exchanges import ANSWER, exchange

RESPONSES_URL = "https://api.openai.com/v1/responses"
EMBEDDINGS_URL = "https://api.openai.com/v1/embeddings"

RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-4o",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hello.", "annotations": []}],
        }
    ],
    "usage": {"input_tokens": 8, "output_tokens": 2, "total_tokens": 10},
}


def body(question: str = "Hi", *, system: str = "", **fields: Any) -> dict[str, Any]:
    """The body of a question on Chat Completions; a field of None is left out."""
    before = [{"role": "system", "content": system}] if system else []
    told = {
        "model": "gpt-4o",
        "messages": [*before, {"role": "user", "content": question}],
        "temperature": 0.7,
        **fields,
    }
    return {name: value for name, value in told.items() if value is not None}


def ask(question: str = "Hi", *, pair_id: str = "", answer: Exchange | None = None, **fields: Any) -> Exchange:
    """An exchange that asks it; `answer`: one whose answer it has."""
    made = exchange(body(question, **fields), pair_id=pair_id)
    if answer is None:
        return made
    kept: dict[str, Any] = {
        "response": answer.response,
        "ended": answer.ended,
        "fault": answer.fault,
        "finished": answer.finished,
    }
    return exchange(body(question, **fields), pair_id=pair_id, **kept)


def ask_responses(question: str = "Hi", **fields: Any) -> Exchange:
    """The same question on the Responses API."""
    asked = {"model": "gpt-4o", "input": question, "temperature": 0.7, "store": False, **fields}
    return exchange(asked, json.dumps(RESPONSE).encode(), url=RESPONSES_URL, pair_id="")


def recording(path: Path, *exchanges: Exchange, more: bytes = b"") -> str:
    """A file of these exchanges, and more bytes behind them."""
    path.write_bytes(b"".join(map(encode_exchange, exchanges)) + more)
    return str(path)


def answered(text: str = "Hello.", *, reason: str = "stop", seconds: float = 1.0, status: int = 200) -> Exchange:
    """An exchange to take an answer from."""
    choice = {**ANSWER["choices"][0], "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    answer = {**ANSWER, "choices": [choice]} if status == 200 else {"error": {"message": text}}
    return exchange({}, json.dumps(answer).encode(), status=status, finished=seconds)
