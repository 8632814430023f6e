"""Tests of the buckets: published vectors, even spread, and the same everywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shim.migration import Policy, Stage, bucket_v1
from tests.house.sources import ROOT

VECTORS: list[dict[str, Any]] = json.loads((ROOT / "fixtures/bucketing/bucket_v1.json").read_text())["vectors"]

# Reads the module alone, so that an interpreter without the project's packages can run it.
PROBE = """
import json, runpy, sys
bucket_v1 = runpy.run_path(sys.argv[1])["bucket_v1"]
rows = json.load(sys.stdin)
print(json.dumps([bucket_v1(row["unit"], flag=row["flag"], salt=row["salt"]) for row in rows]))
"""

UNITS = [f"conversation-{number}" for number in range(20_000)]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: ascii(vector["unit"])[:20])
def test_published_vectors_hold(vector: dict[str, Any]) -> None:
    """Every published unit falls into its published bucket."""
    assert bucket_v1(vector["unit"], flag=vector["flag"], salt=vector["salt"]) == vector["bucket"]
    assert int(vector["digest"], 16) % 10_000 == vector["bucket"], "the vector tells how to get there"


def test_buckets_are_uniform() -> None:
    """Twenty thousand ordinary ids spread over a hundred cells as evenly as chance does (chi-square, 99 degrees, 0.1 %)."""
    cells = Counter(bucket_v1(unit, flag="openai") // 100 for unit in UNITS)
    expected = len(UNITS) / 100
    chi_square = sum((cells[cell] - expected) ** 2 / expected for cell in range(100))
    assert 58.0 < chi_square < 148.2, "far below is as wrong as far above"


def test_a_growing_share_takes_no_unit_back() -> None:
    """Whoever is the candidate's at a share is the candidate's at every larger one."""
    buckets = [bucket_v1(unit, flag="openai") for unit in UNITS]
    before: set[int] = set()
    for percent in (0, 0.01, 1, 5, 25, 50, 99.99, 100):
        threshold = Policy(stage=Stage.RAMP, percent=percent).threshold
        now = {place for place, bucket in enumerate(buckets) if bucket < threshold}
        assert before <= now
        assert abs(len(now) / len(UNITS) - percent / 100) < 0.012
        before = now
    assert len(before) == len(UNITS), "100 percent is everybody"


def test_flags_and_salts_draw_apart() -> None:
    """Another flag, or another salt, draws units of its own: of a tenth, a tenth is the same by chance."""
    first = {unit for unit in UNITS if bucket_v1(unit, flag="openai") < 1000}
    for flag, salt in (("search", ""), ("openai", "again")):
        both = {unit for unit in first if bucket_v1(unit, flag=flag, salt=salt) < 1000}
        assert 0.07 < len(both) / len(first) < 0.13


def test_names_do_not_run_into_each_other() -> None:
    """What ends one name and begins the next makes a difference."""
    assert bucket_v1("bc", flag="a") != bucket_v1("c", flag="ab")


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_another_process_agrees(seed: str) -> None:
    """A process with another hash seed puts every unit into the same bucket."""
    assert asked(sys.executable, env={"PYTHONHASHSEED": seed}) == [vector["bucket"] for vector in VECTORS]


@pytest.mark.slow
def test_another_python_agrees() -> None:
    """Other versions of Python that are at hand put every unit into the same bucket."""
    names = ["python3", *(f"python3.{minor}" for minor in range(9, 16))]
    found = {path for name in names for path in (shutil.which(name), shutil.which(name, path="/usr/bin")) if path}
    found |= {str(path) for path in Path.home().glob(".pyenv/versions/3.*/bin/python3")}  # pyenv's place for them
    others = {told: path for path in sorted(found) if (told := version(path)) and told != sys.version_info[:2]}
    if not others:
        pytest.skip("no other version of Python 3 is at hand")
    for told in {min(others), max(others)}:
        python = others[told]
        assert asked(python) == [vector["bucket"] for vector in VECTORS], told


@pytest.mark.parametrize("unit", [None, 7, b"bytes", ["list"]])
def test_what_is_no_string_is_named(unit: Any) -> None:
    """A unit that is no string is refused by name and kind."""
    with pytest.raises(TypeError, match=f"unit is of type {type(unit).__name__}"):
        bucket_v1(unit, flag="openai")


def test_any_string_has_a_bucket() -> None:
    """A megabyte and a lone surrogate are strings like others."""
    for unit in ("x" * 1_000_000, "\udcff", ""):
        assert 0 <= bucket_v1(unit, flag="openai") < 10_000


def asked(python: str, *, env: dict[str, str] | None = None) -> list[int]:
    """The vectors' buckets, by another interpreter."""
    module = Path(ROOT, "shim/migration/bucketing.py")
    told = subprocess.run(  # noqa: S603 - an interpreter on the text above
        [python, "-c", PROBE, str(module)],
        input=json.dumps(VECTORS),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
        env=env,
    )
    buckets: list[int] = json.loads(told.stdout)
    return buckets


def version(python: str) -> tuple[int, int] | None:
    """The version of an interpreter; None for one that does not start, or is older than the syntax of the module."""
    told = subprocess.run(  # noqa: S603 - as above
        [python, "-c", "import sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    if told.returncode != 0:
        return None
    major, minor = map(int, told.stdout.split())
    return (major, minor) if (major, minor) >= (3, 8) else None
