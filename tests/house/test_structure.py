"""Tests of the structure between files: no circles, one place for each public class, and door plates that lead somewhere."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from tests.house.sources import PACKAGES, complain, module_name, nodes, place, python_files, syntax
from tests.house.test_imports import STANDARD, imports_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# Name -> the modules it may stand in, with the reason.
TWINS = {
    # Two codecs with the same verbs: whoever has one of them need not know which.
    "StreamDecoder": {"shim.wire.chat.stream", "shim.wire.responses.stream"},
    # Public names of the test server, older than the rule: who imports them there would be broken.
    "Answer": {"shim.testing.fake_openai.answers", "shim.testing.script"},
    "RecordedRequest": {"shim.testing.fake_openai.ledger", "shim.recording.exchange"},
}

# Rooms whose class names are others': the frozen client's, and openai 0.28's, which its callers import by them.
FOREIGN_NAMES = ("legacy_openai", "shim.compat.openai_v0")

_NOT = re.compile(r"^Not .*?(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)
_WHERE = re.compile(r"\(([^()]*`[^()]*)\)")
_NAME = re.compile(r"`([a-z_][a-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)`")


@cache
def modules() -> Mapping[str, Path]:
    """Every module of the packages, by its dotted name."""
    return {module_name(path): path for path in python_files(*PACKAGES)}


def module_of(target: str) -> str | None:
    """The module that an imported name is, or is in; None where it is not ours."""
    while target and target not in modules():
        target = target.rpartition(".")[0]
    return target or None


def imported(module: str) -> set[str]:
    """The modules of ours that a module imports, wherever in it."""
    path = modules()[module]
    found = {module_of(each.target) for each in imports_of(path)}
    return {each for each in found if each is not None and each != module}


def circles(edges: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """The groups of modules that reach each other (Tarjan's strongly connected components), those of one left out."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> Iterator[list[str]]:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(edges[module]):
            if other not in index:
                yield from visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                yield sorted(group)

    for module in sorted(edges):
        if module not in index:
            yield from visit(module)


def test_no_files_import_each_other_in_a_circle() -> None:
    """No module reaches itself by imports, those for types included; the frozen client and packages' own fronts aside."""
    packages = {name for name, path in modules().items() if path.name == "__init__.py"}
    edges = {
        name: {each for each in imported(name) if each not in packages}
        for name in modules()
        if name not in packages and not name.startswith("legacy_openai")
    }
    edges = {name: {each for each in targets if each in edges} for name, targets in edges.items()}
    findings = [" <-> ".join(group) for group in circles(edges)]
    assert not findings, complain(
        findings, "give the lower one a Protocol of what it needs, or move what both need below."
    )


def test_circles_are_found() -> None:
    """A circle of two and one of three are found, and a chain is none."""
    assert list(circles({"a": {"b"}, "b": {"a", "c"}, "c": set()})) == [["a", "b"]]
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == [["a", "b", "c"]]
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": set()})) == []


def test_a_public_class_name_stands_in_one_module() -> None:
    """Whoever greps for a class finds one; names that others fixed aside."""
    places: defaultdict[str, set[str]] = defaultdict(set)
    for name, path in modules().items():
        for node in syntax(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not name.startswith(FOREIGN_NAMES):
                places[node.name].add(name)
    findings = [
        f"{name}: {', '.join(sorted(found))}"
        for name, found in sorted(places.items())
        if len(found) > 1 and found != TWINS.get(name)
    ]
    assert not findings, complain(findings, "give each idea its own name, or the one idea one class.")


@cache
def known_names() -> frozenset[str]:
    """Every name defined in the packages, and the last word of every module's."""
    names = {name.rpartition(".")[2] for name in modules()} | {path.parent.name for path in modules().values()}
    for path in modules().values():
        for node in nodes(path):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.Name | ast.Attribute):
                names.add(node.id if isinstance(node, ast.Name) else node.attr)
    return frozenset(names)


def leads_somewhere(name: str) -> bool:
    """Whether what a door plate names is there: a module of ours, something in one, or a name of our code."""
    head, _, rest = name.partition(".")
    if head in STANDARD:
        return True
    if head not in PACKAGES:
        return head in known_names() or any(part in known_names() for part in rest.split("."))
    module = module_of(name)
    missing = name[len(module) :].strip(".") if module else name
    return not missing or (bool(module) and module != head and missing.split(".")[0] in known_names())


def test_what_a_door_plate_names_exists() -> None:
    """Every module or name of ours that a door plate sends its reader to is there."""
    findings = []
    for path in python_files(*PACKAGES):
        said = " ".join(_NOT.findall(ast.get_docstring(syntax(path)) or ""))
        names = _NAME.findall(" ".join(_WHERE.findall(said)))
        findings += [f"{place(path)}: `{name}`" for name in names if not leads_somewhere(name)]
    assert not findings, complain(findings, "name the module that is there now.")
