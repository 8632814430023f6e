"""Lists as the API gives them: whole, or a page at a time behind `after`.

Per the API reference: `limit`, `after` (the id of the last object seen), `order`, and `has_more` in the answer.
"""

from collections.abc import Sequence
from typing import Any

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.value_rules import wrong_value


def listed(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A whole list."""
    return {"object": "list", "data": list(objects)}


def page(objects: Sequence[dict[str, Any]], query: dict[str, str], *, limit: int, most: int) -> dict[str, Any]:
    """The page of a list, newest first as given, that a query asks for; ApiError 400 for a query that makes no sense."""
    order = query.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise wrong_value("order", order, supported=("asc", "desc"))
    rest = list(objects) if order == "desc" else list(reversed(objects))
    after = query.get("after")
    if after is not None:
        places = [place for place, one in enumerate(rest) if one["id"] == after]
        if not places:
            raise ApiError(404, f"No such object: {after}", param="after")
        rest = rest[places[0] + 1 :]
    limit = _limit(query.get("limit"), otherwise=limit, most=most)
    return {"object": "list", "data": rest[:limit], "has_more": len(rest) > limit}


def _limit(given: str | None, *, otherwise: int, most: int) -> int:
    if given is None:
        return otherwise
    if not given.isdecimal() or not 1 <= int(given[:9]) <= most:
        message = f"Invalid 'limit': expected an integer from 1 to {most}, but got '{given}' instead."
        raise ApiError(400, message, param="limit", code="invalid_value")
    return int(given)
