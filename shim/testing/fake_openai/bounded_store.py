"""What a server remembers of one kind, by id and within bounds: the oldest is forgotten first, as if it had been deleted.

Not the conversations of the Responses API, which have a memory of their own (`responses.history`).
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
# Far more than a test makes, and little enough for a server that runs for weeks.
MOST_ITEMS = 1000
MOST_BYTES = 64 * 1024 * 1024


class BoundedStore(Generic[Item]):
    """Items by id, oldest first. `size`s in bytes count where items have contents."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, tuple[Item, int]] = OrderedDict()
        self._bytes = 0

    def put(self, identifier: str, item: Item, *, size: int = 0) -> None:
        """Remember an item, in place of one of that id, and forget the oldest beyond the bounds."""
        before = self._items.get(identifier)
        self._items[identifier] = (item, size)
        self._bytes += size - (before[1] if before else 0)
        while len(self._items) > MOST_ITEMS or (self._bytes > MOST_BYTES and len(self._items) > 1):
            self.pop(next(iter(self._items)))

    def get(self, identifier: str) -> Item | None:
        """The item of an id, or None."""
        found = self._items.get(identifier)
        return found[0] if found else None

    def pop(self, identifier: str) -> Item | None:
        """Forget the item of an id, and return it, or None."""
        found = self._items.pop(identifier, None)
        if found is None:
            return None
        self._bytes -= found[1]
        return found[0]

    def __iter__(self) -> Iterator[Item]:
        return iter([item for item, _ in self._items.values()])
