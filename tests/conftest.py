"""What every test has: temporary files in its run's own folder, and a garbage collector that skips what pytest holds.

And what some have not: with the lowest versions, those that cannot pass are skipped (`lowest`).
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from tests.lowest import why_skipped

settings.register_profile("suite", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=1_000, deadline=None)
settings.load_profile("suite")

_COUNTS_THOUSANDS = "test_9_memory_stays_flat"
"""A promise of the contract that users run too, so it cannot bear a marker of ours; it stands in some twenty classes here."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs more than is installed, and give what is marked slow the time it takes on a busy machine."""
    for item in items:
        if item.name.startswith(_COUNTS_THOUSANDS):
            item.add_marker("slow")
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(120))
        reason = why_skipped(item.nodeid)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let no later collection of garbage walk through the collected tests, which live as long as the run.

    There are millions of objects in them: without this a `gc.collect()` takes half a second, and many tests ask for several.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


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
