"""The API called by hand, by the addresses that stand in the code, and libraries that import openai themselves.

Not calls through openai (`scanning`).
"""

from __future__ import annotations

import ast
import re
from collections import Counter
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
    r"|/chat/completions|/?openai/deployments(?:[/?]\S*)?)"
)
# What stands before the endpoint in a path: the version, an Azure deployment, an engine.
_BEFORE = re.compile(r"^(?:v1/|openai/(?:v1/)?|deployments/[^/]*/|engines/[^/]+/(?=.))*")
_CARRIED = frozenset({"chat/completions", "completions", "responses"})
_OTHERS = frozenset({"embeddings", "models", "files", "moderations", "images", "audio", "fine_tuning", "uploads"})
_WITH_HOST = re.compile(r"https?://[^/{]+")
_MOST_PARTS = 16  # of an address; texts with more are prose
_SETTINGS = frozenset({"api_base", "base_url", "openai_api_base", "azure_endpoint", "OPENAI_API_BASE"})


def findings(source: SourceText, resolver: Resolver, *, own: Container[str] = ()) -> Iterator[Finding]:
    """The addresses and the libraries of one module; `own` are packages of the program itself."""
    nodes = [node for node, _ in resolver.nodes]
    passed_over = _docstrings(nodes) | _settings(nodes)
    libraries = _imported(nodes, HTTP_LIBRARIES)
    based = dict(_based(resolver, but=passed_over)) if libraries else {}
    passed_over |= {each for node in based for each in ast.walk(node)} | _hosts_alone(nodes, libraries=libraries)
    behind = _behind(nodes)
    fixed = _fixed(nodes) if _imported(nodes, {"openai": ""}) else None
    for node, scope in resolver.nodes:
        if node in based:
            yield _by_hand(source, node, name=f"openai.api_base{based[node]}", path=based[node], libraries=libraries)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in passed_over:
            yield from _address(source, node, libraries=libraries, behind=behind.get(node, ""))
        elif isinstance(node, ast.Call) and fixed is not None and _posts_somewhere(node, resolver, scope=scope):
            if not isinstance(node.args[0], ast.Name) or node.args[0].id not in fixed:
                reason = "Only running tells the address; where it is the API's, the API is called by hand."
                yield Finding(source.place(node), "http", ast.unparse(node.func), Support.SUPPORTED, reason)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _third_party(source, node, own=own)


def _address(source: SourceText, node: ast.Constant, *, libraries: list[str], behind: str) -> Iterator[Finding]:
    text = str(node.value)
    found = _ADDRESS.search(text) or (_PATH.fullmatch(text) if libraries else None)
    if found is None:
        return
    path = found["path"] + (behind if found.end() == len(text) else "")
    if libraries:
        yield _by_hand(source, node, name=found[0], path=path, libraries=libraries)
    else:
        gone, lost = _gone(path)
        standing = Support.HAND if gone else Support.SUPPORTED
        yield Finding(source.place(node), "http", found[0], standing, f"The API's address stands here.{lost}", "")


def _by_hand(source: SourceText, node: ast.AST, *, name: str, path: str, libraries: list[str]) -> Finding:
    """A call by hand: proven and moved where it asks for a chat or completion, left alone where it asks for something else."""
    gone, lost = _gone(path)
    endpoint = _endpoint(path)
    standing, reason, remedy = Support.HAND, f"The API is called by hand ({', '.join(libraries)}).{lost}", ""
    is_list = endpoint == "deployments" and not path.partition("?")[0].endswith("/")
    if (endpoint.partition("/")[0] in _OTHERS or is_list) and not gone:
        standing, remedy = Support.SUPPORTED, "It may stay: what moves are chats and completions."
    elif gone and endpoint not in _CARRIED:
        remedy = "Ask another endpoint: one that is gone can be compared with nothing."
    else:
        remedy = HTTP_LIBRARIES[libraries[0]]
    return Finding(source.place(node), "http", name, standing, reason, remedy)


def _hosts_alone(nodes: list[ast.AST], *, libraries: list[str]) -> set[ast.AST]:
    """Hosts without a path, where a path that asks for something stands in the module: that is told, not both."""
    texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if not libraries or not any(_PATH.fullmatch(str(node.value)) for node in texts):
        return set()
    found = ((node, _ADDRESS.search(str(node.value))) for node in texts)
    return {node for node, address in found if address is not None and address["path"].strip("/") in ("", "v1")}


def _gone(path: str) -> tuple[bool, str]:
    """Whether an address leads to an endpoint that was shut down, and the words for it."""
    gone = RETIRED_ENDPOINTS.get(re.sub(r"^/?v1/?", "", path).strip("/").partition("/")[0])
    if gone is None:
        return False, ""
    return True, f" The endpoint /v1/{gone.path} was shut down on {gone.retires}; use {gone.instead}."


def _endpoint(path: str) -> str:
    return _BEFORE.sub("", path.strip("/").partition("?")[0]).strip("/")


def _based(resolver: Resolver, *, but: Container[ast.AST]) -> Iterator[tuple[ast.AST, str]]:
    """Addresses put together from `openai.api_base`, outer expressions alone, each with the path behind it."""
    inner: set[ast.AST] = set()
    for node, scope in resolver.nodes:
        if not isinstance(node, (ast.BinOp, ast.JoinedStr)) or node in inner or node in but:
            continue
        inner.update(ast.walk(node))
        first, *rest = _parts(node)
        names = [each for each in ast.walk(first) if isinstance(each, (ast.Attribute, ast.Name))]
        if any("openai.api_base" in resolver.paths(each, scope) for each in names):
            path = _joined(rest)
            if path and not re.search(r"\s", path):
                yield node, path


def _behind(nodes: list[ast.AST]) -> dict[ast.AST, str]:
    """What follows each literal in a text that is put together."""
    inner: set[ast.AST] = set()
    found: dict[ast.AST, str] = {}
    for node in nodes:
        if isinstance(node, (ast.BinOp, ast.JoinedStr)) and node not in inner:
            parts = _parts(node)
            inner.update(ast.walk(node))
            found.update((part, _joined(parts[at:])) for at, part in enumerate(parts[:_MOST_PARTS], 1))
    return found


def _joined(parts: list[ast.expr]) -> str:
    """The text of some pieces, with {} for what only running tells."""
    return "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in parts[:_MOST_PARTS])


def _parts(node: ast.expr) -> list[ast.expr]:
    """The pieces of a text that is put together, from left to right; without recursion, so that depth is no limit."""
    behind: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        behind.append(node.right)
        node = node.left
    return [
        piece
        for each in (node, *reversed(behind))
        for piece in (each.values if isinstance(each, ast.JoinedStr) and each.values else [each])
    ]


def _posts_somewhere(node: ast.Call, resolver: Resolver, *, scope: Scope) -> bool:
    """Whether a call posts JSON to an address that is no literal."""
    if (
        not node.args
        or isinstance(node.func, ast.Call)
        or not {"requests.post", "httpx.post"} & {*resolver.paths(node.func, scope)}
    ):
        return False
    return not any(isinstance(each, ast.Constant) for each in ast.walk(node.args[0]))


def _fixed(nodes: list[ast.AST]) -> set[str]:
    """Names that are given addresses with a host and nothing else: where such a name leads stands in the code."""
    given: Counter[str] = Counter()
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            given[node.id] += 1
        elif isinstance(node, ast.arg):
            given[node.arg] += 1
    fixed: Counter[str] = Counter()
    for node in nodes:
        if isinstance(node, ast.Assign) and _WITH_HOST.match(_beginning(node.value)):
            fixed.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return {name for name, times in fixed.items() if times == given[name]}


def _beginning(node: ast.expr) -> str:
    first = _parts(node)[0]
    return str(first.value) if isinstance(first, ast.Constant) else ""


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
