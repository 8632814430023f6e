"""The uses of openai in one module: names through whatever they were reached, import lines, patches, and calls.

Not how they fare (`judging`), not the API called by hand (`by_hand`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from shim.compat.v0_names import NAMES, RESOURCE_MODULES, RESOURCES
from shim.doctor.resolving import Resolver
from shim.doctor.scopes import Scope

Manner: TypeAlias = Literal["read", "import", "assign", "delete", "patch", "base", "called", "text", "unseen", "value"]


class Use(Struct, frozen=True):
    """One use: the dotted path without `openai.` ("" for the module itself), the node, and how it is used.

    `call` is the call whose arguments go to it, `scope` where that stands.
    """

    path: str
    node: ast.AST
    manner: Manner
    scope: Scope
    call: ast.Call | None = None


_PATCHING = re.compile(
    r"(?:^|\.)(?:patch|setattr|delattr|object|multiple|spy|stub|setitem|wrap_function_wrapper|wrap)$"
)
_IN_TEXT = re.compile(r"(?:[A-Za-z_]\w*\.)*openai(?P<path>(?:\.[A-Za-z_]\w*)+)\Z")
_MOST_TEXT = 200  # characters; longer texts are prose


class Scanner:
    """Goes once through a module."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._inner: set[ast.AST] = set()
        self._patched: set[ast.AST] = set()
        self._wrappers = self._find_wrappers()

    def uses(self) -> Iterator[Use]:
        """Every use, in the order of the code, outer expressions before inner ones."""
        for node, scope in self._resolver.nodes:
            yield from self._uses_of(node, scope)

    def _uses_of(self, node: ast.AST, scope: Scope) -> Iterator[Use]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from self._imported(node, scope)
        elif isinstance(node, ast.Call):
            yield from self._call(node, scope)
        elif isinstance(node, ast.ClassDef):
            yield from self._bases(node, scope)
        elif isinstance(node, (ast.Attribute, ast.Name, ast.Subscript)) and node not in self._inner:
            yield from self._expression(node, scope)
        elif isinstance(node, ast.Constant) and node not in self._inner:
            yield from self._text(node, scope)

    # -- imports

    def _imported(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> Iterator[Use]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "openai" or alias.name.startswith("openai."):
                    yield Use(alias.name.partition(".")[2], node, "import", scope)
        elif node.level == 0 and node.module and node.module.split(".")[0] == "openai":
            for alias in node.names:
                name = "" if alias.name == "*" else f".{alias.name}"
                yield Use(f"{node.module}{name}".partition(".")[2], node, "import", scope)

    # -- calls

    def _call(self, node: ast.Call, scope: Scope) -> Iterator[Use]:
        yield from self._called(node, scope)
        yield from self._asked_by_name(node, scope)
        yield from self._patches(node, scope)

    def _called(self, node: ast.Call, scope: Scope) -> Iterator[Use]:
        """The API that a call's arguments go to: called itself, handed to a helper with them, or behind a wrapper."""
        for path in _openai(self._resolver.paths(node.func, scope)):
            yield Use(path, node.func, "called", scope, node)
            self._consume(node.func)
        if isinstance(node.func, ast.Name) and node.func.id in self._wrappers:
            yield Use(self._wrappers[node.func.id], node.func, "called", scope, node)
        if not node.keywords:
            return
        for argument in node.args:
            for path in _openai(self._resolver.paths(argument, scope)):
                if path.rpartition(".")[2] in ("create", "acreate"):
                    yield Use(path, argument, "called", scope, node)
                    self._consume(argument)

    def _asked_by_name(self, node: ast.Call, scope: Scope) -> Iterator[Use]:
        """`getattr`, `hasattr`, `setattr` and `delattr` on something of openai."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in ("getattr", "hasattr", "setattr", "delattr") or len(node.args) < 2:
            return
        if node in self._inner and self._resolver.texts(node.args[1], scope):
            return  # the name it asks for was told with what is done to it
        for path in _openai(self._resolver.paths(node.args[0], scope)):
            self._consume(node.args[0])
            members = self._resolver.texts(node.args[1], scope)
            manner: Manner = {"setattr": "assign", "delattr": "delete"}.get(name, "read")  # type: ignore[assignment]  # its words
            for member in members:
                yield Use(f"{path}.{member}".lstrip("."), node, manner, scope)
            if not members:
                yield Use(path, node, "unseen", scope)

    def _patches(self, node: ast.Call, scope: Scope) -> Iterator[Use]:
        """`monkeypatch.setattr(openai.X, "create", f)`, `patch.object(openai.X, "create")`, and the same by dotted text."""
        if isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
            return
        if not node.args or not _PATCHING.search(ast.unparse(node.func) if _is_short(node.func) else ""):
            return
        first = node.args[0]
        self._patched.add(first)
        members = self._resolver.texts(node.args[1], scope) if len(node.args) > 1 else []
        members = members or [
            keyword.arg for keyword in node.keywords if keyword.arg and ast.unparse(node.func).endswith("multiple")
        ]
        for path in _openai(self._resolver.paths(first, scope)):
            self._consume(first)
            for member in members or [""]:
                yield Use(f"{path}.{member}".strip("."), node, "patch", scope)

    # -- classes and expressions

    def _bases(self, node: ast.ClassDef, scope: Scope) -> Iterator[Use]:
        for base in node.bases:
            for path in _openai(self._resolver.paths(base, scope)):
                self._consume(base)
                yield Use(path, base, "base", scope)

    def _expression(self, node: ast.Attribute | ast.Name | ast.Subscript, scope: Scope) -> Iterator[Use]:
        found = list(_openai(self._resolver.paths(node, scope)))
        self._consume(node)
        if isinstance(node, ast.Subscript) and not _is_of_sys_modules(node, self._resolver, scope=scope):
            return
        manner: Manner = "read"
        if isinstance(node.ctx, ast.Store):
            manner = "assign"
        elif isinstance(node.ctx, ast.Del):
            manner = "delete"
        if manner != "read" and not self._is_of_openai(node, scope):
            return  # a name or an attribute is given something; what it stood for is not touched
        for path in found:
            yield Use(path, node, "value" if path == "" else manner, scope)

    def _is_of_openai(self, node: ast.expr, scope: Scope) -> bool:
        return (
            isinstance(node, ast.Attribute) and next(_openai(self._resolver.paths(node.value, scope)), None) is not None
        )

    def _consume(self, node: ast.AST) -> None:
        """Take an expression as told, and the parts of `a.b.c` with it; what stands in brackets or parentheses is not."""
        self._inner.add(node)
        while isinstance(node, ast.Attribute):
            node = node.value
            self._inner.add(node)

    def _text(self, node: ast.Constant, scope: Scope) -> Iterator[Use]:
        if not isinstance(node.value, str) or len(node.value) > _MOST_TEXT or "openai." not in node.value:
            return
        found = _IN_TEXT.match(node.value)
        if found is None:
            return
        path = found["path"][1:]
        if _is_whole_name(canonical(path)):
            yield Use(path, node, "patch" if node in self._patched else "text", scope)

    # -- wrappers

    def _find_wrappers(self) -> dict[str, str]:
        """Functions that hand their own `**kwargs` on to an API: name -> the API; their callers name the arguments."""
        wrappers: dict[str, str] = {}
        for node, scope in self._resolver.nodes:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.args.kwarg is None:
                continue
            path = self._handed_on(node, node.args.kwarg.arg, scope=scope)
            if path is not None:
                wrappers[node.name] = path
        return wrappers

    def _handed_on(self, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str, *, scope: Scope) -> str | None:
        inner = scope.made.get(function, scope)
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            passes = any(
                key.arg is None and isinstance(key.value, ast.Name) and key.value.id == name for key in node.keywords
            )
            if not passes:
                continue
            for called in (node.func, *node.args):
                for path in _openai(self._resolver.paths(called, inner)):
                    if path.rpartition(".")[2] in ("create", "acreate"):
                        return path
        return None


def _openai(paths: list[str]) -> Iterator[str]:
    """Those of some paths that are openai's, without its name."""
    for path in paths:
        if path == "openai" or path.startswith("openai."):
            yield path.partition(".")[2]


def _is_whole_name(path: str) -> bool:
    """Whether a path in a text is a name of the table, or a member of a class or module that is one."""
    parts = path.split(".")
    return path in NAMES or ".".join(parts[:2]) in NAMES


def _is_of_sys_modules(node: ast.Subscript, resolver: Resolver, *, scope: Scope) -> bool:
    return resolver.paths(node.value, scope) == ["sys.modules"]


def _is_short(node: ast.AST) -> bool:
    depth = 0
    while isinstance(node, ast.Attribute):
        node, depth = node.value, depth + 1
    return depth < 8 and isinstance(node, ast.Name)


def canonical(path: str) -> str:
    """A path by the name of the top level: a resource's own module, and the class in it, are the class."""
    if not path.startswith("api_resources."):
        return path
    for module, resource in RESOURCE_MODULES.items():
        if path == module or path.startswith(f"{module}."):
            rest = path[len(module) :].lstrip(".")
            if rest.partition(".")[0] in ("", resource):
                return rest or path
    rest = path.partition(".")[2]
    return rest if rest.partition(".")[0] in RESOURCES else path
