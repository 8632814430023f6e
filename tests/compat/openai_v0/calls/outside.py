"""What old code does to the library from outside: replaces, wraps, subclasses, listens to its log.

Not what is answered (`replies`). Runs in the old library's environment too: nothing but the standard library and `requests`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from tests.compat.openai_v0.calls.scripts import (
    HI,
    achat,
    call,
    chat,
    in_new_thread,
    words_of,
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
        first = in_new_thread(lambda: chat(openai)["id"])
        openai.requestssession = made
        second = in_new_thread(lambda: [chat(openai)["id"], chat(openai)["id"]])
    finally:
        openai.requestssession = None
    return [first, second, seen]


def _printed(openai: Any, act: Callable[[], Any], level: Any) -> Any:
    """What is printed to stderr meanwhile, without what names the machine."""
    import contextlib
    import re

    printed = io.StringIO()
    openai.log = level
    with contextlib.redirect_stderr(printed):
        words_of(act)
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
        "bad proxy": words_of(lambda: requestor._requests_proxies_arg(5)),
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
        return [in_new_thread(lambda: [chat(openai).id, openai.Model.list().id]), len(made)]
    finally:
        openai.api_requestor._make_session = before


@call("chat@objects ask further")
def _(openai: Any) -> Any:
    engine = openai.Engine(id="e", api_key="sk-own-own-own")
    told = [
        engine.request("post", "/x", {"a": 1}),
        engine.request("get", "/y", {"q": "a b", "n": None}, plain_old_data=True),
    ]
    told.append(words_of(lambda: openai.Model().instance_url()))
    told.append(words_of(lambda: openai.Model.retrieve(5)))
    told.append(words_of(lambda: engine.request("head", "/x")))
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
