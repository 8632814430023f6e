"""Tests of the house numbers: sizes, shapes of signatures, and a reason beside every exemption."""

from __future__ import annotations

import ast
import fnmatch
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

from tests.house.sources import (
    EVERYTHING,
    PACKAGES,
    ROOT,
    Definition,
    FunctionNode,
    complain,
    definitions_in,
    functions,
    place,
    python_files,
    tokens,
)

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
MOST_POSITIONAL = 2

# Signatures that others fix: an interface that is built on, or a library whose method is overridden. Patterns of qualified names.
FIXED_SIGNATURES = {
    "legacy_openai.*MultiClient.add_request": "the frozen client's own",
    "legacy_openai.*chat_create": "the frozen client's own",
    "shim.compat.legacy_multi.*add_request": "the frozen client's own",
    "shim.compat.legacy_multi.*chat_create": "the frozen client's own",
    "shim.*.start_stream": "the interface: a request, and who is told of it",
    "shim.wire.failure.parse_error": "status, headers and body of one answer",
    "shim.migration.*MigratingProvider.__init__": "control, candidate and what decides between them",
    "shim.model.errors._rebuild": "pickle passes by position",
    "shim.compat.openai_v0.*": "openai 0.28.1",
    "*.__exit__": "the language's",
    "*.__aexit__": "the language's",
    "*Adapter.send": "requests.adapters.HTTPAdapter.send",
}

_SKIPPED_TOKENS = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
_NOQA = re.compile(r"#\s*noqa(?P<codes>:\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?(?P<rest>.*)", re.IGNORECASE)
_TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<codes>\[[\w\s,-]+\])?(?P<rest>.*)")
_RULE = re.compile(r"\"[A-Z]{1,5}\d{0,4}\"")


def test_modules_are_short() -> None:
    """No module has more than 400 lines."""
    counts = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*EVERYTHING)}
    findings = [f"{place(path)}: {count} lines" for path, count in counts.items() if count > LONGEST_MODULE]
    assert not findings, complain(
        findings, f"split it by responsibility; {LONGEST_MODULE} is the limit and 300 the habit."
    )


def test_functions_are_short() -> None:
    """No function has more than 60 lines of code."""
    sizes = [
        (each, size_of(each.path, node))
        for each, node in functions(*EVERYTHING)
        if (node.end_lineno or node.lineno) - node.lineno >= LONGEST_FUNCTION  # a shorter one need not be read by token
    ]
    findings = [
        f"{each.place}: {each.name} has {size} lines of code" for each, size in sizes if size > LONGEST_FUNCTION
    ]
    assert not findings, complain(findings, "name its steps and make each a function, or turn its cases into a table.")


def size_of(path: Path, node: FunctionNode) -> int:
    """Lines of code of a function, signature included; docstring, comments and blank lines are not."""
    last = node.end_lineno or node.lineno
    lines = code_lines(path).intersection(range(node.lineno, last + 1))
    first = node.body[0]
    if ast.get_docstring(node) is not None and first.lineno > node.lineno:
        lines = lines.difference(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


@cache
def code_lines(path: Path) -> frozenset[int]:
    """The lines of a module that hold code."""
    held = [token for token in tokens(path) if token.type not in _SKIPPED_TOKENS]
    return frozenset(line for token in held for line in range(token.start[0], token.end[0] + 1))


def test_booleans_are_named() -> None:
    """No boolean parameter of the packages can be passed by position."""
    found = [(each, positional_booleans(node)) for each, node in functions(*PACKAGES) if is_ours_to_shape(each)]
    findings = [f"{each.place}: {each.name}({name})" for each, names in found for name in names]
    assert not findings, complain(findings, "put it behind `*`, or make two functions or an enum of it.")


def test_few_arguments_go_by_position() -> None:
    """Functions of the packages take at most two arguments by position."""
    found = [
        (each, [arg.arg for arg in own_positional(each, node)])
        for each, node in functions(*PACKAGES)
        if is_ours_to_shape(each)
    ]
    findings = [
        f"{each.place}: {each.name}({', '.join(names)})" for each, names in found if len(names) > MOST_POSITIONAL
    ]
    assert not findings, complain(
        findings,
        "put `*` after the second; a signature somebody else fixes goes into FIXED_SIGNATURES with its source.",
    )


def is_ours_to_shape(definition: Definition) -> bool:
    """Whether a signature is free: neither a contract nor a property's setter."""
    fixed = any(fnmatch.fnmatchcase(definition.name, pattern) for pattern in FIXED_SIGNATURES)
    return not fixed and "setter" not in definition.decorators


def positional(node: FunctionNode) -> list[ast.arg]:
    """The parameters that can be given by position."""
    return [*node.args.posonlyargs, *node.args.args]


def own_positional(definition: Definition, node: FunctionNode) -> list[ast.arg]:
    """The same without `self` or `cls`."""
    bound = definition.owner is not None and "staticmethod" not in definition.decorators
    return positional(node)[1:] if bound else positional(node)


def positional_booleans(node: FunctionNode) -> list[str]:
    """The positional parameters that are booleans by annotation or default."""
    arguments = positional(node)
    defaults = [None] * (len(arguments) - len(node.args.defaults)) + list(node.args.defaults)
    return [arg.arg for arg, default in zip(arguments, defaults, strict=True) if is_boolean(arg, default)]


def is_boolean(arg: ast.arg, default: ast.expr | None) -> bool:
    """Whether a parameter is a boolean."""
    annotated = arg.annotation is not None and "bool" in ast.unparse(arg.annotation).replace("'", "").split(" | ")
    return annotated or (isinstance(default, ast.Constant) and isinstance(default.value, bool))


def test_every_waiver_has_a_reason() -> None:
    """Every `noqa` and `type: ignore` names its codes and a reason, and none waives complexity."""
    found = [
        (path, token, waiver_fault(token.string))
        for path in python_files(*EVERYTHING)
        if may_waive(path.read_text(encoding="utf-8"))
        for token in comments(path)
    ]
    findings = [f"{place(path, token.start[0])}: {fault}: {token.string}" for path, token, fault in found if fault]
    assert not findings, complain(
        findings, "better: change the code. Else `noqa: CODE - reason`, `type: ignore[code]  # reason`."
    )


def may_waive(text: str) -> bool:
    """Whether a module may hold a waiver; only such a one is read by token."""
    return _NOQA.search(text) is not None or _TYPE_IGNORE.search(text) is not None


def comments(path: Path) -> list[tokenize.TokenInfo]:
    """The comments of a module."""
    return [token for token in tokens(path) if token.type == tokenize.COMMENT]


def waiver_fault(comment: str) -> str | None:
    """What is wrong with a comment that waives a check; None for a good one, and for any other comment."""
    match = _NOQA.search(comment) or _TYPE_IGNORE.search(comment)
    if match is None:
        return None
    if not match["codes"]:
        return "waives without a code"
    if "C901" in match["codes"]:
        return "complexity has no waiver"
    return None if re.search(r"[^\W\d]{2}", match["rest"]) else "waives without a reason"


def test_every_setting_that_forgives_has_a_reason() -> None:
    """Every ignored rule in pyproject.toml has its reason on the same line."""
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    findings = [f"pyproject.toml:{number}: {line.strip()}" for number, line in forgiving(lines) if "#" not in line]
    assert not findings, complain(findings, "write the reason as a comment beside the rule.")


def forgiving(lines: list[str]) -> list[tuple[int, str]]:
    """The lines of a settings file that exempt something from a rule."""
    found = []
    section, in_list = "", False
    for number, line in enumerate(lines, 1):
        section = line if line.startswith("[") else section
        in_list = in_list or bool(re.match(r"(extend-)?ignore\s*=", line))
        if (in_list or "per-file-ignores" in section) and _RULE.search(line):
            found.append((number, line))
        in_list = in_list and not line.split("#")[0].rstrip().endswith("]")
    return found


def parsed(source: str) -> FunctionNode:
    """The function a piece of source defines."""
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(a: bool, b=True, c: 'bool | None' = None, *, d: bool = False): ...", ["a", "b", "c"]),
        ("def f(a: int, b=1, *, c=True): ...", []),
    ],
)
def test_booleans_are_seen(source: str, names: list[str]) -> None:
    """A boolean is known by its annotation or its default, and only where it can go by position."""
    assert positional_booleans(parsed(source)) == names


METHODS = """
class Sample:
    def bound(self, a, b, /, c, *, d): ...
    @staticmethod
    def free(a, b): ...
    @classmethod
    def of(cls, a): ...
    @value.setter
    def value(self, a: bool): ...
    def start_stream(self, a, b, c): ...
"""


def test_positions_are_counted() -> None:
    """Positions are counted without `self` and `cls`, and not at all in setters and signatures others fix."""
    counts = {
        each.node.name: len(own_positional(each, each.node))
        for each in definitions_in(ast.parse(METHODS), Path("sample.py"), name="shim.sample")
        if not isinstance(each.node, ast.ClassDef) and is_ours_to_shape(each)
    }
    assert counts == {"bound": 3, "free": 2, "of": 1}


def test_lines_of_code_are_counted(tmp_path: Path) -> None:
    """Size counts signature and code, and not docstring, comments or blank lines."""
    path = tmp_path / "sample.py"
    path.write_text(
        'def f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    # a reason\n\n    return (\n        a\n    )\n'
    )
    assert size_of(path, parsed(path.read_text())) == 6


@pytest.mark.parametrize(
    ("comment", "fault"),
    [
        ("# noqa", "waives without a code"),
        ("# noqa: S101", "waives without a reason"),
        ("# noqa: C901 - it is long", "complexity has no waiver"),
        ("# noqa: S101, S102 - a reason", None),
        ("# type: ignore", "waives without a code"),
        ("# type: ignore[arg-type]", "waives without a reason"),
        ("# type: ignore[arg-type]  # a reason", None),
        ("# an ordinary remark", None),
    ],
)
def test_waivers_are_read(comment: str, fault: str | None) -> None:
    """A waiver without a code or a reason is told apart from a good one and from other comments."""
    assert waiver_fault(comment) == fault


SETTINGS = """\
select = [
    "A",
]
ignore = [
    "D1",  # why
]
other = ["B"]
extend-ignore = ["E"]
[lint.per-file-ignores]
"tests" = [
    "S101",
]
"bench" = ["T20"]
[other]
names = ["Q"]
"""


def test_forgiving_settings_are_found() -> None:
    """Ignored rules are found in every form the settings file has, and other lists are not taken for them."""
    assert [number for number, _ in forgiving(SETTINGS.splitlines())] == [5, 8, 11, 13]
