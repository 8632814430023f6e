"""The calls that are made through the real openai 0.28.1 and through ours: scripts as old code has them, by name.

Not what is answered (`replies`; the part of a name before a `@` says which). Runs in the old library's environment too: nothing
but the standard library, `requests` and the `openai` it is given.
"""

from __future__ import annotations

import asyncio
import copy
import enum
import functools
import io
import json
import os
import pickle
import tempfile
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


async def _adrained(openai: Any, resource: str, params: dict[str, Any]) -> list[Any]:
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
    return asyncio.run(
        _adrained(openai, "ChatCompletion", {"model": "gpt-4", "messages": HI, "stream": True, **params})
    )


# --- chat: what is sent ----------------------------------------------------------------------------------------------

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


def _azure(openai: Any, kind: str = "azure") -> None:
    openai.api_type, openai.api_version = kind, "2023-05-15"
    openai.api_base = openai.api_base.removesuffix("/v1")


for _kind in ("azure", "azure_ad", "AzureAD", "Azure"):

    @call(f"chat@{_kind}")
    def _(openai: Any, kind: str = _kind) -> Any:
        _azure(openai, kind)
        return openai.ChatCompletion.create(engine="my dep", messages=HI)


@call("chat@azure deployment_id async")
def _(openai: Any) -> Any:
    _azure(openai)
    return asyncio.run(openai.ChatCompletion.acreate(deployment_id="d/1", messages=HI, temperature=0.5))


@call("stream@azure")
def _(openai: Any) -> Any:
    _azure(openai)
    return one_by_one(openai.ChatCompletion.create(engine="d", messages=HI, stream=True))


@call("chat@azure with model")
def _(openai: Any) -> Any:
    _azure(openai)
    return chat(openai, engine="d")


@call("chat@azure per call")
def _(openai: Any) -> Any:
    base = openai.api_base.removesuffix("/v1")
    return openai.ChatCompletion.create(
        api_key="az", api_base=base, api_type="azure", api_version="v1", engine="d", messages=HI
    )


@call("chat@azure no engine")
def _(openai: Any) -> Any:
    _azure(openai)
    return chat(openai)


@call("chat@azure no version")
def _(openai: Any) -> Any:
    _azure(openai)
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


# --- chat: what comes of it ------------------------------------------------------------------------------------------

REPLIES = (
    "no_content text_plain text_plain_500 html html_502 empty empty_500 no_error_400 list_400 error_text error_null "
    "error_internal error_no_message error_headers error_in_200 cut redirect empty_strings "
    "status_400 status_401 status_402 status_403 status_404 status_408 status_413 status_415 status_422 status_429 "
    "status_500 status_502 status_503 status_504"
)
for _reply in REPLIES.split():
    CALLS[_reply] = chat
    CALLS[f"{_reply}@async"] = achat
    CALLS[f"{_reply}@completion"] = lambda openai: openai.Completion.create(model="m", prompt="p")

STREAMS = (
    "stream stream_resplit stream_crlf stream_no_space stream_noise stream_no_done stream_after_done stream_multi_line "
    "stream_bad_json stream_error stream_error_null stream_empty stream_cut stream_json stream_usage stream_status_429 "
    "stream_status_503 text_plain html no_content"
)
for _reply in STREAMS.split():
    CALLS[f"{_reply}@streamed"] = streamed
    CALLS[f"{_reply}@astreamed"] = astreamed

CALLS["stream@asked whole"] = chat
CALLS["silent@timeout"] = lambda openai: chat(openai, request_timeout=0.3)
CALLS["silent@async timeout"] = lambda openai: achat(openai, request_timeout=0.3)
CALLS["silent@stream timeout"] = lambda openai: streamed(openai, request_timeout=0.3)
CALLS["silent@completion timeout"] = lambda openai: openai.Completion.create(model="m", prompt="p", request_timeout=0.3)
CALLS["stream_stall@streamed"] = lambda openai: streamed(openai, request_timeout=0.4)
CALLS["stream_stall@astreamed"] = lambda openai: astreamed(openai, request_timeout=0.4)
CALLS["status_409@timeout"] = lambda openai: chat(openai, timeout=-1)
CALLS["status_409@async timeout"] = lambda openai: achat(openai, timeout=-1)


@call("chat@refused connection")
def _(openai: Any) -> Any:
    openai.api_base = "http://127.0.0.1:9/v1"
    try:
        chat(openai)
    except openai.error.APIConnectionError as raised:
        return [type(raised).__name__, str(raised)[:31], raised.should_retry]


@call("chat@module constant")
def _(openai: Any) -> Any:
    openai.api_base = openai.api_base.replace("/s/chat", "/s/silent")
    before = openai.api_requestor.TIMEOUT_SECS
    openai.api_requestor.TIMEOUT_SECS = 0.3
    try:
        return chat(openai)
    finally:
        openai.api_requestor.TIMEOUT_SECS = before


@call("stream@generator")
def _(openai: Any) -> Any:
    chunks = chat(openai, stream=True)
    first = next(chunks)
    chunks.close()
    return [type(chunks).__name__, hasattr(chunks, "__enter__"), first, list(chunks)]


# --- objects ---------------------------------------------------------------------------------------------------------


def _raised(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as raised:  # noqa: BLE001 - what it is is told
        return f"{type(raised).__name__}: {raised}"


@call("chat@object habits")
def _(openai: Any) -> Any:
    answer = chat(openai)
    told = {
        "missing attribute": _raised(lambda: answer.nothing_such),
        "missing item": _raised(lambda: answer["nothing_such"]),
        "private": _raised(lambda: answer._private),
        "get": answer.get("nothing_such", 5),
        "in": "choices" in answer,
        "shadowed": callable(answer.items),
        "del": _raised(lambda: answer.__delitem__("id")),
        "empty": _raised(lambda: setattr(answer, "id", "")),
        "openai_id": answer.openai_id,
        "typed": answer.typed_api_type.name,
        "hash": _raised(lambda: hash(answer)),
        "equal": answer == json.loads(json.dumps(answer)),
        "dict": sorted(dict(**answer)),
        "list": type(answer.choices).__name__,
        "to_dict": {name: type(each).__name__ for name, each in answer.to_dict().items()},
        "copied": [copy.copy(answer), copy.deepcopy(answer)],
        "copied class": [type(copy.copy(answer)).__name__, type(copy.deepcopy(answer).choices[0]).__name__],
    }
    answer.own = {"a": 1}
    told["set"] = [answer["own"], type(answer.own).__name__, answer.pop("own")]
    thawed = pickle.loads(pickle.dumps(answer))  # noqa: S301 - pickled the line before
    told["pickled"] = [type(thawed).__name__, thawed == answer, thawed.response_ms, thawed.organization]
    return told


@call("chat@object made")
def _(openai: Any) -> Any:
    made = openai.openai_object.OpenAIObject("an id")
    built = openai.openai_object.OpenAIObject.construct_from({"object": "engine", "x": {"y": ""}}, "sk-k")
    converted = openai.util.convert_to_openai_object({"object": "model", "id": "m", "a": [{"b": []}]}, "k", "v", "o")
    return [made, built, converted, openai.util.convert_to_dict(built), openai.util.merge_dicts({"a": 1}, {"a": 2})]


@call("chat@errors made")
def _(openai: Any) -> Any:
    error = openai.error
    body = {"error": {"type": "t", "code": "c"}}
    made = [
        error.OpenAIError(),
        error.RateLimitError(),
        error.RateLimitError("m", json_body=body),
        error.APIError({"a": 1}),
        error.APIError("m", b"\xff", 500, body, {"request-id": "r"}, "code"),
        error.AuthenticationError(message="m"),
        error.Timeout("m", headers={"a": "b"}),
        error.APIConnectionError("m", should_retry=True),
        error.InvalidRequestError("m", "p", "c", "b", 400, body, {}),
        error.SignatureVerificationError("m", "sig", b"body"),
    ]
    thawed = [pickle.loads(pickle.dumps(each)) for each in made[1:3] + made[-2:]]  # noqa: S301 - pickled just now
    refused = [
        _raised(lambda: error.InvalidRequestError("m")).partition(".")[2],
        _raised(error.SignatureVerificationError),
    ]
    return {"made": made, "repr": [repr(each) for each in made], "thawed": thawed, "refused": refused[:1]}


RESOURCES = (
    "ChatCompletion Completion Embedding Edit Image Audio File Model Moderation Engine Deployment Customer FineTune "
    "FineTuningJob ErrorObject"
)


@call("chat@classes")
def _(openai: Any) -> Any:
    import inspect

    told: dict[str, Any] = {}
    for name in RESOURCES.split():
        resource = getattr(openai, name)
        told[name] = {
            "mro": [f"{each.__module__}.{each.__name__}" for each in resource.__mro__],
            "object name": getattr(resource, "OBJECT_NAME", None),
            "url": _raised(resource.class_url) if hasattr(resource, "class_url") else None,
            "methods": {
                each: [
                    str(inspect.signature(method)).split("->")[0].replace(": ", ":"),
                    inspect.iscoroutinefunction(method),
                ]
                for each in sorted(dir(resource))
                if callable(method := inspect.getattr_static(resource, each, None).__get__(None, resource))
                if not each.startswith("_") and each not in dir(dict) and hasattr(method, "__func__")
            },
        }
        for method in told[name]["methods"].values():
            method[0] = "(*args, **kwargs)" if method[0] == "(*args, **kwargs)" else _names_of(method[0])
    create = openai.ChatCompletion.create
    told["create"] = [
        create.__func__.__name__,
        create.__module__,
        create.__qualname__,
        openai.ChatCompletion.__module__,
    ]
    return told


def _names_of(signature: str) -> str:
    """The names of parameters and whether they have a default, without annotations."""
    import re

    inner = re.sub(r"\[[^\]]*\]", "", signature.strip().strip("()"))
    return ", ".join(
        part.split(":")[0].split("=")[0].strip() + ("=" if "=" in part else "")
        for part in re.split(r",(?![^\[]*\])", inner)
    )


@call("chat@replaced")
def _(openai: Any) -> Any:
    seen = []
    whole, convert = openai.ChatCompletion.create, openai.util.convert_to_openai_object

    class Own(openai.ChatCompletion):  # type: ignore[misc]  # whichever library it is
        @classmethod
        def create(cls, *args: Any, **kwargs: Any) -> Any:
            seen.append("own")
            return super().create(*args, **kwargs)

    def counting(*args: Any, **kwargs: Any) -> Any:
        seen.append("convert")
        return convert(*args, **kwargs)

    openai.util.convert_to_openai_object = counting

    def replacing(**kwargs: Any) -> Any:
        seen.append("replaced")
        return whole(**kwargs)

    openai.ChatCompletion.create = replacing
    try:
        chat(openai)
        Own.create(model="gpt-4", messages=HI)
    finally:
        del openai.ChatCompletion.create
        openai.util.convert_to_openai_object = convert
        openai.ChatCompletion.create = whole
    return [seen.count("own"), seen.count("replaced"), "convert" in seen]


@call("chat@sessions")
def _(openai: Any) -> Any:
    import requests

    def refreshed(request: Any) -> Any:
        request.headers["Authorization"] = "Bearer fresh"
        return request

    def made() -> requests.Session:
        seen.append("made")
        return requests.Session()

    session = requests.Session()
    seen: list[str] = []
    session.headers["X-Session"] = "s"
    session.hooks["response"].append(lambda response, *_args, **_kwargs: seen.append(response.text[:5]))
    session.auth = refreshed
    openai.requestssession = session
    try:
        first = _in_new_thread(lambda: chat(openai)["id"])
        openai.requestssession = made
        second = _in_new_thread(lambda: [chat(openai)["id"], chat(openai)["id"]])
    finally:
        openai.requestssession = None
    return [first, second, seen]


def _in_new_thread(act: Callable[[], Any]) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).result()


# --- the other endpoints ---------------------------------------------------------------------------------------------


def _file(name: str = "voice.mp3") -> io.BytesIO:
    file = io.BytesIO(b"bytes")
    file.name = name
    return file


OTHERS: dict[str, Call] = {
    "completion": lambda openai: openai.Completion.create(model="m", prompt=["a", "b"], max_tokens=1, logprobs=1),
    "completion@engine": lambda openai: openai.Completion.create(engine="davinci", prompt="p"),
    "stream_text": lambda openai: one_by_one(openai.Completion.create(model="m", prompt="p", stream=True)),
    "embedding": lambda openai: openai.Embedding.create(model="ada", input=["a"]),
    "embedding@engine": lambda openai: openai.Embedding.create(engine="ada", input="a"),
    "embedding@base64": lambda openai: openai.Embedding.create(model="ada", input="a", encoding_format="base64"),
    "embedding@float": lambda openai: openai.Embedding.create(model="ada", input="a", encoding_format="float"),
    "embedding_list": lambda openai: openai.Embedding.create(model="ada", input="a"),
    "moderation": lambda openai: openai.Moderation.create("text"),
    "moderation@model": lambda openai: openai.Moderation.create(["t"], "text-moderation-latest", "sk-m"),
    "moderation@bad model": lambda openai: openai.Moderation.create("text", model="omni"),
    "models": lambda openai: openai.Model.list(),
    "models@account": lambda openai: openai.Model.list("sk-l", "rq", None, "org", limit=3, after=None),
    "model": lambda openai: openai.Model.retrieve("ft:gpt/1"),
    "deleted": lambda openai: openai.Model.delete("m-1"),
    "engines": lambda openai: openai.Engine.list(),
    "engine": lambda openai: openai.Engine.retrieve("davinci"),
    "engine@generate": lambda openai: openai.Engine("davinci").generate(prompt="p"),
    "edit": lambda openai: openai.Edit.create(model="e", input="i", instruction="fix"),
    "audio": lambda openai: openai.Audio.transcribe("whisper-1", _file(), language="en", temperature=0),
    "audio@translate": lambda openai: openai.Audio.translate("whisper-1", _file()),
    "audio_text": lambda openai: openai.Audio.transcribe("whisper-1", _file(), response_format="text"),
    "audio@raw": lambda openai: openai.Audio.transcribe_raw("whisper-1", b"bytes", "v.wav"),
    "audio@no name": lambda openai: openai.Audio.transcribe("whisper-1", b"bytes"),
    "image": lambda openai: openai.Image.create(prompt="p", n=1, size="256x256"),
    "image@edit": lambda openai: openai.Image.create_edit(image=b"png", mask=b"m", prompt="p", n="1"),
    "image@variation": lambda openai: openai.Image.create_variation(image=b"png", n="2", size="s"),
    "file": lambda openai: openai.File.create(file=io.BytesIO(b"{}"), purpose="fine-tune"),
    "file@named": lambda openai: openai.File.create(b"{}", "fine-tune", user_provided_filename="a.jsonl", model="m"),
    "file@retrieve": lambda openai: openai.File.retrieve("file-1"),
    "file@delete": lambda openai: openai.File.delete("file-1"),
    "files": lambda openai: openai.File.list(),
    "files@matching": lambda openai: openai.File.find_matching_files("/x/a.jsonl", 3, "p"),
    "download": lambda openai: openai.File.download("file-1"),
    "status_404@download": lambda openai: openai.File.download("file-1"),
    "fine_tune": lambda openai: openai.FineTune.create(training_file="f", model="ada"),
    "fine_tune@retrieve": lambda openai: openai.FineTune.retrieve("ft-1"),
    "fine_tune@cancel": lambda openai: openai.FineTune.cancel("ft-1"),
    "fine_tunes": lambda openai: openai.FineTune.list(),
    "fine_tunes@events": lambda openai: openai.FineTune.list_events("ft-1"),
    "fine_tune_events": lambda openai: one_by_one(openai.FineTune.stream_events("ft-1")),
    "job": lambda openai: openai.FineTuningJob.create(training_file="f", model="gpt-3.5-turbo"),
    "job@retrieve": lambda openai: openai.FineTuningJob.retrieve("ftjob-1"),
    "job@cancel": lambda openai: openai.FineTuningJob.cancel("ftjob-1"),
    "jobs": lambda openai: openai.FineTuningJob.list(limit=2),
    "jobs@events": lambda openai: openai.FineTuningJob.list_events("ftjob-1", limit=2),
    "jobs@paging": lambda openai: list(openai.FineTuningJob.auto_paging_iter()),
    "chat@customer": lambda openai: openai.Customer.create("c", "do", x=1),
    "chat@deployment list": lambda openai: openai.Deployment.list(),
    "chat@deployment make": lambda openai: openai.Deployment.create(model="m"),
}
CALLS.update(OTHERS)


@call("model@azure list")
def _(openai: Any) -> Any:
    _azure(openai)
    return [
        openai.Model.retrieve("m"),
        _raised(lambda: openai.Deployment.create(model="m", scale_settings={"scale_type": "manual"})),
        openai.Deployment.create(model="m", scale_settings={"scale_type": "standard"}),
        openai.Embedding.create(engine="e", input="x", encoding_format="float"),
        _raised(lambda: openai.Edit.create(engine="e", input="x", instruction="y")),
    ]


@call("audio@azure")
def _(openai: Any) -> Any:
    _azure(openai)
    return openai.Audio.transcribe("whisper-1", _file(), deployment_id="w")


AWAITED: dict[str, Callable[[Any], Any]] = {
    "completion": lambda openai: openai.Completion.acreate(model="m", prompt="p"),
    "embedding": lambda openai: openai.Embedding.acreate(model="ada", input="a"),
    "moderation": lambda openai: openai.Moderation.acreate("text"),
    "models": lambda openai: openai.Model.alist(),
    "model": lambda openai: openai.Model.aretrieve("m"),
    "edit": lambda openai: openai.Edit.acreate(model="e", input="i", instruction="x"),
    "audio": lambda openai: openai.Audio.atranscribe("whisper-1", _file()),
    "image": lambda openai: openai.Image.acreate(prompt="p"),
    "image@variation": lambda openai: openai.Image.acreate_variation(image=b"png", n="1"),
    "file": lambda openai: openai.File.acreate(b"{}", "fine-tune"),
    "fine_tunes": lambda openai: openai.FineTune.alist(),
    "jobs": lambda openai: openai.FineTuningJob.alist(),
    "job": lambda openai: openai.FineTuningJob.acreate(training_file="f", model="m"),
}
for _name, _act in AWAITED.items():

    @call(f"{_name} async" if "@" in _name else f"{_name}@async")
    def _(openai: Any, act: Callable[[Any], Any] = _act) -> Any:
        async def main() -> Any:
            return await act(openai)

        return asyncio.run(main())


CALLS["stream_text@async"] = lambda openai: asyncio.run(
    _adrained(openai, "Completion", {"model": "m", "prompt": "p", "stream": True})
)


# --- what is done to the library from outside --------------------------------------------------------------------------


def _printed(openai: Any, act: Callable[[], Any], level: Any) -> Any:
    """What is printed to stderr meanwhile, without what names the machine."""
    import contextlib
    import re

    printed = io.StringIO()
    openai.log = level
    with contextlib.redirect_stderr(printed):
        _raised(act)
    return re.sub(r"127\.0\.0\.1:\d+", "HOST", printed.getvalue()).splitlines()


@call("chat@log info")
def _(openai: Any) -> Any:
    return [_printed(openai, lambda: chat(openai), "info"), _printed(openai, lambda: achat(openai), "info")]


@call("status_429@log info")
def _(openai: Any) -> Any:
    return [_printed(openai, lambda: chat(openai), "info"), _printed(openai, lambda: chat(openai), "warning")]


@call("chat@log debug")
def _(openai: Any) -> Any:
    printed = _printed(openai, lambda: chat(openai), "debug")
    return [each.partition(" ")[0] if "body=" in each or "data=" in each else each for each in printed]


@call("stream@log debug")
def _(openai: Any) -> Any:
    got: list[Any] = []
    _printed(openai, lambda: got.extend(chat(openai, stream=True)), "debug")
    return got


@call("chat@logger")
def _(openai: Any) -> Any:
    import logging

    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.levelname + " " + record.getMessage().partition("path=")[0])  # type: ignore[method-assign]  # to see them
    logger = logging.getLogger("openai")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        chat(openai)
        achat(openai)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    return records


@call("chat@small parts")
def _(openai: Any) -> Any:
    requestor, util = openai.api_requestor, openai.util
    return {
        "logfmt": util.logfmt({"b": "two words", "a": b"bytes", "c d": 1}),
        "types": [util.ApiType.from_str(each).name for each in ("azure", "Azure_AD", "azuread", "OPENAI", "open_ai")],
        "key headers": [util.api_key_to_header(each, "k") for each in util.ApiType],
        "payloads": [
            requestor.parse_stream_helper(each)
            for each in (b"data: x", b"data:x", b"data:  x", b"data: [DONE]", b"data:[DONE]", b": c", b"", b"event: e")
        ],
        "url": [requestor._build_api_url("http://h/p?a=1", "b=2"), requestor._build_api_url("http://h/p", "b=2")],
        "app": requestor.APIRequestor.format_app_info({"name": "n", "version": "", "url": "u"}),
        "constants": [requestor.TIMEOUT_SECS, requestor.MAX_CONNECTION_RETRIES, requestor.MAX_SESSION_LIFETIME_SECS],
        "version": [openai.VERSION, openai.__version__, openai.version.VERSION],
        "classes": sorted(openai.object_classes.OBJECT_CLASSES),
        "proxies": [requestor._requests_proxies_arg(each) for each in (None, "u", {"https": "v"})],
        "bad proxy": _raised(lambda: requestor._requests_proxies_arg(5)),
        "moderation": openai.Moderation.VALID_MODEL_NAMES,
    }


@call("chat@own resource")
def _(openai: Any) -> Any:
    base = openai.api_resources.abstract.engine_api_resource.EngineAPIResource

    class Goose(base):  # type: ignore[misc,valid-type]  # whichever library it is
        OBJECT_NAME = "goose.completions"

        @classmethod
        def class_url(cls, engine: Any = None, api_type: Any = None, api_version: Any = None) -> str:
            return f"/own/{engine}/{super().class_url(engine, api_type, api_version)}"

    told = [Goose.create(engine="g", prompt="p"), Goose.create(model="g", prompt="p", plain=1)]
    completion = openai.api_resources.completion.Completion
    before = completion.__bases__
    completion.__bases__ = (Goose,)
    try:
        told.append(openai.Completion.create(engine="g", prompt="p"))
    finally:
        completion.__bases__ = before
    return told


@call("chat@requestor wrapped")
def _(openai: Any) -> Any:
    requestor = openai.api_requestor.APIRequestor
    seen: list[Any] = []
    before = {name: getattr(requestor, name) for name in ("request", "_prepare_request_raw", "_interpret_response")}

    def wrapping(name: str) -> Any:
        def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append([name, len(args), sorted(kwargs)])
            return before[name](self, *args, **kwargs)

        return wrapped

    for name in before:
        setattr(requestor, name, wrapping(name))
    try:
        chat(openai)
        openai.Model.list()
    finally:
        for name, method in before.items():
            setattr(requestor, name, method)
    return seen


@call("chat@session factory replaced")
def _(openai: Any) -> Any:
    import requests

    before, made = openai.api_requestor._make_session, []

    def making() -> Any:
        made.append(1)
        return requests.Session()

    openai.api_requestor._make_session = making
    try:
        return [_in_new_thread(lambda: [chat(openai).id, openai.Model.list().id]), len(made)]
    finally:
        openai.api_requestor._make_session = before


@call("chat@objects ask further")
def _(openai: Any) -> Any:
    engine = openai.Engine(id="e", api_key="sk-own-own-own")
    told = [
        engine.request("post", "/x", {"a": 1}),
        engine.request("get", "/y", {"q": "a b", "n": None}, plain_old_data=True),
    ]
    told.append(_raised(lambda: openai.Model().instance_url()))
    told.append(_raised(lambda: openai.Model.retrieve(5)))
    told.append(_raised(lambda: engine.request("head", "/x")))
    told.append(openai.Model.retrieve("m", api_key="sk-two-two-two", request_id="r", request_timeout=9))
    return told


@call("chat@names")
def _(openai: Any) -> Any:
    return [name for name in NAMES.split() if not hasattr(openai, name)]


NAMES = (
    "APIError Audio ChatCompletion Completion Customer Deployment Edit Embedding Engine ErrorObject File FineTune "
    "FineTuningJob Image InvalidRequestError Model Moderation OpenAIError VERSION aiosession api_base api_key api_key_path "
    "api_requestor api_resources api_type api_version app_info ca_bundle_path datalib debug enable_telemetry error log "
    "openai_object openai_response organization proxy requestssession util verify_ssl_certs version"
)
