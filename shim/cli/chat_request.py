"""The request of `shim chat`: options, standard input and the tools file as a `ModelRequest`.

Not the sending of it (`chat`). What cannot be used is a `UsageError` that names the option and the place.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from shim.cli.rendering import UsageError, printer
from shim.model import ModelRequest, OpaquePart, ToolDefinition, user

# Characters taken from standard input: several times what the longest context of today holds.
LONGEST_PROMPT = 16 * 1024 * 1024

_DEFINITION_FIELDS = frozenset({"name", "description", "parameters", "strict"})

T = TypeVar("T")


def request_from(arguments: argparse.Namespace) -> ModelRequest:
    """Make the request.

    Raises:
        UsageError: the question is empty, too long or no text, or the tools file is none.
    """
    prompt = _read_prompt() if arguments.prompt == "-" else arguments.prompt
    if not prompt.strip():
        raise UsageError('the question is empty; give one, as in: shim chat "Why is the sky blue?"')
    return ModelRequest(
        arguments.model,
        (user(_checked_text(prompt, "the question")),),
        system_prompt=UNSET if arguments.system is None else _checked_text(arguments.system, "--system"),
        temperature=_or_unset(arguments.temperature),
        max_output_tokens=_or_unset(arguments.max_tokens),
        tools=UNSET if arguments.tools is None else tuple(_read_tools(arguments.tools)),
    )


def _or_unset(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def _read_prompt() -> str:
    if sys.stdin is None:
        raise UsageError("there is no standard input to read the question from; give it as an argument")
    if sys.stdin.isatty():
        printer(sys.stderr).line("Type the question; Ctrl-D on a line of its own ends it.", "dim")
    try:
        prompt = sys.stdin.read(LONGEST_PROMPT + 1)
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not {error.encoding} text; convert it first") from None
    if len(prompt) > LONGEST_PROMPT:
        raise UsageError(f"standard input is longer than {LONGEST_PROMPT} characters; give less of it")
    return prompt


def _checked_text(text: str, what: str) -> str:
    """Refuse bytes that were no text where they came from: they stand in a str as lone surrogates, which JSON cannot carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} is not UTF-8 text; convert it first") from None
    return text


def _read_tools(path: Path) -> list[ToolDefinition | OpaquePart]:
    try:
        tools = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--tools: cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--tools: {path} is not JSON: {error}") from None
    if not isinstance(tools, list):
        raise UsageError(f"--tools: {path} holds {type(tools).__name__}; it must be a JSON list of functions")
    return [_tool(tool, f"--tools: {path}, item {place}") for place, tool in enumerate(tools, 1)]


def _tool(tool: Any, place: str) -> ToolDefinition | OpaquePart:
    """Read a tool as the API takes it (`{"type": "function", "function": {...}}`), or the function alone."""
    if not isinstance(tool, dict):
        raise UsageError(f"{place} is {type(tool).__name__}; it must be an object with a name and parameters")
    if "type" in tool:
        return OpaquePart(str(tool["type"]), tool)  # goes out as it stands
    unknown = sorted(tool.keys() - _DEFINITION_FIELDS)
    if unknown or not tool.get("name"):
        fault = f"has {unknown[0]!r}" if unknown else "has no name"
        raise UsageError(f"{place} {fault}; a function has name, description, parameters and strict")
    return ToolDefinition(**tool)
