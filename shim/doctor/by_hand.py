"""The API called by hand, by the addresses that stand in the code, and libraries that import openai themselves.

Not calls through openai (`scanning`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from shim.doctor.finding import Finding, Standing
from shim.doctor.reading import Source
from shim.doctor.resolving import Resolver
from shim.doctor.scopes import scoped
from shim.migration.upgrades import RETIRED_ENDPOINTS

_ADDRESS = re.compile(r"(?:api\.openai\.com|\.openai\.azure\.com)(?P<path>[\w./{}-]*)")
# A path of the API without its host, which stands in a setting then.
_PATH = re.compile(
    r"(?P<path>/v1/(?:chat/completions|completions|embeddings|edits|moderations|images/\w+|audio/\w+|engines/\S*|fine-tunes)"
    r"|/chat/completions)\Z"
)
_SETTINGS = frozenset({"api_base", "base_url", "openai_api_base", "azure_endpoint", "endpoint", "OPENAI_API_BASE"})

# Library -> how a call through it is proven and moved.
HTTP_LIBRARIES: dict[str, str] = {
    "requests": "Record it (`shim record`, or a tap on its session), compare it, then ask shim.Client.",
    "aiohttp": "Record it (`shim record`), compare it, then ask shim.AsyncClient.",
    "httpx": "Record it (`shim record`), compare it, then ask shim.Client or shim.AsyncClient.",
    "urllib": "Record it (`shim record`), compare it, then ask shim.Client.",
    "urllib3": "Record it (`shim record`), compare it, then ask shim.Client.",
    "http": "Record it (`shim record`), compare it, then ask shim.Client.",
    "pycurl": "Record it (`shim record`), compare it, then ask shim.create_provider('native').",
    "sseclient": "Record it (`shim record`), compare it, then ask shim.Client, which streams events.",
}

# Package -> what it is called, where the name of the package alone would not say it.
THIRD_PARTY: dict[str, str] = {
    "langchain": "langchain",
    "llama_index": "llama-index",
    "gpt_index": "gpt-index (llama-index)",
    "guidance": "guidance",
    "litellm": "litellm",
    "instructor": "instructor",
    "marvin": "marvin",
    "autogen": "autogen",
    "semantic_kernel": "semantic-kernel",
    "dspy": "dspy",
    "dsp": "dspy",
    "lmql": "lmql",
    "promptflow": "promptflow",
    "haystack": "haystack",
    "chromadb": "chromadb",
    "gptcache": "gptcache",
    "guardrails": "guardrails",
    "pandasai": "pandasai",
    "embedchain": "embedchain",
    "evals": "openai evals",
    "llm": "llm",
    "memgpt": "memgpt",
    "fastchat": "fastchat",
    "camel": "camel",
    "helicone": "helicone",
    "langfuse": "langfuse",
    "promptlayer": "promptlayer",
    "openai_function_call": "openai-function-call (instructor)",
    "revChatGPT": "revChatGPT",
    "chatgpt_wrapper": "chatgpt-wrapper",
    "tiktoken": "",
}
_INDEPENDENT = frozenset({"tiktoken"})  # named for OpenAI, and needing nothing: it counts tokens on its own


def findings(source: Source, resolver: Resolver) -> Iterator[Finding]:
    """The addresses and the libraries of one module."""
    documents = _docstrings(source.tree)
    settings = _settings(source.tree)
    libraries = _imported(source.tree, HTTP_LIBRARIES)
    for node, _ in scoped(source.tree, top=resolver.top):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documents | settings:
            yield from _address(source, node, libraries=libraries)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _third_party(source, node)


def _address(source: Source, node: ast.Constant, *, libraries: list[str]) -> Iterator[Finding]:
    text = str(node.value)
    found = _ADDRESS.search(text) or (_PATH.search(text) if libraries else None)
    if found is None:
        return
    path = re.sub(r"^/?v1/?", "", found["path"]).strip("/")
    gone = RETIRED_ENDPOINTS.get(path.partition("/")[0])
    lost = "" if gone is None else f" The endpoint /v1/{gone.path} was shut down on {gone.retires}; use {gone.instead}."
    if libraries:
        reason = f"The API is called by hand ({', '.join(libraries)}).{lost}"
        yield Finding(source.place(node), "http", found[0], Standing.HAND, reason, HTTP_LIBRARIES[libraries[0]])
    else:
        standing = Standing.SUPPORTED if gone is None else Standing.HAND
        yield Finding(source.place(node), "http", found[0], standing, f"The API's address stands here.{lost}", "")


def _third_party(source: Source, node: ast.Import | ast.ImportFrom) -> Iterator[Finding]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [node.module] if node.module and node.level == 0 else []
    for name in names:
        top = name.partition(".")[0]
        if top not in THIRD_PARTY or top in _INDEPENDENT:
            continue
        reason = f"{THIRD_PARTY[top]} imports openai itself, and reads its settings."
        remedy = (
            "Start the program with `shim run`, or call openai_v0.install() before this import; an alias is not enough."
        )
        yield Finding(source.place(node), "third-party", name, Standing.SUPPORTED, reason, remedy)


def _imported(tree: ast.Module, wanted: dict[str, str]) -> list[str]:
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        found.update(dict.fromkeys(name.partition(".")[0] for name in names if name.partition(".")[0] in wanted))
    return list(found)


def _docstrings(tree: ast.Module) -> set[ast.AST]:
    """Texts that stand alone as statements: documentation, or code commented out."""
    return {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _settings(tree: ast.Module) -> set[ast.AST]:
    """Texts that are the base address given to a client."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if (isinstance(node, ast.keyword) and node.arg in _SETTINGS) or (
            isinstance(node, ast.Assign)
            and any(isinstance(each, ast.Attribute) and each.attr in _SETTINGS for each in node.targets)
        ):
            found |= set(ast.walk(node.value))
    return found
