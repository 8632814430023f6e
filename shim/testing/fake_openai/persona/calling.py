"""Decides whether the persona calls a tool, which one, and with what arguments.

Not how a call is written into a body or stream (`chat.rendering`). A tool is called when its name or description shares a
telling word with the user's message, or when `tool_choice` says so; a question about "Paris and London" makes two calls.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from shim.testing.fake_openai.persona.schema_values import fill
from shim.testing.fake_openai.persona.words import Wording

# Words that say nothing about what a tool is for.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "about call does find for from function get give given has into list look make return returns run set tell that the "
        "this tool use user what when where which with you your",
    )
)


@dataclass(frozen=True)
class PersonaCall:
    """One tool call: `arguments` is JSON for a function, free text for a custom tool."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"


def calls_for(body: dict[str, Any], said: Wording, *, number: int) -> tuple[PersonaCall, ...]:
    """The calls with which request `number` is answered; none when text is the better answer."""
    tool = _chosen_tool(body, said)
    if tool is None:
        return ()
    pair = said.pair if body.get("parallel_tool_calls") is not False else None
    wordings = [Wording(said.text, about=one) for one in pair] if pair else [said]
    return tuple(_call(tool, wording, place=f"{number:020d}{place:04d}") for place, wording in enumerate(wordings))


def legacy_call_for(body: dict[str, Any], said: Wording) -> PersonaCall | None:
    """The call of one of the older `functions`, or None."""
    functions = [{"type": "function", "function": function} for function in body.get("functions") or []]
    choice = body.get("function_call")
    if choice == "none" or not functions:
        return None
    if isinstance(choice, dict):
        functions = [tool for tool in functions if tool["function"]["name"] == choice.get("name")]
        return _call(functions[0], said, place="") if functions else None
    tool = _telling(functions, said)
    return _call(tool, said, place="") if tool else None


def is_named(choice: object) -> bool:
    """Whether a `tool_choice` names one tool: the API then finishes with "stop", not "tool_calls"."""
    return isinstance(choice, dict) and choice.get("type") in {"function", "custom"}


def _chosen_tool(body: dict[str, Any], said: Wording) -> dict[str, Any] | None:
    tools = body.get("tools") or []
    choice = body.get("tool_choice")
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        tools, choice = _allowed(choice, tools)
    if isinstance(choice, dict):
        wanted = choice[choice["type"]]["name"]
        return next(tool for tool in tools if _named(tool) == wanted)
    telling = _telling(tools, said)
    return tools[0] if telling is None and choice == "required" and tools else telling


def _allowed(choice: dict[str, Any], tools: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], object]:
    inner = choice.get("allowed_tools", choice)
    inner = inner if isinstance(inner, dict) else {}
    listed = inner.get("tools")
    listed = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    names = [str(_named(one)) for one in listed]
    return [tool for tool in tools if _named(tool) in names], str(inner.get("mode", "auto"))


def _named(tool: dict[str, Any]) -> object:
    inner = tool.get(str(tool.get("type")))
    return inner.get("name") if isinstance(inner, dict) else None


def _telling(tools: list[dict[str, Any]], said: Wording) -> dict[str, Any] | None:
    """The tool that shares most words with what was said; a word of its name counts twice."""
    scored = [(_score(tool[tool["type"]], said), -place) for place, tool in enumerate(tools)]
    score, place = max(scored, default=(0, 0))
    return tools[-place] if score else None


def _score(function: dict[str, Any], said: Wording) -> int:
    spoken = said.words - _COMMON
    by_name = _words(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", function["name"]).replace("_", " ").replace("-", " "))
    by_description = _words(str(function.get("description") or ""))
    return 2 * len(spoken & by_name) + len(spoken & by_description)


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in re.findall(r"\w+", text.lower()) if len(word) > 2) - _COMMON


def _call(tool: dict[str, Any], said: Wording, *, place: str) -> PersonaCall:
    if tool["type"] == "custom":
        return PersonaCall(f"call_{place}", tool["custom"]["name"], said.subject, kind="custom")
    function = tool["function"]
    arguments = fill(function.get("parameters") or {"type": "object"}, said)
    return PersonaCall(f"call_{place}", function["name"], msgspec.json.encode(arguments).decode())
