"""A running server for each test of the Responses API."""

from tests.testing.fake_openai.conftest import server

__all__ = ["server"]
