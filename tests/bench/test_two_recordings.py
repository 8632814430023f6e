"""Tests of what is measured of two recordings: that an index stays small, and that what is put in is found."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from bench.two_recordings import FILES, write
from shim.comparison import compare_recordings
from tests.cli.running import environment, run

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_pair_takes_little_memory() -> None:
    """Of 60,000 pairs each takes under 400 bytes while partners are found, and under 200 while pairs are compared."""
    ran = run([sys.executable, "-m", "bench.two_recordings", "--memory", "--pairs", "60000"], environment())
    assert ran.returncode == 0, ran.stderr
    found = re.search(r"60,000 pairs: (\d+) bytes a pair at most, (\d+) while", ran.stdout)
    assert found, ran.stdout
    assert 49 < int(found[1]) < 400
    assert int(found[2]) < 200


def test_what_is_put_in_is_found(tmp_path: Path) -> None:
    """Of the made-up recordings one request in a thousand has lost a parameter, and one is missing."""
    old, new = (write(tmp_path, side, pairs=2_000) for side in ("old", "new"))
    report = compare_recordings(old, new)
    assert len(old) == len(new) == FILES
    assert report.tally.rules == {"wire.body": 2, "wire.missing": 2}
    assert (report.pairing.pairs, report.pairing.added) == (1_998, 0)
