"""Depth: how deeply data from outside is nested, measured and bounded without recursion.

Not what the data says. Python's own `repr`, `==`, `copy` and `pickle` go down a level of nesting with a level of the stack, and
end at about a thousand with a RecursionError: what is kept or sent is therefore bounded well below that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

MAX_DEPTH: Final = 128
"""How deeply JSON that is read or sent may be nested: several times what a schema needs, and little enough for any stack."""


_FLAT: Final = frozenset({str, int, float, bool, type(None)})  # nearly all there is, and quickly told
_DEEP: Final = (Mapping, list, tuple, Struct)


def is_too_deep(value: object, limit: int = MAX_DEPTH) -> bool:
    """Whether a value of dicts, lists, tuples and structs is nested deeper than `limit` levels."""
    level: list[object] = [value]
    for _ in range(limit + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def pruned(value: object, limit: int = MAX_DEPTH) -> Any:
    """A copy of plain data whose parts deeper than `limit` levels are replaced by a word that says so."""
    if isinstance(value, (Mapping, list, tuple)) and limit <= 0:
        return f"[nested deeper than {MAX_DEPTH} levels, left out]"
    if isinstance(value, Mapping):
        return {key: pruned(inner, limit - 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(pruned(inner, limit - 1) for inner in value)
    if isinstance(value, Struct):
        fields = {name: pruned(getattr(value, name), limit - 1) for name in value.__struct_fields__}
        return type(value)(**fields)
    return value


def _inside(value: object) -> tuple[object, ...]:
    """What of a value may go deeper."""
    if type(value) is dict or isinstance(value, Mapping):
        inner = tuple(value.values())
    elif isinstance(value, (list, tuple)):
        inner = tuple(value)
    elif isinstance(value, Struct):
        inner = tuple(getattr(value, name) for name in value.__struct_fields__)
    else:
        return ()
    return tuple([each for each in inner if type(each) not in _FLAT and isinstance(each, _DEEP)])


class BoundedRepr(Struct, frozen=True):
    """The base of what holds data from outside: its repr says so where that is nested too deeply to be shown."""

    def __repr__(self) -> str:
        try:
            return super().__repr__()
        except RecursionError:
            return f"{type(self).__name__}(nested too deeply to be shown)"
