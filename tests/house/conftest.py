"""What the house's tests share: what they have read of the whole project is let go behind them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import sources, test_numbers, test_structure

CACHED = (
    sources.syntax,
    sources.nodes,
    sources.tokens,
    test_numbers.code_lines,
    test_structure.modules,
    test_structure.known_names,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each the time to read the whole project, which the first of them does for all."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.parent == folder:
            item.add_marker(pytest.mark.timeout(90))


@pytest.fixture(scope="package", autouse=True)
def _let_go_of_what_was_read() -> Iterator[None]:
    """Forget two million nodes and tokens behind the tests, and do not look for garbage among them meanwhile."""
    gc.disable()
    yield
    gc.enable()
    for each in CACHED:
        each.cache_clear()
