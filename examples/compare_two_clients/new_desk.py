"""The rewrite: the same help desk on the official SDK of today, with three faults; `--mended` runs it without them.

Not the old client (`old_desk`). It runs in an environment of its own, since openai 0.28 and its successors have one name;
`shim record` sees what it sends, whatever it is.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import openai
from conversations import LIMIT, MODEL, Desk, Messages, hold_conversations

TRIES = 3


class NewDesk(Desk):
    """The rewrite as it was first written."""

    def __init__(self, base_url: str, key: str) -> None:
        self._client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=30)

    def ask(self, messages: Messages) -> str:
        """Ask for a whole answer."""
        try:
            answer = self._client.chat.completions.create(messages=messages, **self._options())
        except openai.OpenAIError:
            return ""  # the second fault: whatever went wrong becomes an answer
        return str(answer.choices[0].message.content)

    def stream(self, messages: Messages) -> str:
        """Ask for an answer piece by piece."""
        text, _ = self._pieces(messages)
        return text  # the third fault: where the stream ends, the answer is taken to be over

    def _options(self) -> dict[str, Any]:
        """The first fault: the limit of the answer was lost on the way."""
        return {"model": MODEL, "temperature": 0.2, "user": "desk"}

    def _pieces(self, messages: Messages) -> tuple[str, str | None]:
        """The text of a stream, and why it ended; None where it did not say, which the SDK takes for an end like any other."""
        text, finish = "", None
        with self._client.chat.completions.create(messages=messages, stream=True, **self._options()) as chunks:
            for chunk in chunks:
                choice = chunk.choices[0]
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
        return text, finish


class MendedDesk(NewDesk):
    """The rewrite, once the comparison had told what it does otherwise."""

    def __init__(self, base_url: str, key: str) -> None:
        super().__init__(base_url, key)
        self._client = self._client.with_options(max_retries=TRIES - 1)  # the SDK asks again when the API is busy

    def ask(self, messages: Messages) -> str:
        """Ask for a whole answer, and let every failure be one."""
        answer = self._client.chat.completions.create(messages=messages, **self._options())
        return str(answer.choices[0].message.content)

    def stream(self, messages: Messages) -> str:
        """Take an answer for whole only if it says why it ended."""
        for _ in range(TRIES):
            text, finish = self._pieces(messages)
            if finish is not None:
                return text
        raise SystemExit("the answer broke off")

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "max_tokens": LIMIT}


if __name__ == "__main__":
    kind = MendedDesk if "--mended" in sys.argv else NewDesk
    hold_conversations(kind(os.environ["OPENAI_API_BASE"], os.environ["OPENAI_API_KEY"]))
