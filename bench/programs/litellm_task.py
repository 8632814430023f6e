"""A task on litellm 0.1.824: chat whole and streamed, functions, async, many threads, completions, its own errors.

Not the comparing (`bench.programs_v0`). As the documentation of that release has it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import litellm

from bench.programs.telling import QUESTION, WEATHER, tell

CHAT: dict[str, Any] = {"model": "gpt-3.5-turbo", "custom_llm_provider": "openai"}
ASKED = [{"role": "user", "content": QUESTION}]
WEATHER_ASKED = [{"role": "user", "content": "What is the weather in Paris?"}]


def main() -> None:
    """Take each step."""
    tell("chat", lambda: _told(litellm.completion(**CHAT, messages=ASKED, temperature=0)))
    tell("streamed", lambda: _pieces(litellm.completion(**CHAT, messages=ASKED, stream=True)))
    tell("functions", lambda: _called(litellm.completion(**CHAT, messages=WEATHER_ASKED, functions=[WEATHER])))
    tell("async", lambda: _told(asyncio.run(_acompletion())))
    tell("async, streamed", lambda: asyncio.run(_astreamed()))
    tell("many", _many)
    tell("a wrong key", lambda: litellm.completion(**CHAT, messages=ASKED, api_key="sk-wrong-wrong-wrong"))


def _told(answer: Any) -> Any:
    return [answer["choices"][0]["message"]["content"], answer["choices"][0]["finish_reason"]]


def _called(answer: Any) -> Any:
    return dict(answer["choices"][0]["message"]["function_call"])


def _pieces(chunks: Any) -> list[Any]:
    return [each["choices"][0]["delta"].get("content") for each in chunks]


def _many() -> Any:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: _told(litellm.completion(**CHAT, messages=ASKED)), range(8)))


async def _acompletion() -> Any:
    return await litellm.acompletion(**CHAT, messages=ASKED)


async def _astreamed() -> list[Any]:
    chunks = await litellm.acompletion(**CHAT, messages=ASKED, stream=True)
    return [each["choices"][0]["delta"].get("content") async for each in chunks]


if __name__ == "__main__":
    main()
