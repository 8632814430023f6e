"""Tests of response headers as a mapping."""

from __future__ import annotations

import pickle

import pytest

from shim.model.headers import Headers


def test_a_name_is_found_in_any_case() -> None:
    """A header is found whatever the case it is asked for in, and its name is told in lower case."""
    headers = Headers({"Retry-After": "2", "X-Request-Id": "r"})
    assert (headers["retry-after"], headers.get("RETRY-AFTER"), "x-request-ID" in headers) == ("2", "2", True)
    assert list(headers) == ["retry-after", "x-request-id"]
    with pytest.raises(KeyError):
        headers["etag"]


def test_they_are_a_value() -> None:
    """Headers compare by what they hold, survive a pickle, and none are no headers."""
    headers = Headers({"A": "1"})
    assert headers == {"a": "1"} == pickle.loads(pickle.dumps(headers))  # noqa: S301 - just made
    assert Headers() == Headers(None) == {}
    assert repr(headers) == "Headers({'a': '1'})"
