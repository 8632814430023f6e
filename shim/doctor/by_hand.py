"""The API called by hand, by the addresses that stand in the code, and libraries that import openai themselves.

Not calls through openai (`scanning`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator

from shim.doctor.finding import Finding, Support
from shim.doctor.libraries import HTTP_LIBRARIES, THIRD_PARTY
from shim.doctor.reading import SourceText
from shim.doctor.resolving import Resolver
from shim.doctor.scopes import Scope
from shim.migration.upgrades import RETIRED_ENDPOINTS

_ADDRESS = re.compile(r"(?:api\.openai\.com|\.openai\.azure\.com)(?P<path>[\w./{}-]*)")
# A path of the API whose host stands in a setting; behind a host of its own it is another vendor's.
_PATH = re.compile(
    r"(?P<path>/v1/(?:chat/completions|completions|embeddings|edits|moderations|images/\w+|audio/\w+|engines/\S*|fine-tunes)"
    r"|/chat/completions)"
)
_SETTINGS = frozenset({"api_base", "base_url", "openai_api_base", "azure_endpoint", "OPENAI_API_BASE"})


def findings(source: SourceText, resolver: Resolver, *, own: Container[str] = ()) -> Iterator[Finding]:
    """The addresses and the libraries of one module; `own` are packages of the program itself."""
    nodes = [node for node, _ in resolver.nodes]
    passed_over = _docstrings(nodes) | _settings(nodes)
    libraries = _imported(nodes, HTTP_LIBRARIES)
    imports_openai = bool(_imported(nodes, {"openai": ""}))
    for node, scope in resolver.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in passed_over:
            yield from _address(source, node, libraries=libraries)
        elif isinstance(node, ast.Call) and imports_openai and _posts_somewhere(node, resolver, scope=scope):
            reason = "Only running tells the address; where it is the API's, the API is called by hand."
            yield Finding(source.place(node), "http", ast.unparse(node.func), Support.SUPPORTED, reason)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _third_party(source, node, own=own)


def _address(source: SourceText, node: ast.Constant, *, libraries: list[str]) -> Iterator[Finding]:
    text = str(node.value)
    found = _ADDRESS.search(text) or (_PATH.fullmatch(text) if libraries else None)
    if found is None:
        return
    path = re.sub(r"^/?v1/?", "", found["path"]).strip("/")
    gone = RETIRED_ENDPOINTS.get(path.partition("/")[0])
    lost = "" if gone is None else f" The endpoint /v1/{gone.path} was shut down on {gone.retires}; use {gone.instead}."
    if libraries:
        reason = f"The API is called by hand ({', '.join(libraries)}).{lost}"
        yield Finding(source.place(node), "http", found[0], Support.HAND, reason, HTTP_LIBRARIES[libraries[0]])
    else:
        standing = Support.SUPPORTED if gone is None else Support.HAND
        yield Finding(source.place(node), "http", found[0], standing, f"The API's address stands here.{lost}", "")


def _posts_somewhere(node: ast.Call, resolver: Resolver, *, scope: Scope) -> bool:
    """Whether a call posts JSON to an address that is no literal."""
    if (
        not node.args
        or isinstance(node.func, ast.Call)
        or not {"requests.post", "httpx.post"} & {*resolver.paths(node.func, scope)}
    ):
        return False
    return not any(isinstance(each, ast.Constant) for each in ast.walk(node.args[0]))


def _third_party(source: SourceText, node: ast.Import | ast.ImportFrom, *, own: Container[str]) -> Iterator[Finding]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [node.module] if node.module and node.level == 0 else []
    for top in dict.fromkeys(name.partition(".")[0] for name in names):
        if top not in THIRD_PARTY or top in own:
            continue
        reason = f"{THIRD_PARTY[top]} imports openai itself, and reads its settings."
        remedy = (
            "Start the program with `shim run`, or call openai_v0.install() before this import; an alias is not enough."
        )
        yield Finding(source.place(node), "third-party", top, Support.SUPPORTED, reason, remedy)


def _imported(nodes: list[ast.AST], wanted: dict[str, str]) -> list[str]:
    found: dict[str, None] = {}
    for node in nodes:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        found.update(dict.fromkeys(name.partition(".")[0] for name in names if name.partition(".")[0] in wanted))
    return list(found)


def _docstrings(nodes: list[ast.AST]) -> set[ast.AST]:
    """Texts that stand alone as statements: documentation, or code commented out."""
    return {node.value for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}


def _settings(nodes: list[ast.AST]) -> set[ast.AST]:
    """Texts that are the base address given to a client."""
    found: set[ast.AST] = set()
    for node in nodes:
        if (isinstance(node, ast.keyword) and node.arg in _SETTINGS) or (
            isinstance(node, ast.Assign) and any(_name_of(each) in _SETTINGS for each in node.targets)
        ):
            found |= set(ast.walk(node.value))
    return found


def _name_of(target: ast.expr) -> str:
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
