"""Tests of what is given away: the source archive holds all that is needed to work on it, the wheel the packages alone."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from packaging.version import InvalidVersion, Version

from tests.house.sources import ROOT

# What a working copy holds besides: caches, environments, what was built.
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".bench", ".lowest", ".*_cache", ".hypothesis", "__pycache__", "build", "dist", "*.egg-info"
)
_AT_THE_TOP = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "MANIFEST.in",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "setup.py",
    ".ci/run",
}
_FOLDERS = ("bench", "docs", "examples", "fixtures", "legacy_openai", "shim", "tests")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, so that building leaves nothing behind in it."""
    place = tmp_path_factory.mktemp("project") / "copy"
    shutil.copytree(ROOT, place, ignore=_LEFT_OUT)
    return place


def built(copy: Path, *command: str) -> Path:
    """What `setup.py` makes of the copy, without a network."""
    made = copy.parent / command[0]
    done = subprocess.run(  # noqa: S603 - our own setup.py
        [sys.executable, "setup.py", "-q", *command, "--dist-dir", str(made)],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (archive,) = made.iterdir()
    return archive


def files_below(folder: Path) -> set[str]:
    """The files of a folder of the project, as an archive would name them."""
    return {path.relative_to(folder.parent).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_source_archive_holds_all_there_is(copy: Path) -> None:
    """Docs, examples, fixtures, tests, the bench, the Makefile, the changelog and CI's commands are in it, file by file."""
    expected = _AT_THE_TOP.union(*(files_below(copy / folder) for folder in _FOLDERS))
    with tarfile.open(built(copy, "sdist")) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert expected - held == set()
    assert not [name for name in held if name.endswith((".pyc", ".so")) or "__pycache__" in name]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_is_installed_is_the_packages_and_their_data(copy: Path, tmp_path: Path) -> None:
    """Of the project the two packages are installed, with templates, styles and type marks, and nothing else."""
    target = tmp_path / "installed"
    built_in = [sys.executable, "setup.py", "-q", "build", "--build-lib", str(target)]
    done = subprocess.run(built_in, cwd=copy, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own setup.py
    assert done.returncode == 0, done.stderr
    assert {path.name for path in target.iterdir()} == {"legacy_openai", "shim"}
    held = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    sources = files_below(copy / "legacy_openai") | files_below(copy / "shim")
    assert sources - held == set()


def is_version(name: str) -> bool:
    """Whether a name would do as a version, as `v0` and `1` do."""
    try:
        Version(name)
    except InvalidVersion:
        return False
    return True


def test_no_extra_has_the_name_of_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any pip can install the package: those of Python 3.10 and 3.13 break off at an extra that is named as a version is."""
    said: dict[str, Any] = {}
    monkeypatch.setattr("setuptools.setup", said.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    assert len(said["extras_require"]) > 5
    assert [name for name in said["extras_require"] if is_version(name)] == []
