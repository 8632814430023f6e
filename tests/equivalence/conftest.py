"""The fixtures of this folder: one server on loopback for each test file, and both providers pointed at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.equivalence.both import Both

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def listener() -> Iterator[FakeOpenAI]:
    """A server that answers as it is told."""
    with FakeOpenAI() as server:
        yield server


@pytest.fixture
def both(listener: FakeOpenAI) -> Iterator[Both]:
    """Both providers, with new connections; every planned answer must be used."""
    with Both(listener.base_url) as made:
        yield made
    assert listener.planned == 0
