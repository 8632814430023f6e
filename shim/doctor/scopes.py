"""What names stand for in a module: each scope with the modules, classes, texts and dicts that its names were given.

Not what is found through them (`scanning`). A name may be given several things; all of them count, in whatever order the lines
run: a branch not taken is code, too. Nothing is evaluated but literals.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

FunctionLike = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_WITH_SCOPE = (*FunctionLike, ast.ClassDef)
MOST_MEANINGS = 16
"""Things, or texts, that one name is followed to; one that stands for more is a loop over everything."""


class Scope:
    """One scope: names -> dotted paths (`openai.ChatCompletion`), literal texts, and dicts by key; of a class `own_texts`, too:
    the texts its attributes were given.
    """

    def __init__(self, parent: Scope | None = None, *, is_class: bool = False) -> None:
        self.parent = parent
        self.is_class = is_class
        self.paths: dict[str, list[str]] = {}
        self.texts: dict[str, list[str]] = {}
        self.own_texts: dict[str, list[str]] = {}
        self.dicts: dict[str, dict[str, ast.expr]] = {}
        self.open_dicts: set[str] = set()
        self.made: dict[ast.AST, Scope] = {}

    def around(self) -> Iterator[Scope]:
        """This scope and all those around it, classes too."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def outward(self) -> Iterator[Scope]:
        """This scope and those around it; a class is seen only from itself, as in Python."""
        yield self
        scope = self.parent
        while scope is not None:
            if not scope.is_class:
                yield scope
            scope = scope.parent

    def bind(self, name: str, path: str) -> bool:
        """Let a name stand for a path, too; whether that is new."""
        known = self.paths.setdefault(name, [])
        if path in known or len(known) >= MOST_MEANINGS:
            return False
        known.append(path)
        return True

    def paths_of(self, name: str) -> list[str]:
        """What a name stands for, by the innermost scope that knows it."""
        return next((scope.paths[name] for scope in self.outward() if name in scope.paths), [])

    def texts_of(self, name: str) -> list[str]:
        """The literal texts a name was given."""
        return next((scope.texts[name] for scope in self.outward() if name in scope.texts), [])

    def dict_of(self, name: str) -> tuple[dict[str, ast.expr], bool] | None:
        """The entries of the dict a name was given, and whether these are all; None where it was given none."""
        for scope in self.outward():
            if name in scope.dicts:
                return scope.dicts[name], name not in scope.open_dicts
        return None


def scoped(tree: ast.Module, *, top: Scope) -> list[tuple[ast.AST, Scope]]:
    """Every node of a tree with the scope it stands in, outer before inner; without recursion, so that depth is no limit."""
    found: list[tuple[ast.AST, Scope]] = []
    waiting: list[tuple[ast.AST, Scope]] = [(tree, top)]
    while waiting:
        pair = waiting.pop()
        node, scope = pair
        if isinstance(node, ast.expr_context):
            continue
        found.append(pair)
        below = [(child, scope) for child in ast.iter_child_nodes(node)]
        if isinstance(node, _WITH_SCOPE):
            below = _within(node, below, inner=scope_of(node, scope))
        below.reverse()
        waiting.extend(below)
    return found


def _within(node: ast.AST, below: list[tuple[ast.AST, Scope]], *, inner: Scope) -> list[tuple[ast.AST, Scope]]:
    """The children of a function or class: its body is in its own scope, its decorators, defaults and bases are not."""
    body = getattr(node, "body", [])
    inside = set(map(id, body if isinstance(body, list) else [body]))
    return [(child, inner if id(child) in inside else scope) for child, scope in below]


def scope_of(node: ast.AST, parent: Scope) -> Scope:
    """The scope that a function or class makes; the same each time it is asked for."""
    if node not in parent.made:
        parent.made[node] = Scope(parent, is_class=isinstance(node, ast.ClassDef))
    return parent.made[node]


def literal(node: ast.expr) -> Any:
    """The value of a literal; raises ValueError for anything else."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise ValueError("no literal") from None
