"""The rewrite: the same help desk on plain `requests`, with three faults; `--mended` runs it without them.

Not the old client (`old_desk`). Any client would do in its place: `shim record` sees what it sends, whatever it is.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import requests
from conversations import LIMIT, MODEL, Desk, Messages, hold_conversations

TRIES = 3


class NewDesk(Desk):
    """The rewrite as it was first written."""

    def __init__(self, base_url: str, key: str) -> None:
        self._url = f"{base_url}/chat/completions"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"

    def ask(self, messages: Messages) -> str:
        """Ask for a whole answer."""
        try:
            answer = self._post(self._body(messages))
            answer.raise_for_status()
        except requests.RequestException:
            return ""  # the second fault: whatever went wrong becomes an answer
        return str(answer.json()["choices"][0]["message"]["content"])

    def stream(self, messages: Messages) -> str:
        """Ask for an answer piece by piece."""
        text, _ = self._pieces(messages)
        return text  # the third fault: where the stream ends, the answer is taken to be over

    def _body(self, messages: Messages) -> dict[str, Any]:
        """The first fault: the limit of the answer was lost on the way."""
        return {"model": MODEL, "messages": messages, "temperature": 0.2, "user": "desk"}

    def _post(self, body: dict[str, Any]) -> requests.Response:
        return self._session.post(self._url, json=body, stream=bool(body.get("stream")), timeout=30)

    def _pieces(self, messages: Messages) -> tuple[str, str | None]:
        """The text of a stream, and why it ended; None where it did not say."""
        text, finish = "", None
        with self._post({**self._body(messages), "stream": True}) as answer:
            for line in answer.iter_lines():
                data = line.removeprefix(b"data: ")
                if line.startswith(b"data: ") and data != b"[DONE]":
                    choice = json.loads(data)["choices"][0]
                    text += choice["delta"].get("content") or ""
                    finish = choice.get("finish_reason") or finish
        return text, finish


class MendedDesk(NewDesk):
    """The rewrite, once the comparison had told what it does otherwise."""

    def ask(self, messages: Messages) -> str:
        """Ask again when the API is busy, and let every other failure be one."""
        for attempt in range(TRIES):
            answer = self._post(self._body(messages))
            if answer.status_code != requests.codes.too_many_requests:
                answer.raise_for_status()
                return str(answer.json()["choices"][0]["message"]["content"])
            time.sleep(0.05 * attempt)
        raise SystemExit("the API is busy")

    def stream(self, messages: Messages) -> str:
        """Take an answer for whole only if it says why it ended."""
        for _ in range(TRIES):
            text, finish = self._pieces(messages)
            if finish is not None:
                return text
        raise SystemExit("the answer broke off")

    def _body(self, messages: Messages) -> dict[str, Any]:
        return {**super()._body(messages), "max_tokens": LIMIT}


if __name__ == "__main__":
    kind = MendedDesk if "--mended" in sys.argv else NewDesk
    hold_conversations(kind(os.environ["OPENAI_API_BASE"], os.environ["OPENAI_API_KEY"]))
