"""Bad input: what was tried and what the user sees, as a table; run as a module it prints itself as Markdown.

Not the checks (`shim.model.checks`, `legacy_openai.http_request`): `test_bad_input` holds every row against its promise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from msgspec import UNSET
from msgspec.structs import replace

from shim.legacy_adapter import LegacyProvider
from shim.model import (
    AudioPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    MissingCredentialsError,
    ModelRequest,
    OpaquePart,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    ToolDefinition,
    UnsupportedFeatureError,
    assistant,
    tool_result,
    user,
)
from shim.provider import ProviderClosedError

Attempt: TypeAlias = Callable[[str], object]
HELLO = ModelRequest("gpt-4o-mini", (user("Hello"),))
LONGEST_SHOWN = 60
LOOPED: dict[str, Any] = {}
LOOPED["self"] = LOOPED


@dataclass(frozen=True)
class Row:
    """One attempt: it gets the server's base URL, and raises `error` with all `words` in its text."""

    tried: str
    attempt: Attempt
    error: type[Exception]
    words: tuple[str, ...]


def ignore(_anything: object) -> None:
    """A callback that is never called."""


def asking(request: Any, *, stream: bool = False, **settings: Any) -> Attempt:
    """Start a request with a provider of these settings."""

    def attempt(base_url: str) -> object:
        with LegacyProvider(**{"api_key": "sk-test", "base_url": base_url, **settings}) as provider:
            if stream:
                return provider.start_stream(request, ignore, ignore)
            return provider.start_request(request, ignore)

    return attempt


def field(name: str, value: Any, *words: str) -> Row:
    """A field of the request with a value of a wrong kind."""
    shown = repr(value)
    shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
    # What is wrong inside `extra_body` is named by its own place in the body.
    own = () if name == "extra_body" and words else (name,)
    return Row(f"`{name}={shown}`", asking(replace(HELLO, **{name: value})), InvalidRequestError, (*own, *words))


def message(tried: str, given: Any, *words: str) -> Row:
    """A conversation whose second message is wrong."""
    request = replace(HELLO, messages=(user("Hello"), given))
    return Row(tried, asking(request), InvalidRequestError, ("messages[1]", *words))


def setting(tried: str, error: type[Exception] = InvalidRequestError, *words: str, **settings: Any) -> Row:
    """A provider with a setting that cannot be used."""
    return Row(tried, asking(HELLO, **settings), error, words or tuple(settings))


def closed(act: Callable[[LegacyProvider], object]) -> Attempt:
    """Use a provider after its `close()`."""

    def attempt(base_url: str) -> object:
        provider = LegacyProvider(api_key="sk-test", base_url=base_url)
        provider.close()
        return act(provider)

    return attempt


def callback(kind: str) -> Attempt:
    """Give None where a callback belongs."""

    def attempt(base_url: str) -> object:
        with LegacyProvider(api_key="sk-test", base_url=base_url) as provider:
            missing: Any = None
            if kind == "on_event":
                return provider.start_stream(HELLO, missing, ignore)
            return provider.start_request(HELLO, missing)

    return attempt


NAN, INFINITE = float("nan"), float("inf")

CREDENTIALS = (
    setting("no key, neither given nor in the environment", MissingCredentialsError, "OPENAI_API_KEY", api_key=None),
    setting("an empty key", MissingCredentialsError, "OPENAI_API_KEY", api_key=""),
    setting("a key with a newline, as read from a file", InvalidRequestError, "api_key", "line", api_key="sk-test\n"),
    setting("a key of bytes", InvalidRequestError, "api_key", "bytes", api_key=b"sk-test"),
    setting("a key with letters no header can carry", InvalidRequestError, "api_key", api_key="sk-тест"),
)
SETTINGS = (
    setting("`base_url='api.openai.com/v1'`", base_url="api.openai.com/v1"),
    setting("`base_url='ftp://…'`", InvalidRequestError, "base_url", "https://", base_url="ftp://127.0.0.1/v1"),
    setting("a `base_url` with a space", base_url="http://127.0.0.1/v 1"),
    setting("a `base_url` with a user and password in it", InvalidRequestError, "base_url", base_url="http://a:b@c/v1"),
    setting("`base_url=7`", base_url=7),
    setting("`connect_timeout=0`", connect_timeout=0),
    setting("`read_timeout=-1`", read_timeout=-1),
    setting("`read_timeout='5'`", read_timeout="5"),
    setting("`default_temperature='warm'`", default_temperature="warm"),
    setting("`default_temperature=nan`", default_temperature=NAN),
    setting("`organization` with a newline", organization="org\r\nX-Evil: 1"),
    setting("`project=7`", project=7),
    setting("`proxies='http://…'`", proxies="http://127.0.0.1:1"),
    setting("`max_concurrency=0`", ValueError, "max_concurrency", max_concurrency=0),
    setting("`max_concurrency=True`", ValueError, "max_concurrency", max_concurrency=True),
    setting("`session='x'`", ValueError, "session", session="x"),
    setting("a misspelt setting", TypeError, "timeuot", timeuot=1),
)
WHOLE = (
    Row("a dict for the request", asking({"model": "m"}), InvalidRequestError, ("request", "dict", "ModelRequest")),
    Row("None for the request", asking(None, stream=True), InvalidRequestError, ("request", "None")),
    Row("None for `on_event`", callback("on_event"), TypeError, ("on_event", "None")),
    Row("None for `on_completion`", callback("on_completion"), TypeError, ("on_completion", "None")),
)
MESSAGES = (
    Row("no messages", asking(replace(HELLO, messages=())), InvalidRequestError, ("messages", "empty")),
    Row("None for the messages", asking(replace(HELLO, messages=None)), InvalidRequestError, ("messages", "None")),
    Row("a string for the messages", asking(replace(HELLO, messages="Hi")), InvalidRequestError, ("messages", "str")),
    message("a dict for a message", {"role": "user", "content": "Hi"}, "dict", "parse_request"),
    message("an unknown role", Message("robot", (TextPart("x"),)), "'robot'", "assistant"),  # type: ignore[arg-type]  # bad on purpose
    message("a role of a wrong kind", Message(7, (TextPart("x"),)), "role", "int"),  # type: ignore[arg-type]  # bad on purpose
    message("a number for the parts", Message("user", 7), "parts", "int"),  # type: ignore[arg-type]  # bad on purpose
    message("text of bytes", user(TextPart(b"x")), "text", "bytes"),  # type: ignore[arg-type]  # bad on purpose
    message("a tool message without its call's id", tool_result(None, "x"), "id", "None"),  # type: ignore[arg-type]  # bad on purpose
    message("a tool message of plain text", Message("tool", (TextPart("x"),)), "TextPart", "ToolCallResponsePart"),
    message("a tool's failure marked", Message("tool", (ToolCallResponsePart("a", "x", is_error=True),)), "is_error"),
    message("call arguments as a dict", assistant(ToolCallPart("a", "f", {"x": 1})), "arguments", "json.dumps"),  # type: ignore[arg-type]  # bad on purpose
    message("a call in a user message", user(ToolCallPart("a", "f", "{}")), "ToolCallPart"),
    message("a refusal in a user message", user(RefusalPart("No.")), "RefusalPart"),
    message("reasoning of another API", assistant(ReasoningPart("hm")), "reasoning", "Responses"),
    message("an image by file id", user(ImagePart(file_id="f")), "file_id", "url"),
    message("a file by URL", user(FilePart(file_url="https://example.org")), "file_url", "file_data"),
    message("audio without its format", user(AudioPart("UklG", None)), "format", "None"),  # type: ignore[arg-type]  # bad on purpose
    message("an opaque part without its data", user(OpaquePart("x", None)), "data", "None"),  # type: ignore[arg-type]  # bad on purpose
    message("text with a lone surrogate", user("\ud800"), "surrogate"),
    message("NaN in a part's extra", user(TextPart("x", {"y": NAN})), "nan"),
)
FIELDS = (
    *(field("model", bad, "gpt-4o-mini") for bad in ("", None, 7)),
    *(field("system_prompt", bad) for bad in (None, 7, ["x"])),
    field("tools", "f"),
    field("tools", ({"type": "function"},), "tools[0]", "dict", "ToolDefinition"),
    field("tools", (ToolDefinition(""),), "tools[0].name"),
    field("tools", (ToolDefinition("f", parameters="{}"),), "tools[0].parameters", "str"),  # type: ignore[arg-type]  # bad on purpose
    field("tools", (ToolDefinition("f", parameters={"x": NAN}),), "nan"),
    field("tool_choice", "sometimes", "required"),
    field("tool_choice", {"type": "function"}, "dict"),
    *(field(name, bad) for name in ("parallel_tool_calls", "logprobs", "store") for bad in (1, "yes")),
    *(field(name, bad) for name in ("max_output_tokens", "seed", "top_logprobs", "n") for bad in (1.5, "1", True)),
    *(
        field(name, bad)
        for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty")
        for bad in ("1", True, NAN, INFINITE)
    ),
    field("stop", 7),
    field("stop", ("a", 7), "stop[1]", "int"),
    *(field(name, bad) for name in ("logit_bias", "metadata") for bad in ("x", [1])),
    field("logit_bias", {"1": NAN}, "nan"),
    field("response_format", {"type": "json_object"}, "dict", "ResponseFormat"),
    field("response_format", ResponseFormat("json_schema", name="x", schema={"x": {1, 2}}), "set"),
    field("reasoning", "low", "Reasoning"),
    field("reasoning", Reasoning(7), "effort", "int"),  # type: ignore[arg-type]  # bad on purpose
    *(field(name, 7) for name in ("verbosity", "user", "service_tier", "conversation_id")),
    field("user", "\udfff", "surrogate"),
)
UNSUPPORTED = tuple(
    Row(
        f"`{name}`, which only Responses has", asking(replace(HELLO, **{name: value})), UnsupportedFeatureError, (name,)
    )
    for name, value in {
        "previous_response_id": "resp_1",
        "include": ("x",),
        "reasoning": Reasoning(summary="auto"),
    }.items()
)
EXTRAS = (
    field("extra_body", None),
    field("extra_body", [("a", 1)]),
    field("extra_body", {"x": {1}}, "set"),
    field("extra_body", {"x": LOOPED}, "x"),
    field("extra_body", {"stream": True}, "stream"),
    field("extra_body", {"model": UNSET}, "model"),
    field("extra_body", {"model": 7}, "model"),
    field("extra_body", {"messages": UNSET}, "messages"),
    field("extra_body", {"messages": []}, "messages"),
    field("extra_body", {"messages": "Hello"}, "messages"),
    field("extra_body", {"messages": [{"content": "no role"}]}, "messages"),
    field("extra_body", {"messages": ["Hello"]}, "messages"),
    field("extra_headers", None),
    field("extra_headers", {"X-A": 7}, "int"),
    field("extra_headers", {7: "x"}, "int"),
    field("extra_headers", {"X A": "x"}),
    field("extra_headers", {"X-A": "x\r\nX-Evil: 1"}),
    field("extra_headers", {"X-A": "ключ"}),
)
CLOSED = tuple(
    Row(f"`{name}()` after `close()`", closed(act), ProviderClosedError, ("closed", "new provider"))
    for name, act in {
        "start_request": lambda provider: provider.start_request(HELLO, ignore),
        "start_stream": lambda provider: provider.start_stream(HELLO, ignore, ignore),
        "fileno": lambda provider: provider.fileno(),
        "fdset": lambda provider: provider.fdset(),
    }.items()
)
ROWS: tuple[Row, ...] = (*CREDENTIALS, *SETTINGS, *WHOLE, *MESSAGES, *FIELDS, *UNSUPPORTED, *EXTRAS, *CLOSED)


def seen(row: Row, base_url: str) -> Exception | None:
    """What the user sees."""
    try:
        row.attempt(base_url)
    except Exception as error:  # noqa: BLE001 - whatever comes is what the table tells
        return error
    return None


def markdown() -> str:
    """The whole table, made by trying each row; nothing listens where they would be sent."""
    lines = ["| tried | what the user sees |", "|---|---|"]
    for row in ROWS:
        error = seen(row, "http://127.0.0.1:9/v1")
        text = str(error).replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {row.tried} | `{type(error).__name__}`: {text} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
