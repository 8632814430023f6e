"""The answer to an upgraded `ModelRequest` in the form its caller knows: calls of the old kind, the model as asked.

Not answers as plain JSON (`functions`, `completions`), which are undone piece by piece. The exact body in `raw` stays as it came.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from shim.migration.upgrades.functions import TO_FUNCTIONS, TO_TOOLS
from shim.model import ModelResponse
from shim.model.parts import Part, ToolCallPart
from shim.model.response import Choice


def undone_response(response: ModelResponse, *, names: tuple[str, ...], model: str | None) -> ModelResponse:
    """Undo upgrades in a whole answer.

    Args:
        response: as the provider delivered it; it is not changed.
        names: the upgrades that changed the request.
        model: the name the answer is to have; None leaves the server's.
    """
    if TO_TOOLS in names:
        choices = tuple(
            _undone(each, _as_function_call, words=("tool_calls", "function_call")) for each in response.choices
        )
        response = replace(response, choices=choices)
    if TO_FUNCTIONS in names:
        choices = tuple(
            _undone(each, _as_tool_call(f"{response.id}_{each.index}"), words=("function_call", "tool_calls"))
            for each in response.choices
        )
        response = replace(response, choices=choices)
    return response if model is None else replace(response, model=model)


def _undone(choice: Choice, undo: Callable[[Part], Part], *, words: tuple[str, str]) -> Choice:
    reason = words[1] if choice.raw_finish_reason == words[0] else choice.raw_finish_reason
    return replace(choice, parts=tuple(undo(part) for part in choice.parts), raw_finish_reason=reason)


def _as_function_call(part: Part) -> Part:
    if isinstance(part, ToolCallPart) and part.kind == "function":
        return replace(part, kind="function_call", id="")
    return part


def _as_tool_call(identity: str) -> Callable[[Part], Part]:
    def undo(part: Part) -> Part:
        if isinstance(part, ToolCallPart) and part.kind == "function_call":
            return replace(part, kind="function", id=f"call_{identity}")
        return part

    return undo
