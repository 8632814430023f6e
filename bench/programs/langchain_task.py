"""A task on langchain 0.0.330: chat whole and streamed, functions, an agent's round trip, async, completions, a wrong key.

Not the comparing (`bench.programs_v0`). As the documentation of that release has it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from langchain.agents import AgentType, Tool, initialize_agent
from langchain.chat_models import ChatOpenAI
from langchain.llms import OpenAI
from langchain.schema import HumanMessage, SystemMessage

from bench.programs.telling import QUESTION, WEATHER, tell

MODEL = "gpt-3.5-turbo"
ASKED = [SystemMessage(content="Be brief."), HumanMessage(content=QUESTION)]


def main() -> None:
    """Take each step."""
    chat = ChatOpenAI(model_name=MODEL, temperature=0, max_retries=1)
    tell("chat", lambda: chat(ASKED).content)
    tell("token usage", lambda: chat.generate([ASKED, ASKED]).llm_output)
    tell("streamed", lambda: [each.content for each in chat.stream(ASKED)])
    tell("functions", lambda: _called(chat.predict_messages([_weather()], functions=[WEATHER])))
    tell("functions, streamed", lambda: [_called(each) for each in chat.stream([_weather()], functions=[WEATHER])])
    tell("an agent", lambda: _agent(chat).run("What is the weather in Paris?"))
    tell("async", lambda: asyncio.run(chat.apredict(QUESTION)))
    tell("async, streamed", lambda: asyncio.run(_streamed(chat)))
    tell("async, many at once", lambda: asyncio.run(_gathered(chat)))
    tell("completion", lambda: OpenAI(model_name="gpt-3.5-turbo-instruct", max_tokens=20, max_retries=1)(QUESTION))
    tell("a wrong key", lambda: ChatOpenAI(openai_api_key="sk-wrong-wrong-wrong", max_retries=1)(ASKED))


def _weather() -> Any:
    return HumanMessage(content="What is the weather in Paris?")


def _called(message: Any) -> Any:
    return [message.content, message.additional_kwargs]


def _agent(chat: Any) -> Any:
    tool = Tool(name="get_weather", description="The weather of a city.", func=lambda city: f"sunny in {city}")
    return initialize_agent([tool], chat, agent=AgentType.OPENAI_FUNCTIONS)


async def _streamed(chat: Any) -> list[str]:
    return [each.content async for each in chat.astream(ASKED)]


async def _gathered(chat: Any) -> list[str]:
    return list(await asyncio.gather(*(chat.apredict(f"Count to {number}") for number in range(2, 7))))


if __name__ == "__main__":
    main()
