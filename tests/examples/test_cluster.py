"""Tests of the example of a cluster on loopback: it loses a worker, and every recording has its part in the end."""

from __future__ import annotations

import sys

import pytest

from tests.cli.running import ROOT, environment, run


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_example_ends_with_every_part() -> None:
    """Run as it is told to be, it starts a cluster, kills a worker, and ends with 0 and all parts."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'legacy-openai-shim[cluster]'")
    ran = run([sys.executable, "examples/cluster/loopback_cluster.py"], environment(), deadline=140)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "One worker was killed" in ran.stdout
    assert "480 exchanges in" in ran.stdout
    assert ran.stdout.endswith("4. 12 of 12 parts are there.\n")


def test_the_sources_are_told() -> None:
    """The page on comparing at scale points to it."""
    assert "examples/cluster" in (ROOT / "docs" / "at_scale.md").read_text(encoding="utf-8")
