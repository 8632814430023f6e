"""A task on instructor 0.2.11: `patch()` over `openai.ChatCompletion`, answers as models of pydantic, async, streamed.

Not the comparing (`bench.programs_v0`). As the documentation of that release has it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import instructor
import openai
from pydantic import BaseModel, Field

from bench.programs.telling import QUESTION, tell

MODEL = "gpt-3.5-turbo"
ASKED = [{"role": "user", "content": "Tell me about the city of Paris in France."}]


class City(BaseModel):  # type: ignore[misc]  # not installed where the types are checked
    """A city."""

    name: str = Field(..., description="its name")
    country: str
    people: int


class Note(instructor.OpenAISchema):  # type: ignore[misc]  # not installed where the types are checked
    """A note about a city."""

    text: str


def main() -> None:
    """Take each step."""
    create = openai.ChatCompletion.create
    tell("a schema by hand", lambda: _by_hand(create))
    instructor.patch()
    tell("patched", lambda: openai.ChatCompletion.create.__name__)
    tell("a model", lambda: _model().model_dump())
    tell("with the answer", lambda: dict(getattr(_model(), "_raw_response").usage))  # noqa: B009 - instructor's name for it
    tell("async", lambda: asyncio.run(_amodel()).model_dump())
    tell("many", _many)
    tell("plain", lambda: _plain().choices[0].message.content)
    tell("streamed", lambda: [each["choices"][0]["delta"].get("content", "") for each in _plain(stream=True)])
    tell("a wrong key", lambda: _plain(api_key="sk-wrong-wrong-wrong"))


def _by_hand(create: Any) -> Any:
    answer = create(model=MODEL, messages=ASKED, functions=[Note.openai_schema], function_call={"name": "Note"})
    return Note.from_response(answer).model_dump()


def _model() -> Any:
    return openai.ChatCompletion.create(model=MODEL, response_model=City, messages=ASKED, max_retries=1)


async def _amodel() -> Any:
    return await openai.ChatCompletion.acreate(model=MODEL, response_model=City, messages=ASKED)


def _many() -> Any:
    several = instructor.MultiTask(City)
    chunks = openai.ChatCompletion.create(
        model=MODEL, messages=ASKED, stream=True, functions=[several.openai_schema], function_call={"name": "MultiCity"}
    )
    return [each.model_dump() for each in several.from_streaming_response(chunks)]


def _plain(**more: Any) -> Any:
    return openai.ChatCompletion.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}], **more)


if __name__ == "__main__":
    main()
