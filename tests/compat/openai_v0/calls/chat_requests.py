"""Chat calls, for what they send: bodies, accounts, addresses.

Not what is answered (`replies`). Runs in the old library's environment too: nothing but the standard library and `requests`.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import os
import tempfile
from typing import Any

from tests.compat.openai_v0.calls.scripts import (
    CALLS,
    HI,
    achat,
    azure,
    call,
    chat,
    one_by_one,
)

BODIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "sampling": {"temperature": 0, "top_p": 0.5, "n": 2, "stop": ["a", "b"], "max_tokens": 5, "seed": 7},
    "nulls": {"temperature": None, "stop": None, "user": None, "functions": None},
    "empty stop": {"stop": []},
    "penalties": {"presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {50256: -100}},
    "unknown": {"safety": {"level": [1, {"a": None}]}, "stream": False},
    "functions": {"functions": [{"name": "f", "parameters": {"type": "object"}}], "function_call": {"name": "f"}},
    "no functions": {"functions": []},
    "tools": {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "tool_choice": "auto"},
    "user empty": {"user": ""},
    "response format": {"response_format": {"type": "json_object"}},
    "stream options": {"stream_options": {"include_usage": True}},
    "unicode": {"messages": [{"role": "user", "content": "Grüße, 世界 \u2028 \U0001f600"}]},
    "history": {
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "system", "content": "be kind"},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "42"},
            {"role": "assistant", "content": "x", "extra": 1},
            {"role": "user", "name": "a b", "content": [{"type": "text", "text": "y"}]},
        ]
    },
    "tuple": {"messages": tuple(HI)},
    "no messages": {"messages": []},
    "messages text": {"messages": "hi"},
    "bad role": {"messages": [{"role": "bot", "content": "x"}]},
    "no role": {"messages": [{"content": "x"}]},
    "int content": {"messages": [{"role": "user", "content": 5}]},
    "message text": {"messages": ["hi"]},
    "model empty": {"model": ""},
    "model int": {"model": 4},
    "stream text": {"stream": "false"},
    "stream none": {"stream": None},
    "nan": {"temperature": float("nan")},
    "surrogate": {"messages": [{"role": "user", "content": "\ud800"}]},
    "bytes": {"user": b"x"},
    "timeout": {"timeout": 5, "request_timeout": 20},
    "request timeout pair": {"request_timeout": (5, 20)},
    "engine": {"engine": "my engine", "model": "gpt-4"},
    "deployment": {"deployment_id": "dep"},
    "headers": {"headers": {"HTTP-Referer": "https://x", "Authorization": "Bearer own", "X-Title": "t"}},
    "headers list": {"headers": [1]},
    "headers int": {"headers": {"a": 1}},
    "account": {"api_key": "sk-per-call", "organization": "org-1", "api_version": "v9", "request_id": "rq-1"},
}
for _name, _params in BODIES.items():
    CALLS[f"chat@{_name}"] = functools.partial(chat, **_params)
    CALLS[f"chat@async {_name}"] = functools.partial(achat, **_params)


@call("chat@enum role")
def _(openai: Any) -> Any:
    class Role(str, enum.Enum):
        USER = "user"

    return chat(openai, messages=[{"role": Role.USER, "content": "x"}])


@call("chat@positional")
def _(openai: Any) -> Any:
    return openai.ChatCompletion.create("sk-pos", None, None, "rq", None, "org-pos", model="gpt-4", messages=HI)


@call("chat@message fed back")
def _(openai: Any) -> Any:
    first = chat(openai)
    return chat(openai, messages=[*HI, first.choices[0].message, dict(**first.choices[0].message)])


@call("chat@no model")
def _(openai: Any) -> Any:
    return openai.ChatCompletion.create(messages=HI)


@call("chat@engine without model")
def _(openai: Any) -> Any:
    return openai.ChatCompletion.create(engine="eng", messages=HI)


@call("chat@no key")
def _(openai: Any) -> Any:
    openai.api_key = None
    return chat(openai)


@call("chat@key with line end")
def _(openai: Any) -> Any:
    openai.api_key = "sk-line\n"
    return chat(openai)


@call("chat@double slash")
def _(openai: Any) -> Any:
    openai.api_base += "/"
    return chat(openai)


@call("chat@query in base")
def _(openai: Any) -> Any:
    openai.api_base += "?x=1"
    return chat(openai)


@call("chat@organization")
def _(openai: Any) -> Any:
    openai.organization, openai.api_version, openai.debug = "org-module", "2020", True
    return chat(openai)


@call("chat@app info")
def _(openai: Any) -> Any:
    openai.app_info = {"name": "app", "version": "1", "url": "https://app"}
    return chat(openai)


@call("chat@key file")
def _(openai: Any) -> Any:
    told = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "key")  # noqa: PTH118 - as old code has it
        for text in ("sk-file-1\n", "sk-file-2", "malformed"):
            with open(path, "w") as file:  # noqa: PTH123 - as old code has it
                file.write(text)
            openai.api_key_path = path
            try:
                told.append(chat(openai)["id"])
            except ValueError as raised:
                told.append(str(raised).replace(path, "PATH"))
    return told


for _kind in ("azure", "azure_ad", "AzureAD", "Azure"):

    @call(f"chat@{_kind}")
    def _(openai: Any, kind: str = _kind) -> Any:
        azure(openai, kind)
        return openai.ChatCompletion.create(engine="my dep", messages=HI)


@call("chat@azure deployment_id async")
def _(openai: Any) -> Any:
    azure(openai)
    return asyncio.run(openai.ChatCompletion.acreate(deployment_id="d/1", messages=HI, temperature=0.5))


@call("stream@azure")
def _(openai: Any) -> Any:
    azure(openai)
    return one_by_one(openai.ChatCompletion.create(engine="d", messages=HI, stream=True))


@call("chat@azure with model")
def _(openai: Any) -> Any:
    azure(openai)
    return chat(openai, engine="d")


@call("chat@azure per call")
def _(openai: Any) -> Any:
    base = openai.api_base.removesuffix("/v1")
    return openai.ChatCompletion.create(
        api_key="az", api_base=base, api_type="azure", api_version="v1", engine="d", messages=HI
    )


@call("chat@azure no engine")
def _(openai: Any) -> Any:
    azure(openai)
    return chat(openai)


@call("chat@azure no version")
def _(openai: Any) -> Any:
    azure(openai)
    openai.api_version = None
    return chat(openai, engine="d")


@call("chat@bad api type")
def _(openai: Any) -> Any:
    openai.api_type = "elsewhere"
    return chat(openai)


@call("chat@settings changed while awaited")
def _(openai: Any) -> Any:
    async def main() -> Any:
        openai.api_key = "sk-first"
        waiting = asyncio.ensure_future(openai.ChatCompletion.acreate(model="gpt-4", messages=HI))
        await asyncio.sleep(0)
        openai.api_key = "sk-second"
        return await waiting

    return asyncio.run(main())
