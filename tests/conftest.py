"""What every test has: a folder of its run's own for temporary files, which pytest clears away in time.

And what some have not: with the lowest versions, those that cannot pass are skipped (`lowest`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

from tests.lowest import why_skipped


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs more than is installed."""
    for item in items:
        reason = why_skipped(item.nodeid)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def _temporary_files_stay_in_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a program under test leaves behind, as the demo does on purpose, is left there."""
    folder = str(tmp_path_factory.mktemp("temporary"))
    before, tempfile.tempdir = tempfile.tempdir, folder
    kept = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = folder
    yield
    tempfile.tempdir = before
    if kept is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = kept
