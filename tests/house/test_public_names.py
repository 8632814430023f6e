"""Tests of the public surface: the names the packages export, and what importing them costs."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys

import pytest

from tests.house.sources import PACKAGES, ROOT, complain

# What `import shim` must leave alone, and why its absence matters.
HEAVY = {
    "requests": "the legacy client's transport: only a process that makes legacy requests pays for it",
    "urllib3": "comes with requests",
    "pycurl": "an extra: `import shim` must work without it",
    "certifi": "an extra",
    "asyncio": "a select() program never needs it",
    "ssl": "loads the system's TLS library",
    "email": "comes with http.client",
    "http.client": "nothing talks HTTP at import",
    "rich": "an extra of the command line",
    "jinja2": "an extra of the report page",
    "opentelemetry": "an extra",
    "openfeature": "an extra",
    "redis": "an extra",
    "sqlite3": "only a rollout shared by several processes needs it",
    "h11": "an extra of the loopback server",
    "pytest": "a development tool",
    "legacy_openai": "brings requests",
    "shim.native": "the destination is loaded when it is first asked for",
    "shim.comparison": "only a migration that compares needs it",
    "shim.testing": "no part of a service",
    "shim.cli": "no part of a service",
}

PROBE = """
import json, sys
before = set(sys.modules)
import shim
loaded = sorted(set(sys.modules) - before)
import threading
print(json.dumps([loaded, [thread.name for thread in threading.enumerate()]]))
"""


def exported(package: str) -> list[str]:
    """The names a package exports."""
    names = getattr(importlib.import_module(package), "__all__", None)
    assert names, (
        f"{package}/__init__.py:1: {package} has no __all__\nRemedy: list the public names there; the list is the contract."
    )
    return list(names)


@pytest.mark.parametrize("package", PACKAGES)
def test_exported_names_exist(package: str) -> None:
    """Every name in `__all__` can be imported, stands there once and is not private."""
    module = importlib.import_module(package)
    names = exported(package)
    findings = [f"{package}.{name}: does not exist" for name in names if not hasattr(module, name)]
    findings += [f"{package}.{name}: is private" for name in names if name.startswith("_") and name != "__version__"]
    findings += [f"{package}.{name}: stands there twice" for name in sorted(set(names)) if names.count(name) > 1]
    assert not findings, complain(
        findings, f"mend {package}/__init__.py: `__all__` and what is imported or looked up there."
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_exported_names_are_documented(package: str) -> None:
    """Every exported class and function has a docstring of its own."""
    module = importlib.import_module(package)
    things = {name: getattr(module, name, None) for name in exported(package)}
    findings = [
        f"{package}.{name}: no docstring"
        for name, thing in things.items()
        if (inspect.isclass(thing) or inspect.isroutine(thing)) and not (thing.__doc__ or "").strip()
    ]
    assert not findings, complain(findings, "say what it is and what it raises, where it is defined.")


def test_importing_is_cheap() -> None:
    """`import shim` loads no transport, no event loop and no extra, and starts no thread."""
    probe = subprocess.run(  # noqa: S603 - our own interpreter on the text above
        [sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=15
    )
    assert probe.returncode == 0, probe.stderr
    loaded, threads = json.loads(probe.stdout)
    findings = [f"import shim loads {name}: {reason}" for name, reason in HEAVY.items() if name in loaded]
    assert not findings, complain(
        findings,
        "import it in the function that needs it or under TYPE_CHECKING; `python -X importtime` names the importer.",
    )
    assert threads == ["MainThread"], f"import shim started threads: {threads}\nRemedy: start them on first use."
