"""`functions` and `function_call` as tools, and back: requests, answers and streams.

Not what carries them. Each direction is lossless or refuses by name. Source: OpenAI API reference, Chat Completions: `tools`
replaced `functions` (deprecated November 2023); a message with `tool_calls` must be followed by one tool message per call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shim.migration.upgrades.change import Change, Fields, Undo, UpgradeDraft, place_of
from shim.model.checks import kind_of

TO_TOOLS = "functions-to-tools"
TO_FUNCTIONS = "tools-to-functions"

_WHY_TOOLS = "Tools took the place of functions; newer models and the Responses API take only them."
_WHY_FUNCTIONS = "The target knows functions only."


def functions_to_tools(draft: UpgradeDraft) -> None:
    """Say functions as tools; the answer's call comes back as `function_call`."""
    asked = draft.fields.get("functions"), draft.fields.get("function_call")
    used = any(value is not None for value in asked) or _names_functions(draft.fields.get("messages"))
    if not used:
        return
    if draft.fields.get("tools") is not None:
        draft.refuse("functions", "stand beside tools; say all of them in one way", by=TO_TOOLS)
        return
    _definitions_to_tools(draft)
    _choice_to_tools(draft)
    _messages(draft, _MessagesToTools(draft), by=TO_TOOLS, reason=_WHY_TOOLS)
    draft.undo_answer.append(_each_choice("message", _to_function_call))
    draft.undo_chunk.append(lambda: _each_choice("delta", _delta_to_function_call))


def tools_to_functions(draft: UpgradeDraft) -> None:
    """Say tools as functions, for a server that is older than tools; the answer's call comes back among `tool_calls`."""
    tools = draft.fields.get("tools")
    if tools is None and not _names_tools(draft.fields.get("messages")):
        return
    if tools is not None:
        functions = [_function_of(tool) for tool in tools] if isinstance(tools, list) else [None]
        if None in functions:
            draft.refuse("tools", "hold more than plain functions; send them to an API that has tools", by=TO_FUNCTIONS)
            return
        draft.drop("tools", by=TO_FUNCTIONS, reason=_WHY_FUNCTIONS)
        draft.set("functions", functions, by=TO_FUNCTIONS, reason=_WHY_FUNCTIONS)
    _choice_to_functions(draft)
    if "parallel_tool_calls" in draft.fields:
        draft.drop("parallel_tool_calls", by=TO_FUNCTIONS, reason="With functions there is one call at a time.")
    _messages(draft, _MessagesToFunctions(draft), by=TO_FUNCTIONS, reason=_WHY_FUNCTIONS)
    draft.undo_answer.append(_tool_calls_again("message"))
    draft.undo_chunk.append(lambda: _tool_calls_again("delta"))


# -- the request


def _names_functions(messages: Any) -> bool:
    return any(each.get("role") == "function" or each.get("function_call") for each in _objects(messages))


def _names_tools(messages: Any) -> bool:
    return any(each.get("role") == "tool" or each.get("tool_calls") for each in _objects(messages))


def _objects(values: Any) -> list[dict[str, Any]]:
    return [each for each in values if isinstance(each, dict)] if isinstance(values, (list, tuple)) else []


def _definitions_to_tools(draft: UpgradeDraft) -> None:
    functions = draft.fields.get("functions")
    if functions is None:
        draft.fields.pop("functions", None)
        return
    if not isinstance(functions, (list, tuple)) or not all(isinstance(each, dict) for each in functions):
        draft.refuse("functions", f"is {kind_of(functions)}; give a list of function objects", by=TO_TOOLS)
        return
    tools = [{"type": "function", "function": dict(each)} for each in functions]
    draft.drop("functions", by=TO_TOOLS, reason=_WHY_TOOLS)
    draft.set("tools", tools, by=TO_TOOLS, reason=_WHY_TOOLS)
    facts = draft.facts
    takes_limit = facts is None or "parallel_tool_calls" not in facts.refuses_all
    if takes_limit and "parallel_tool_calls" not in draft.fields:
        draft.set(
            "parallel_tool_calls",
            to=False,
            by=TO_TOOLS,
            reason="Whoever reads function_call expects one call; tools may be called several at once.",
        )


def _choice_to_tools(draft: UpgradeDraft) -> None:
    choice = draft.fields.get("function_call")
    if choice is None:
        draft.fields.pop("function_call", None)
        return
    if isinstance(choice, dict) and isinstance(choice.get("name"), str):
        wanted: Any = {"type": "function", "function": {"name": choice["name"]}}
    elif choice in ("auto", "none"):
        wanted = choice
    else:
        draft.refuse("function_call", "is neither 'auto', 'none' nor {'name': …}; give one of them", by=TO_TOOLS)
        return
    draft.drop("function_call", by=TO_TOOLS, reason=_WHY_TOOLS)
    draft.set("tool_choice", wanted, by=TO_TOOLS, reason=_WHY_TOOLS)


def _choice_to_functions(draft: UpgradeDraft) -> None:
    choice = draft.fields.get("tool_choice")
    if choice is None:
        draft.fields.pop("tool_choice", None)
        return
    function = choice.get("function") if isinstance(choice, dict) else None
    named = function.get("name") if isinstance(function, dict) else None
    if choice not in ("auto", "none") and named is None:
        draft.refuse(
            "tool_choice", f"{choice!r} has no form among functions; give 'auto', 'none' or a name", by=TO_FUNCTIONS
        )
        return
    draft.drop("tool_choice", by=TO_FUNCTIONS, reason=_WHY_FUNCTIONS)
    wanted = choice if named is None else {"name": named}
    draft.set("function_call", wanted, by=TO_FUNCTIONS, reason=_WHY_FUNCTIONS)


def _function_of(tool: Any) -> dict[str, Any] | None:
    """The function of a tool that says no more than functions can; None for any other."""
    if not isinstance(tool, dict) or tool.keys() != {"type", "function"} or tool["type"] != "function":
        return None
    function = tool["function"]
    if not isinstance(function, dict) or function.get("strict"):
        return None
    return {name: value for name, value in function.items() if name != "strict"}


def _messages(
    draft: UpgradeDraft, rewrite: Callable[[int, dict[str, Any]], dict[str, Any]], *, by: str, reason: str
) -> None:
    """Write messages anew, and tell of each that is another then."""
    messages = draft.fields.get("messages")
    if not isinstance(messages, (list, tuple)):
        return
    written: list[Any] = []
    for position, message in enumerate(messages):
        after = rewrite(position, message) if isinstance(message, dict) else message
        if after is not message:
            draft.changes.append(Change(by, f"messages[{position}]", dict(message), after, reason))
        written.append(after)
    if isinstance(rewrite, _MessagesToTools):
        rewrite.finish()
    draft.fields["messages"] = written


class _MessagesToTools:
    """Names each call by its place in the conversation, and its result by the same."""

    def __init__(self, draft: UpgradeDraft) -> None:
        self._draft = draft
        self._open: tuple[int, str] | None = None

    def __call__(self, position: int, message: dict[str, Any]) -> dict[str, Any]:
        if message.get("role") == "function":
            return self._result(position, message)
        self.finish()
        call = message.get("function_call")
        if call is None:
            return (
                {key: value for key, value in message.items() if key != "function_call"}
                if "function_call" in message
                else message
            )
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            self._draft.refuse(f"messages[{position}].function_call", "has no name; give one", by=TO_TOOLS)
            return message
        self._open = position, call["name"]
        rest = {key: value for key, value in message.items() if key != "function_call"}
        return rest | {"tool_calls": [{"id": f"call_{position}", "type": "function", "function": dict(call)}]}

    def _result(self, position: int, message: dict[str, Any]) -> dict[str, Any]:
        if self._open is None or self._open[1] != message.get("name"):
            self._draft.refuse(
                f"messages[{position}]",
                f"is the result of a function ({message.get('name')!r}) that no assistant message right before it calls; "
                "a tool's result must follow its call",
                by=TO_TOOLS,
            )
            return message
        called, self._open = self._open[0], None
        rest = {key: value for key, value in message.items() if key not in ("role", "name")}
        return {"role": "tool", "tool_call_id": f"call_{called}", **rest}

    def finish(self) -> None:
        """Refuse a call that nothing answers: tools want each call answered."""
        if self._open is not None:
            position, name = self._open
            self._draft.refuse(
                f"messages[{position}].function_call",
                f"calls {name!r} and no function message follows; a tool call must be answered",
                by=TO_TOOLS,
            )
        self._open = None


class _MessagesToFunctions:
    """Knows the name of each call, which a function message needs."""

    def __init__(self, draft: UpgradeDraft) -> None:
        self._draft = draft
        self._names: dict[str, str] = {}

    def __call__(self, position: int, message: dict[str, Any]) -> dict[str, Any]:
        if message.get("role") == "tool":
            name = self._names.get(str(message.get("tool_call_id")))
            if name is None:
                self._draft.refuse(f"messages[{position}].tool_call_id", "names no call before it", by=TO_FUNCTIONS)
                return message
            rest = {key: value for key, value in message.items() if key not in ("role", "tool_call_id")}
            return {"role": "function", "name": name, **rest}
        calls = message.get("tool_calls")
        if not calls:
            return message
        call = calls[0] if isinstance(calls, list) and len(calls) == 1 else None
        if not isinstance(call, dict) or call.get("type", "function") != "function" or "function" not in call:
            self._draft.refuse(
                f"messages[{position}].tool_calls",
                "are not one call of a function, all that a function_call can say",
                by=TO_FUNCTIONS,
            )
            return message
        self._names[str(call.get("id"))] = call["function"].get("name", "")
        rest = {key: value for key, value in message.items() if key != "tool_calls"}
        return rest | {"function_call": dict(call["function"])}


# -- the answer


def _each_choice(name: str, undo: Callable[[dict[str, Any]], dict[str, Any]]) -> Undo:
    """Make the undoing of an answer from that of a choice's message or delta."""

    def undo_all(answer: Fields) -> Fields:
        choices = answer.get("choices")
        if not isinstance(choices, list):
            return answer
        return answer | {"choices": [_undo_choice(each, name, undo=undo) for each in choices]}

    return undo_all


def _undo_choice(choice: Any, name: str, *, undo: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if not isinstance(choice, dict):
        return choice
    undone = dict(choice)
    if isinstance(choice.get(name), dict):
        undone[name] = undo(choice[name])
    if choice.get("finish_reason") == "tool_calls":
        undone["finish_reason"] = "function_call"
    return undone


def _to_function_call(message: dict[str, Any]) -> dict[str, Any]:
    """A message's call as function_call; where a server made several, all of them stay in tool_calls beside the first."""
    calls = [each for each in _objects(message.get("tool_calls")) if isinstance(each.get("function"), dict)]
    if not calls:
        return message
    rest = {key: value for key, value in message.items() if key != "tool_calls" or len(calls) > 1}
    return rest | {"function_call": dict(calls[0]["function"])}


def _delta_to_function_call(delta: dict[str, Any]) -> dict[str, Any]:
    calls = _objects(delta.get("tool_calls"))
    first = [each["function"] for each in calls if each.get("index", 0) == 0 and isinstance(each.get("function"), dict)]
    others = [each for each in calls if each.get("index", 0) != 0]
    if not first:
        return delta
    joined = {key: value for each in first for key, value in each.items()}
    if len(first) > 1:
        joined["arguments"] = "".join(each.get("arguments") or "" for each in first)
    rest = {key: value for key, value in delta.items() if key != "tool_calls"}
    return rest | {"function_call": joined} | ({"tool_calls": others} if others else {})


def _tool_calls_again(name: str) -> Undo:
    """Make the undoing that gives calls their ids; of a stream the first piece of a choice's call has it."""
    seen: set[int] = set()

    def undo_all(answer: Fields) -> Fields:
        choices = answer.get("choices")
        if not isinstance(choices, list):
            return answer
        identity = answer.get("id", "")
        return answer | {"choices": [undo(each, identity) for each in choices]}

    def undo(choice: Any, identity: Any) -> Any:
        part = choice.get(name) if isinstance(choice, dict) else None
        undone = dict(choice) if isinstance(choice, dict) else choice
        if isinstance(part, dict) and isinstance(part.get("function_call"), dict):
            rest = {key: value for key, value in part.items() if key != "function_call"}
            undone[name] = rest | {"tool_calls": [call(part["function_call"], place_of(choice), identity=identity)]}
        if isinstance(undone, dict) and undone.get("finish_reason") == "function_call":
            undone["finish_reason"] = "tool_calls"
        return undone

    def call(function: dict[str, Any], index: int, *, identity: Any) -> dict[str, Any]:
        if name == "delta" and index in seen:
            return {"index": 0, "function": dict(function)}
        seen.add(index)
        place = {"index": 0} if name == "delta" else {}
        return place | {"id": f"call_{identity}_{index}", "type": "function", "function": dict(function)}

    return undo_all
