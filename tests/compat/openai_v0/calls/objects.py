"""Objects, errors and classes, for their habits.

Not what is answered (`replies`). Runs in the old library's environment too: nothing but the standard library and `requests`.
"""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

from tests.compat.openai_v0.calls.scripts import (
    call,
    chat,
    words_of,
)


@call("chat@object habits")
def _(openai: Any) -> Any:
    answer = chat(openai)
    told = {
        "missing attribute": words_of(lambda: answer.nothing_such),
        "missing item": words_of(lambda: answer["nothing_such"]),
        "private": words_of(lambda: answer._private),
        "get": answer.get("nothing_such", 5),
        "in": "choices" in answer,
        "shadowed": callable(answer.items),
        "del": words_of(lambda: answer.__delitem__("id")),
        "empty": words_of(lambda: setattr(answer, "id", "")),
        "openai_id": answer.openai_id,
        "typed": answer.typed_api_type.name,
        "hash": words_of(lambda: hash(answer)),
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
        words_of(lambda: error.InvalidRequestError("m")).partition(".")[2],
        words_of(error.SignatureVerificationError),
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
            "url": words_of(resource.class_url) if hasattr(resource, "class_url") else None,
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
