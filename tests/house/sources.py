"""Sources: where the project's files are and what stands in them, for the house tests.

Not the rules: each house test states its own. Files are found on disk, so a rule holds before a file is committed.
"""

from __future__ import annotations

import ast
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("legacy_openai", "shim")
"""What is installed."""
EVERYTHING = (*PACKAGES, "tests", "examples", "bench")
"""All folders that hold Python, those included that are not there yet."""

_TRACKED_HIDDEN = frozenset({".ci", ".github", ".gitignore", ".gitattributes"})
_MADE = frozenset({"build", "dist", "__pycache__", "report.html"})

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Scope = FunctionNode | ast.ClassDef


@dataclass(frozen=True)
class Definition:
    """A function or class where it is defined.

    Attributes:
        name: qualified, as `shim.wire.sse.SSEDecoder.feed`.
        path: the module's file.
        node: its syntax tree.
        scopes: the classes and functions it stands in, outermost first.
    """

    name: str
    path: Path
    node: Scope
    scopes: tuple[Scope, ...]

    @property
    def place(self) -> str:
        """Where it stands, as `file:line`."""
        return place(self.path, self.node.lineno)

    @property
    def owner(self) -> ast.ClassDef | None:
        """The class it is a member of, None for a function of a module or of another function."""
        scope = self.scopes[-1] if self.scopes else None
        return scope if isinstance(scope, ast.ClassDef) else None

    @property
    def decorators(self) -> frozenset[str]:
        """The last word of each decorator: `overload` for `@typing.overload`."""
        return frozenset(ast.unparse(node).split("(")[0].split(".")[-1] for node in self.node.decorator_list)


def all_files() -> list[Path]:
    """Every file of the project that is its own work: nothing built, cached or installed."""
    return sorted(path for path in _walk(ROOT) if path.is_file())


def python_files(*folders: str) -> list[Path]:
    """The modules under the given folders of the project."""
    return [path for path in all_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def place(path: Path, line: int = 1) -> str:
    """A place as `file:line`, the form editors and terminals make a link of."""
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


def module_name(path: Path) -> str:
    """The dotted name a file is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Definitions are statements: what is below an expression need not be walked.
_HOLD_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)


@cache
def syntax(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_bytes(), str(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of a module's syntax tree, from the root down."""
    return tuple(ast.walk(syntax(path)))


@cache
def tokens(path: Path) -> tuple[tokenize.TokenInfo, ...]:
    """The tokens of a module, comments included."""
    with path.open("rb") as file:
        return tuple(tokenize.tokenize(file.readline))


def definitions(path: Path) -> Iterator[Definition]:
    """Every function and class of a module, those inside others included."""
    yield from definitions_in(syntax(path), path, name=module_name(path))


def definitions_in(node: ast.AST, path: Path, *, name: str, scopes: tuple[Scope, ...] = ()) -> Iterator[Definition]:
    """Every function and class below a node that is called `name` and stands in `scopes`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            child_name = f"{name}.{child.name}"
            yield Definition(child_name, path, child, scopes)
            yield from definitions_in(child, path, name=child_name, scopes=(*scopes, child))
        elif isinstance(child, _HOLD_STATEMENTS):
            yield from definitions_in(child, path, name=name, scopes=scopes)


def functions(*folders: str) -> Iterator[tuple[Definition, FunctionNode]]:
    """Every function under the given folders, with its node."""
    for path in python_files(*folders):
        for definition in definitions(path):
            if not isinstance(definition.node, ast.ClassDef):
                yield definition, definition.node


def complain(findings: list[str], remedy: str) -> str:
    """The message of a failed house test: each finding with its place, and what to do."""
    return "\n".join(["", *findings, f"Remedy: {remedy}"])


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        hidden = path.name.startswith(".") and path.name not in _TRACKED_HIDDEN
        if hidden or path.name in _MADE or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path
