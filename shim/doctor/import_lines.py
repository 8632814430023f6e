"""The import lines of one module that name openai, written for the drop-in, and what stands where no import line reaches.

Not the files (`fixing`). SourceText text is edited at the statements' own places, so that all else stays as it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator

from shim.compat.v0_names import LATER_NAMES
from shim.doctor.libraries import THIRD_PARTY
from shim.doctor.reading import LINES, parsed

DROP_IN = "shim.compat.openai_v0"
"""The module that stands for openai."""
_PACKAGE, _, _NAME = DROP_IN.rpartition(".")
# Those that `import openai` itself loads.
_LOADED = frozenset({"error", "util", "version", "api_resources", "api_requestor", "openai_object", "openai_response"})
_FROM = re.compile(rb"(?P<before>from\s+)openai(?P<after>(?:\.\w+)*\s+import\b)")
_IN_TEXT = re.compile(r"(?:\w+\.)*openai(?:\.\w+)*\Z")

_Import = ast.Import | ast.ImportFrom


def rewritten(text: str, *, libraries: Container[str] = THIRD_PARTY) -> tuple[str, list[str]]:
    """A module's text with its import lines written anew, and what they do not reach; as it was where it is of openai 1.x.

    Args:
        text: the module's.
        libraries: packages that import openai themselves, each told where it is imported.

    Raises:
        UnreadableSourceError: it cannot be parsed.
    """
    tree = parsed(text)
    statements = [node for node in ast.walk(tree) if isinstance(node, _Import) and _names_openai(node)]
    if not statements or _is_later(tree):
        return text, []
    lines = [line.encode("utf-8") for line in LINES.split(text)]
    for node in sorted(statements, key=lambda each: (each.lineno, each.col_offset), reverse=True):
        if isinstance(node, ast.ImportFrom):
            _replace_from(lines, node)
        else:
            _replace_import(lines, node)
    return b"".join(lines).decode("utf-8"), list(dict.fromkeys(_left(tree, libraries)))


def _names_openai(node: _Import) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and _is_openai(node.module or "")
    return any(_is_openai(alias.name) for alias in node.names)


def _is_openai(name: str) -> bool:
    return name == "openai" or name.startswith("openai.")


def _is_later(tree: ast.Module) -> bool:
    """Whether a module is of openai 1.x: it imports or asks for a name that only that has."""
    return any(_is_later_import(node) or _is_later_name(node) for node in ast.walk(tree))


def _is_later_import(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "openai"
        and any(each.name in LATER_NAMES for each in node.names)
    )


def _is_later_name(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr not in LATER_NAMES or not isinstance(node.ctx, ast.Load):
        return False
    return isinstance(node.value, ast.Name) and node.value.id == "openai"


def _replace_from(lines: list[bytes], node: ast.ImportFrom) -> None:
    """Only the module's name is another: parentheses, comments and names stay."""
    first = node.lineno - 1
    line = lines[first]
    after = _FROM.sub(rb"\g<before>" + DROP_IN.encode() + rb"\g<after>", line[node.col_offset :], count=1)
    lines[first] = line[: node.col_offset] + after


def _replace_import(lines: list[bytes], node: ast.Import) -> None:
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset or 0 :]
    statements = _statements(node)
    alone = not before.strip() and not after.strip().startswith(b";")
    end = lines[first][len(lines[first].rstrip(b"\r\n")) :] or b"\n"
    joint = end + before if alone else b"; "
    lines[first : last + 1] = [
        before + joint.join(each.encode() for each in statements) + after,
        *[b""] * (last - first),
    ]


def _statements(node: ast.Import) -> list[str]:
    others = [
        f"{each.name} as {each.asname}" if each.asname else each.name
        for each in node.names
        if not _is_openai(each.name)
    ]
    written = [f"import {', '.join(others)}"] if others else []
    for alias in node.names:
        if _is_openai(alias.name):
            written += _statements_of(alias)
    return list(dict.fromkeys(written))


def _statements_of(alias: ast.alias) -> list[str]:
    _, _, below = alias.name.partition(".")
    if alias.asname is None:
        written = [f"from {_PACKAGE} import {_NAME} as openai"]
        return written if below.partition(".")[0] in ("", *_LOADED) else [*written, f"import {DROP_IN}.{below}"]
    if not below:
        return [f"from {_PACKAGE} import {_NAME} as {alias.asname}"]
    package, _, name = f"{DROP_IN}.{below}".rpartition(".")
    return [f"from {package} import {name} as {alias.asname}"]


def _left(tree: ast.Module, libraries: Container[str]) -> Iterator[str]:
    """What an import line does not reach: names in texts, and libraries that import openai themselves."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _IN_TEXT.match(node.value)
            and node.value != "openai"
        ):
            yield f"line {node.lineno}: the text {node.value!r} still names openai"
        elif isinstance(node, ast.Call) and _imports_by_text(node):
            yield f"line {node.lineno}: {ast.unparse(node)} still imports openai"
        elif isinstance(node, _Import):
            yield from (f"line {node.lineno}: {_LIBRARY.format(top)}" for top in _tops(node) if top in libraries)


_LIBRARY = "{} imports openai itself; start the program with `shim run` instead"


def _tops(node: _Import) -> list[str]:
    """The packages that a statement imports from, each once; none for a relative import."""
    names = [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    relative = isinstance(node, ast.ImportFrom) and node.level > 0
    return [] if relative else list(dict.fromkeys(name.partition(".")[0] for name in names))


def _imports_by_text(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    return name in ("import_module", "__import__") and isinstance(first, ast.Constant) and first.value == "openai"
