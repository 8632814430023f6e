"""Tests that everything says what it is: modules, public definitions, and the promise of each test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house.sources import (
    EVERYTHING,
    PACKAGES,
    Definition,
    complain,
    definitions,
    definitions_in,
    functions,
    place,
    python_files,
    syntax,
)

LONGEST_PLATE = 120

# `shim.provider.Provider` documents these once, for every class that has them all.
PROVIDER_METHODS = frozenset(
    {"start_request", "start_stream", "fileno", "fdset", "timeout", "perform", "info_read", "cancel", "close"}
)

# A sentence ends where a mark is followed by a new beginning; code in backticks and words in quotation marks hide theirs.
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|'[^' ]*'|\(.*?\)")
_SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!cf)[.!?][\"')]*\s+(?=[A-Z_])")


def test_modules_have_door_plates() -> None:
    """Every module begins with a docstring whose first line is a sentence that says what it is."""
    faults = [(path, plate_fault(ast.get_docstring(syntax(path)))) for path in python_files(*EVERYTHING)]
    findings = [f"{place(path)}: {fault}" for path, fault in faults if fault]
    assert not findings, complain(
        findings,
        'begin the file with """What it is, in one line.""", then what it is not and where that lives, then its source.',
    )


def plate_fault(docstring: str | None) -> str | None:
    """What is wrong with a module's docstring."""
    if not docstring:
        return "no docstring"
    first = docstring.splitlines()[0]
    if not first.endswith("."):
        return f"the first line is no whole sentence: {first!r}"
    return (
        f"the first line has {len(first)} characters, {LONGEST_PLATE} at most" if len(first) > LONGEST_PLATE else None
    )


def test_tests_state_their_promise() -> None:
    """Every test has a docstring of exactly one sentence."""
    tests = [
        each
        for each, node in functions("tests")
        if node.name.startswith("test_") and each.path.name.startswith("test_")
    ]
    faults = [(each, promise_fault(docstring_of(each))) for each in tests]
    findings = [f"{each.place}: {each.name}: {fault}" for each, fault in faults if fault]
    assert not findings, complain(
        findings, "write the promise the test keeps, as one sentence that ends in a full stop."
    )


def promise_fault(docstring: str | None) -> str | None:
    """What is wrong with a test's docstring."""
    if not docstring:
        return "no docstring"
    if not docstring.endswith("."):
        return "does not end in a full stop"
    if _SENTENCE_END.search(_QUOTED.sub("X", docstring)) or "\n\n" in docstring:
        return "more than one sentence"
    return None


def test_public_definitions_are_documented() -> None:
    """Every public class, function and method of the packages has a docstring."""
    found = [each for path in python_files(*PACKAGES) for each in definitions(path) if needs_docstring(each)]
    findings = [f"{each.place}: {each.name}" for each in found if not docstring_of(each)]
    assert not findings, complain(
        findings, "say what it does, with units and the errors it raises; or make it private."
    )


def docstring_of(definition: Definition) -> str | None:
    """The docstring of a definition, unindented."""
    return ast.get_docstring(definition.node)


def needs_docstring(definition: Definition) -> bool:
    """Whether a definition is public and not described elsewhere."""
    if any(part.startswith("_") for part in definition.name.split(".")):
        return False
    inside_function = any(isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef) for parent in definition.scopes)
    if inside_function or definition.decorators & {"overload", "override", "setter", "deleter"}:
        return False
    owner = definition.owner
    return owner is None or not (is_protocol(owner) or is_provider_method(definition.node.name, owner))


def is_protocol(owner: ast.ClassDef) -> bool:
    """Whether a class is a typing protocol."""
    return any(ast.unparse(base).split("[")[0].split(".")[-1] == "Protocol" for base in owner.bases)


def is_provider_method(name: str, owner: ast.ClassDef) -> bool:
    """Whether a method is one of the provider interface, in a class that implements or extends it."""
    methods = {node.name for node in owner.body if isinstance(node, ast.FunctionDef)}
    return name in PROVIDER_METHODS and {"perform", "info_read"} <= methods


def test_the_rules_can_fail() -> None:
    """A missing, an unfinished and a double sentence are each told apart from a good one."""
    assert plate_fault("A thing: what it is.\n\nMore.") is None
    assert plate_fault("A thing that") == "the first line is no whole sentence: 'A thing that'"
    assert plate_fault("A" * 121 + ".") == "the first line has 122 characters, 120 at most"
    assert promise_fault("Each `a. B` is kept, e.g. Ünder load, version 1.2 included.") is None
    assert promise_fault("It holds. It holds twice.") == "more than one sentence"
    assert promise_fault("It holds") == "does not end in a full stop"
    assert promise_fault(None) == plate_fault(None) == "no docstring"


SAMPLE = """
def public(): ...
def _private(): ...
class Public:
    def __repr__(self): ...
    def method(self):
        def inside(): ...
    if TYPE_CHECKING:
        def conditional(self): ...
    @typing.overload
    def overloaded(self): ...
class Shape(Protocol[T]):
    def method(self): ...
class Layer:
    def perform(self): ...
    def info_read(self): ...
    def own(self): ...
"""


def test_what_needs_a_docstring() -> None:
    """Public definitions need one; private, special, inner and overloaded ones and those described elsewhere do not."""
    found = definitions_in(ast.parse(SAMPLE), Path("sample.py"), name="shim.sample")
    needed = [each.name.removeprefix("shim.sample.") for each in found if needs_docstring(each)]
    assert needed == ["public", "Public", "Public.method", "Public.conditional", "Shape", "Layer", "Layer.own"]
