"""The index of streamed items: which item an event is about, however its server names and numbers them.

Not what an item is made of (`streamed`) nor what becomes of a piece (`accumulation`). Source: API reference, Responses streaming;
the servers' own ways, as seen: another id with every event (a proxy), an `output_index` that shifts between an item's events
(after built-in tools; vLLM), one that several items share, one id for several items.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

from msgspec import Struct

from shim.wire.lenient import text_of
from shim.wire.responses.streamed import StreamedItem


class Place(Struct, frozen=True):
    """Which item an event is about, and which of its texts."""

    output_index: int
    item_id: str = ""
    position: int = 0


class ItemIndex:
    """The items of one response, in the order in which they came."""

    def __init__(self) -> None:
        self._items: list[StreamedItem] = []
        self._by_index: dict[tuple[str, int], StreamedItem] = {}
        self._by_id: dict[str, StreamedItem] = {}
        self._by_both: dict[tuple[str, int], StreamedItem] = {}
        self._of_kind: dict[str, list[StreamedItem]] = defaultdict(list)

    def add(self, kind: str, place: Place) -> StreamedItem:
        """Find the item that an event says has begun: one whose pieces came before it, else a new one."""
        made = self.known(kind, place)
        if made is None or (made.added and (made.closed or not self._is_same(made, place))):
            return self._begin(kind, place)
        return made

    def find(self, kind: str, place: Place, *, settled: bool = False) -> StreamedItem:
        """Find the item an event is about, or begin it.

        Args:
            kind: its type.
            place: where the event says it is.
            settled: the event tells what came in pieces before, so that there must be an item.
        """
        made = self.known(kind, place) or self._unnamed(kind, settled=settled)
        if made is None:
            return self._begin(kind, place)
        if place.item_id and place.item_id not in self._by_id:
            self._by_id[place.item_id] = made
        return made

    def kind_at(self, place: Place) -> str:
        """The type of the item an event names, "" where none is known."""
        made = self._by_both.get((place.item_id, place.output_index)) or self._by_id.get(place.item_id)
        return made.kind if made is not None else ""

    def in_order(self) -> list[StreamedItem]:
        """The items by their output index; those that share one in the order in which they came."""
        return sorted(self._items, key=lambda made: made.output_index)

    def matched(self, items: list[dict[str, Any]]) -> list[StreamedItem]:
        """The items that those of a finished response are: by id, else the next of the type, else new ones."""
        named: dict[tuple[str, str], deque[StreamedItem]] = defaultdict(deque)
        for made in self._items:
            if made.item.get("id"):
                named[made.kind, text_of(made.item["id"])].append(made)
        found = (named.get((text_of(item.get("type")), text_of(item.get("id")))) for item in items)
        same = [each.popleft() if each else None for each in found]
        taken = {id(made) for made in same}
        free: dict[str, deque[StreamedItem]] = defaultdict(deque)
        for made in sorted(self.in_order(), key=lambda made: made.untouched):
            if id(made) not in taken:
                free[made.kind].append(made)
        return [made or self._next(item, free, at=at) for at, (item, made) in enumerate(zip(items, same, strict=True))]

    def with_the_others(self, settled: list[StreamedItem]) -> list[StreamedItem]:
        """Put the items a finished response leaves out behind those they came after."""
        known = {id(made) for made in settled}
        order: list[StreamedItem] = []
        after: dict[int, list[StreamedItem]] = defaultdict(list)
        before: StreamedItem | None = None
        for made in self.in_order():
            if id(made) in known:
                before = made
            else:
                (order if before is None else after[id(before)]).append(made)
        for made in settled:
            order += [made, *after[id(made)]]
        return order

    def _next(self, item: dict[str, Any], free: dict[str, deque[StreamedItem]], *, at: int) -> StreamedItem:
        kind = text_of(item.get("type"))
        return free[kind].popleft() if free[kind] else self._new(kind, at)

    def _is_same(self, made: StreamedItem, place: Place) -> bool:
        """Whether an item that was added is added again."""
        return self._by_id.get(place.item_id) is made and made.output_index == place.output_index

    def known(self, kind: str, place: Place) -> StreamedItem | None:
        """Find an item by what an event says: its id where that is known, for indexes may shift; else its index."""
        for made in (
            self._by_both.get((place.item_id, place.output_index)),
            self._by_id.get(place.item_id),
            self._by_index.get((kind, place.output_index)),
        ):
            if made is not None and made.kind == kind:
                return made
        return None

    def _unnamed(self, kind: str, *, settled: bool) -> StreamedItem | None:
        """Find the item an event must be about that names none known: one that waits for its pieces, or for its end."""
        for made in reversed(self._of_kind[kind]):
            if made.untouched or (settled and not made.closed):
                return made
            if not settled:
                return None
        return None

    def _begin(self, kind: str, place: Place) -> StreamedItem:
        made = self._by_index[kind, place.output_index] = self._new(kind, place.output_index)
        if place.item_id:
            self._by_id[place.item_id] = made
            self._by_both[place.item_id, place.output_index] = made
        return made

    def _new(self, kind: str, output_index: int) -> StreamedItem:
        made = StreamedItem(kind, output_index, ordinal=len(self._of_kind[kind]))
        self._items.append(made)
        self._of_kind[kind].append(made)
        return made
