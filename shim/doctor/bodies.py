"""Bodies of calls by hand: dict literals that ask for a chat or a completion, as calls whose arguments can be judged.

Not the addresses they go to (`by_hand`) nor the judging (`arguments`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shim.doctor.arguments import Arguments
from shim.doctor.resolving import Resolver
from shim.doctor.scanning import Use

_ASKED = {"messages": "ChatCompletion.create", "prompt": "Completion.create"}


def bodies(resolver: Resolver) -> Iterator[tuple[Use, Arguments]]:
    """Every literal, or `dict(…)`, that names a model and what it is asked, with its fields."""
    for node, scope in resolver.nodes:
        fields: dict[str, ast.expr] = {}
        if isinstance(node, ast.Dict):
            whole = resolver.add_entries(fields, node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
            fields.update((each.arg, each.value) for each in node.keywords if each.arg is not None)
            whole = not node.args and len(fields) == len(node.keywords)
        else:
            continue
        asked = next((path for name, path in _ASKED.items() if name in fields), None)
        if asked is not None and "model" in fields:
            yield Use(asked, node, "called", scope), Arguments(fields, whole)
