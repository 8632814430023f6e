"""What the server remembers of the Responses API: responses that were stored, their items, and how conversations go on.

Not what is answered next (`endpoint`). Bounded in number and in bytes: the oldest responses are forgotten first, as if
they had been deleted. Refusals follow the API: 400 for a previous response, 404 for a response or item that is unknown.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from shim.testing.fake_openai.answers import ApiError

KEPT_RESPONSES = 1000
KEPT_BYTES = 32 * 1024 * 1024
Item = dict[str, Any]
_CALLS = frozenset({"function_call", "custom_tool_call"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})


@dataclass(frozen=True)
class Kept:
    """A stored response, and the whole conversation up to and with it."""

    response: dict[str, Any]
    items: tuple[Item, ...]
    size: int


class History:
    """A bounded memory of responses by id."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._items: dict[str, Item] = {}
        self._bytes = 0

    def keep(self, response: dict[str, Any], items: Iterable[Item]) -> None:
        """Store a response, and forget the oldest beyond the bounds."""
        conversation = (*items, *response["output"])
        kept = Kept(response, conversation, len(msgspec.json.encode([response, conversation])))
        self._kept[response["id"]] = kept
        self._items |= {item["id"]: item for item in response["output"]}
        self._bytes += kept.size
        while len(self._kept) > KEPT_RESPONSES or (self._bytes > KEPT_BYTES and len(self._kept) > 1):
            self.forget(next(iter(self._kept)))

    def get(self, identifier: str) -> dict[str, Any]:
        """A stored response; ApiError 404 if there is none of that id."""
        return self._found(identifier).response

    def forget(self, identifier: str) -> None:
        """Delete a response and its items; ApiError 404 if there is none of that id."""
        kept = self._found(identifier)
        del self._kept[identifier]
        self._bytes -= kept.size
        for item in kept.response["output"]:
            self._items.pop(item["id"], None)

    def conversation(self, body: dict[str, Any]) -> list[Item]:
        """All items a request is about: those of the response it continues, then its own.

        Raises ApiError for a previous response or an item that is not there, and for tool calls and outputs that do
        not meet.
        """
        items = [*self._before(body), *self._own(body.get("input"))]
        _check_calls(items)
        return items

    def _found(self, identifier: str) -> Kept:
        kept = self._kept.get(identifier)
        if kept is None:
            raise ApiError(404, f"Response with id '{identifier}' not found.")
        return kept

    def _before(self, body: dict[str, Any]) -> tuple[Item, ...]:
        for name in ("conversation", "prompt"):  # neither can be made on this server
            if body.get(name) is not None:
                raise ApiError(404, f"The {name} this request refers to was not found.", param=name)
        identifier = body.get("previous_response_id")
        if identifier is None:
            return ()
        kept = self._kept.get(identifier)
        if kept is None:
            message = f"Previous response with id '{identifier}' not found."
            raise ApiError(400, message, param="previous_response_id", code="previous_response_not_found")
        return kept.items

    def _own(self, given: str | list[Item] | None) -> Iterator[Item]:
        if isinstance(given, str):
            yield {"type": "message", "role": "user", "content": given}
            return
        for item in given or []:
            yield self._resolved(item)

    def _resolved(self, item: Item) -> Item:
        """The item a reference means; a reasoning item that carries nothing is a reference too."""
        kind = item.get("type", "message")
        if kind == "item_reference" or (kind == "reasoning" and not item.get("encrypted_content")):
            known = self._items.get(item["id"])
            if known is None:
                message = (
                    f"Item with id '{item['id']}' not found. Items are not persisted when 'store' is false; "
                    "store the response, or send the item whole."
                )
                raise ApiError(404, message, param="input")
            return known
        return {**item, "type": kind}


def _check_calls(items: list[Item]) -> None:
    """Every output answers a call before it, and every call has an output."""
    unanswered: dict[str, None] = {}
    called: set[str] = set()
    for item in items:
        if item["type"] in _CALLS:
            called.add(item["call_id"])
            unanswered[item["call_id"]] = None
        elif item["type"] in _OUTPUTS:
            if item["call_id"] not in called:
                message = f"No tool call found for function call output with call_id {item['call_id']}."
                raise ApiError(400, message, param="input")
            unanswered.pop(item["call_id"], None)
    if unanswered:
        raise ApiError(400, f"No tool output found for function call {next(iter(unanswered))}.", param="input")
