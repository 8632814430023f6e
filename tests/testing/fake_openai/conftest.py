"""A running server for each test, which must leave no thread, connection or descriptor behind."""

from collections.abc import Iterator

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.testing.fake_openai.asking import KEY


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(api_key=KEY) as running:
        yield running
