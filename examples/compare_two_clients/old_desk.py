"""The old client: a help desk in the style of openai 0.28, which has run for years.

Not the rewrite (`new_desk`). It is told where the API is by the environment, as ever: OPENAI_API_BASE, OPENAI_API_KEY.
"""

from __future__ import annotations

import os
import time

from conversations import LIMIT, MODEL, Desk, Messages, hold_conversations

from shim.compat import openai_v0 as openai  # with the real library: import openai

TRIES = 3


class OldDesk(Desk):
    """Asks again when the API is busy, and when a stream ends without saying why."""

    def ask(self, messages: Messages) -> str:
        """Ask for a whole answer."""
        for attempt in range(TRIES):
            try:
                answer = openai.ChatCompletion.create(
                    model=MODEL, messages=messages, temperature=0.2, max_tokens=LIMIT, user="desk"
                )
                return str(answer.choices[0].message.content)
            except openai.error.RateLimitError:  # noqa: PERF203 - to try again is what the loop is for
                time.sleep(0.05 * attempt)
        raise SystemExit("the API is busy")

    def stream(self, messages: Messages) -> str:
        """Ask for an answer piece by piece."""
        for _ in range(TRIES):
            text, finish = "", None
            try:
                for chunk in openai.ChatCompletion.create(
                    model=MODEL, messages=messages, temperature=0.2, max_tokens=LIMIT, user="desk", stream=True
                ):
                    choice = chunk.choices[0]
                    text += choice.delta.get("content", "")
                    finish = choice.finish_reason or finish
            except openai.error.APIConnectionError:
                continue
            if finish is not None:
                return text
        raise SystemExit("the answer broke off")


if __name__ == "__main__":
    openai.api_base = os.environ["OPENAI_API_BASE"]
    openai.api_key = os.environ["OPENAI_API_KEY"]
    hold_conversations(OldDesk())
