"""Tests of what is said where an extra is not installed: the error of an import says what brings the package."""

from __future__ import annotations

import sys

import pytest

from tests.cli.running import environment, run


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("shim.testing.fake_openai", "h11", "testing"),
        ("shim.testing.fake_openai.http.framing", "h11", "testing"),
        ("shim.recording.proxy", "h11", "cli"),
        ("shim.comparison.proxy", "h11", "cli"),
        ("shim.native", "pycurl", "native"),
    ],
)
def test_an_import_names_the_extra(module: str, package: str, extra: str) -> None:
    """A module whose package is missing says in one line which extra brings it."""
    ran = run([sys.executable, "-c", f"import sys; sys.modules[{package!r}] = None; import {module}"], environment())
    assert ran.stderr.endswith(f" needs {package}: pip install 'legacy-openai-shim[{extra}]'\n")
    assert ran.stderr.splitlines()[-1].startswith("ModuleNotFoundError: the ")
