"""Advice: what went wrong in one sentence, and what to do next.

Not how errors come about (`shim.model.errors`): each category has its words here, in one table.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from shim.cli.rendering import Printer, plural, printer, program_name, show_controls
from shim.model import ErrorCategory, MissingCredentialsError, ProviderError

# Where requests go when nothing else is said; https://platform.openai.com/docs/api-reference
OPENAI = "https://api.openai.com/v1"
KEYS_PAGE = "https://platform.openai.com/api-keys"


class Words(NamedTuple):
    """What happened, and what to do; `{address}`, `{model}` and `{wait}` stand for what they are called."""

    happened: str
    next: str


ADVICE: dict[ErrorCategory, Words] = {
    ErrorCategory.AUTH: Words(
        "The server refused the API key",
        f"Set OPENAI_API_KEY to a key that {{address}} accepts; OpenAI's are made at {KEYS_PAGE}.",
    ),
    ErrorCategory.PERMISSION: Words(
        "The API key may not do this",
        "Ask for access to {model}, or choose another model with --model, or another key with OPENAI_API_KEY.",
    ),
    ErrorCategory.RATE_LIMIT: Words("The server is being asked too often", "Wait {wait}, then ask again."),
    ErrorCategory.QUOTA: Words(
        "The account has no credit left",
        "Waiting does not help: add credit to the account, or set OPENAI_API_KEY to a key of another one.",
    ),
    ErrorCategory.INVALID_REQUEST: Words(
        "The server refused the request",
        "Change what it names; not every model takes every option.",
    ),
    ErrorCategory.NOT_FOUND: Words(
        "The server knows no such model or path",
        "Check the model's name ({model}; choose with --model) and the address ({address}; usually it ends in /v1).",
    ),
    ErrorCategory.SERVER: Words("The server failed", "Wait {wait}, then ask again; the fault is not in your request."),
    ErrorCategory.TIMEOUT: Words("No answer came in time", "Ask again; is {address} slow, or not reachable?"),
    ErrorCategory.CONTENT_FILTER: Words("The content filter refused", "Put the question in other words."),
    ErrorCategory.NETWORK: Words(
        "The connection failed",
        "Is a server running at {address}? Check --base-url, OPENAI_BASE_URL, and the proxy variables.",
    ),
    ErrorCategory.TRUNCATED: Words("The answer ended early", "Ask again; the server or a proxy cut the connection."),
    ErrorCategory.PROTOCOL: Words(
        "The server's answer is not of the Chat Completions API",
        "Is {address} the right address? Check --base-url or OPENAI_BASE_URL; usually it ends in /v1.",
    ),
    ErrorCategory.CANCELLED: Words("The request was cancelled", "Ask again."),
    ErrorCategory.ABORTED: Words("The stream was ended by its reader", "Ask again."),
    ErrorCategory.UNKNOWN: Words("The request failed", "Ask again; if it fails in the same way, report the message."),
}


def explain(error: ProviderError | MissingCredentialsError, *, model: str, base_url: str | None) -> None:
    """Print an error and the advice for it on standard error."""
    err = printer(sys.stderr)
    if isinstance(error, MissingCredentialsError):
        _explain_missing_key(err)
        return
    partial = error.partial
    if partial is not None and (partial.text or partial.tool_calls):
        err.line("What is printed above is what had arrived.", "dim")
    err.line(sentence(error), "bold red")
    err.line(advice(error, model=model, base_url=base_url))
    if error.request_id:
        err.line(f"[request id: {show_controls(error.request_id)}]", "dim")


def exposed(host: str) -> str:
    """What to do where a key would go over plain HTTP."""
    return (
        f"the API key would go over plain HTTP to {host}; give an https:// address, or allow it: --insecure-host {host}"
    )


def sentence(error: ProviderError) -> str:
    """What went wrong: our words, the category and status, the server's words, in one line."""
    status = f", HTTP {error.http_status}" if error.http_status else ""
    told = show_controls(" ".join(error.message.split())).rstrip(".")
    return f"{ADVICE[error.category].happened} ({error.category}{status}): {told}."


def advice(error: ProviderError, *, model: str, base_url: str | None) -> str:
    """What to do next."""
    words = ADVICE[error.category].next
    return words.format(address=base_url or OPENAI, model=model, wait=_wait(error.retry_after_ms))


def _wait(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "a little"
    return plural(-(-milliseconds // 1000), "second")


def _explain_missing_key(err: Printer) -> None:
    shim = program_name()
    err.line("There is no API key: OPENAI_API_KEY is not set.", "bold red")
    err.line(f"Make one at {KEYS_PAGE}, then: export OPENAI_API_KEY=…")
    err.line(f"To try without one, `{shim} demo` needs none, and `{shim} fake-server` takes any.")
