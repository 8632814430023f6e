"""The table of endpoints: finds what answers at a path.

A path in the table may have one `{id}` for one segment, which is handed on percent-decoded. A path without one goes first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from shim.testing.fake_openai.answers import Answer
from shim.testing.fake_openai.question import Question

Handler = Callable[[Question], Answer]
Methods = Mapping[str, Handler]


@dataclass(frozen=True)
class Route:
    """What answers at a path, by method, and what stood there for `{id}`."""

    methods: Methods
    identifier: str = ""


class Routes:
    """A table of paths."""

    def __init__(self, table: Mapping[str, Methods]) -> None:
        self._table = table
        self._patterns = [
            (re.compile(re.escape(path).replace(r"\{id\}", "([^/]+)")), methods)
            for path, methods in table.items()
            if "{id}" in path
        ]

    def find(self, path: str) -> Route | None:
        """The route of a path, or None."""
        methods = self._table.get(path)
        if methods is not None and "{id}" not in path:
            return Route(methods)
        for pattern, below in self._patterns:
            found = pattern.fullmatch(path)
            if found:
                return Route(below, unquote_plus(found[1]))
        return None

    def __str__(self) -> str:
        return "\n".join(f"{' '.join(methods)} {path}" for path, methods in self._table.items())
