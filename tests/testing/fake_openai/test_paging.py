"""Tests of `paging`."""

import pytest

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.paging import page

NEWEST_FIRST = [{"id": "c"}, {"id": "b"}, {"id": "a"}]


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, "cb", True),
        ({"limit": "3"}, "cba", False),
        ({"order": "asc"}, "ab", True),
        ({"after": "b"}, "a", False),
        ({"after": "b", "order": "asc"}, "c", False),
        ({"after": "a"}, "", False),
    ],
)
def test_a_page_is_what_was_asked_for(query: dict[str, str], ids: str, more: bool) -> None:  # noqa: FBT001 - a pytest parameter
    """Pages follow order, limit and the last object seen, and say whether there is more."""
    got = page(NEWEST_FIRST, query, limit=2, most=3)
    assert ("".join(one["id"] for one in got["data"]), got["has_more"]) == (ids, more)


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ({"after": "z"}, 404, "after"),
        ({"limit": "4"}, 400, "limit"),
        ({"limit": "-1"}, 400, "limit"),
        ({"limit": "9" * 5000}, 400, "limit"),
        ({"order": "up"}, 400, "order"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query: dict[str, str], status: int, param: str) -> None:
    """A wrong parameter is named."""
    with pytest.raises(ApiError) as caught:
        page(NEWEST_FIRST, query, limit=2, most=3)
    assert (caught.value.status, caught.value.body["error"]["param"]) == (status, param)
