"""Joined values: ways to make one value of those that several chunks bring, where the value has no parts of its own.

Not words, blocks and objects, nor which field is joined in which way (`joining`). Each way is linear in what was received.
"""

from __future__ import annotations

from typing import Any, Protocol


class Joined(Protocol):
    """One field being joined."""

    def add(self, value: Any) -> None:
        """Take the value a chunk brings; never null."""
        ...

    def value(self) -> Any:
        """What the values so far make together."""
        ...


class FirstWins:
    """What the first chunk said: when the stream began, say, of servers whose clock goes on."""

    def __init__(self) -> None:
        self._value: Any = None

    def add(self, value: Any) -> None:
        """Take a value."""
        self._value = self._value or value

    def value(self) -> Any:
        """The first that says something."""
        return self._value


class Last:
    """What the last chunk said: a count that goes on."""

    def __init__(self) -> None:
        self._value: Any = None

    def add(self, value: Any) -> None:
        """Take a value."""
        if value or self._value is None or value not in ("", [], {}):
            self._value = value

    def value(self) -> Any:
        """The last that says something."""
        return self._value


class Each:
    """Every value, equal ones too: what belongs to one token each. Lists are appended."""

    def __init__(self) -> None:
        self._values: list[Any] = []

    def add(self, value: Any) -> None:
        """Take a value."""
        if isinstance(value, list):
            self._values.extend(value)
        else:
            self._values.append(value)

    def value(self) -> Any:
        """All values in one list."""
        return list(self._values)


class Different:
    """What nobody knows: all its different values. A list goes on, and so does an object that only says more."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._before: Any = None

    def add(self, value: Any) -> None:
        """Take a value; one said again, or saying nothing beside another, adds none."""
        if value == self._before or (self._values and value in ("", [], {})):
            return
        self._before = value
        last = self._values[-1] if self._values else None
        if isinstance(last, list) and isinstance(value, list):
            self._values[-1] = list(value) if value[: len(last)] == last else _extended(last, value)
        elif isinstance(last, dict) and isinstance(value, dict) and _agree(last, value):
            _merge(last, value)
        elif last in ("", [], {}):
            self._values[-1] = _owned(value)
        else:
            self._values.append(_owned(value))

    def value(self) -> Any:
        """The one value, or the list of them."""
        return _owned(self._values[0]) if len(self._values) == 1 else [_owned(each) for each in self._values]


class Said:
    """Text in pieces that some servers say again whole at the end: a signature, encrypted data."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._other: Any = None  # what is no text

    def add(self, value: Any) -> None:
        """Take a piece."""
        if not isinstance(value, str):
            self._other = value
        elif len(value) != self._size or value != "".join(self._pieces):
            self._pieces.append(value)
            self._size += len(value)

    def value(self) -> Any:
        """The pieces joined."""
        return "".join(self._pieces) if self._pieces or self._other is None else self._other


def _extended(last: list[Any], more: list[Any]) -> list[Any]:
    last.extend(more)
    return last


def _owned(value: Any) -> Any:
    """A copy of the lists and objects of a value, so that what is joined to it changes nobody else's."""
    if isinstance(value, dict):
        return {name: _owned(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, list) else value


def _agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two objects say nothing that differs."""
    return all(
        _agree(one[name], value)
        if isinstance(one[name], dict) and isinstance(value, dict)
        else one[name] == value or value is None
        for name, value in other.items()
        if name in one
    )


def _merge(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, value in other.items():
        if isinstance(one.get(name), dict) and isinstance(value, dict):
            _merge(one[name], value)
        elif value is not None or name not in one:
            one[name] = _owned(value)
