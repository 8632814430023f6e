"""A task on guidance 0.0.64: a chat template, whole, streamed and async, several answers, a wrong key.

Not the comparing (`bench.programs_v0`). As the documentation of that release has it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import guidance

from bench.programs.telling import tell

MODEL = "gpt-3.5-turbo"
CHAT = """
{{#system~}}
Be brief.
{{~/system}}
{{#user~}}
{{question}}
{{~/user}}
{{#assistant~}}
{{gen 'answer' temperature=0 max_tokens=50}}
{{~/assistant}}
"""


def main() -> None:
    """Take each step."""
    model = guidance.llms.OpenAI(MODEL, caching=False)
    tell("chat", lambda: _program(model)(question="Count to 3", silent=True)["answer"])
    tell("streamed", lambda: _streamed(model))
    tell("async", lambda: asyncio.run(_awaited(model)))
    tell("two answers", lambda: _program(model, CHAT.replace("temperature=0", "n=2"))(question="Count to 2")["answer"])
    tell("a wrong key", lambda: _program(_wrong())(question="Count to 3", silent=True)["answer"])


def _program(model: Any, text: str = CHAT, **more: Any) -> Any:
    return guidance(text, llm=model, **more)


def _streamed(model: Any) -> Any:
    seen = [part.get("answer", "") for part in _program(model)(question="Count to 4", stream=True, silent=True)]
    return [seen[-1], len(set(seen)) > 1]


async def _awaited(model: Any) -> Any:
    return (await _program(model, async_mode=True)(question="Count to 5", silent=True))["answer"]


def _wrong() -> Any:
    return guidance.llms.OpenAI(MODEL, caching=False, api_key="sk-wrong-wrong-wrong", max_retries=1)


if __name__ == "__main__":
    main()
