"""Tests of what a repr shows of a request and its parts: everything but their credentials."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import ModelRequest, OpaquePart, user
from shim.model.credential_names import SHOWN_INSTEAD, shown_fields, shown_headers

SECRET = "gateway-secret-1"


@pytest.mark.parametrize(
    "fields",
    [
        {"extra_headers": {"Authorization": f"Bearer {SECRET}", "X-Trace": "seen"}},
        {"extra_headers": {"X-Auth-Token": SECRET, "X-Trace": "seen"}},
        {"extra_headers": {"Cookie": f"sid={SECRET}", "Ocp-Apim-Subscription-Key": SECRET, "X-Trace": "seen"}},
        {"extra_body": {"trace": "seen", "extra": [{"api_key": SECRET}]}},
        {
            "tools": [
                OpaquePart("mcp", {"label": "seen", "headers": {"Authorization": SECRET}, "authorization": SECRET})
            ]
        },
    ],
)
def test_no_credential_in_the_repr(fields: dict[str, Any]) -> None:
    """A request shows its fields, and none of the credentials among its headers, body fields and tools."""
    request = ModelRequest("m", [user("Hi")], temperature=0.5, **fields)
    shown = repr(request)
    assert SECRET not in shown
    for seen in ("ModelRequest(model='m'", "temperature=0.5", "seen", SHOWN_INSTEAD, next(iter(fields))):
        assert seen in shown


def test_a_request_without_them_shows_as_before() -> None:
    """The repr of a request without further headers and fields is the struct's own."""
    assert repr(ModelRequest("m", [])) == "ModelRequest(model='m', messages=())"
    traced = ModelRequest("m", [], extra_headers={"X-Trace": None})
    assert repr(traced) == "ModelRequest(model='m', messages=(), extra_headers={'X-Trace': None})"


def test_odd_values_are_shown_all_the_same() -> None:
    """A repr never raises: what is no mapping is shown by its type, and what is nested very deep only in part."""
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert "..." in repr(shown_fields({"a": deep}))
    assert shown_headers(SECRET) == "<str>"
    assert shown_headers({"Authorization": None, "api-key": ""}) == {"Authorization": None, "api-key": ""}
    assert shown_fields({"password": None, "secret": "", "a": (1,)}) == {"password": None, "secret": "", "a": (1,)}
