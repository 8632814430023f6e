"""How the calls are written down and named, and what their scripts share.

Not the calls themselves (the other modules of this package). Runs in the old library's environment too: nothing but the standard
library and `requests`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

Call = Callable[[Any], Any]
CALLS: dict[str, Call] = {}

HI = [{"role": "user", "content": "hi"}]


def call(name: str) -> Callable[[Call], Call]:
    """Note a function as the call of that name."""

    def note(act: Call) -> Call:
        CALLS[name] = act
        return act

    return note


def chat(openai: Any, **params: Any) -> Any:
    """A chat call with the usual model and messages."""
    return openai.ChatCompletion.create(**{"model": "gpt-4", "messages": HI, **params})


def achat(openai: Any, **params: Any) -> Any:
    """The same, awaited."""
    return asyncio.run(openai.ChatCompletion.acreate(**{"model": "gpt-4", "messages": HI, **params}))


def one_by_one(chunks: Any) -> list[Any]:
    """The same, taken one at a time, so that those before a fault are told."""
    got: list[Any] = []
    try:
        for each in chunks:
            got.append(each)  # noqa: PERF402 - those before a fault are told
    except Exception as raised:  # noqa: BLE001 - how it ends is what is told
        return [*got, raised]
    return got


async def adrained(openai: Any, resource: str, params: dict[str, Any]) -> list[Any]:
    got: list[Any] = []
    try:
        async for each in await getattr(openai, resource).acreate(**params):
            got.append(each)  # noqa: PERF401 - those before a fault are told
    except Exception as raised:  # noqa: BLE001 - how it ends is what is told
        return [*got, raised]
    return got


def streamed(openai: Any, **params: Any) -> Any:
    """A chat stream, chunk by chunk."""
    return one_by_one(chat(openai, stream=True, **params))


def astreamed(openai: Any, **params: Any) -> Any:
    """The same from the async generator."""
    return asyncio.run(adrained(openai, "ChatCompletion", {"model": "gpt-4", "messages": HI, "stream": True, **params}))


def azure(openai: Any, kind: str = "azure") -> None:
    openai.api_type, openai.api_version = kind, "2023-05-15"
    openai.api_base = openai.api_base.removesuffix("/v1")


def words_of(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as raised:  # noqa: BLE001 - what it is is told
        return f"{type(raised).__name__}: {raised}"


def in_new_thread(act: Callable[[], Any]) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).result()
