"""The headers of an answer, read when they are asked for: as they came, and masked for whoever is told of them.

Not the headers of a request (`request_headers`) nor what is a credential (`shim.wire.masking`). Most answers are asked for one
or two of a dozen headers, and those are found without reading the others. Source: RFC 9110 5.1 to 5.3.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import ItemsView, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from shim.model.headers import Headers
from shim.wire.masking import Secret

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.1
_BLANK: Final = rb"[\t\v\f\r\x1c-\x1f \x85\xa0]*"  # what `str.strip` takes away of latin-1, but for the end of a line
_MOST_KEPT: Final = 64  # names are the program's, which has a few


class _ReadWhenAsked(Mapping[str, str]):
    """Fields of which `get` finds one, and `_all` reads every one."""

    __slots__ = ()

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return str(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def items(self) -> ItemsView[str, str]:
        """All fields, read once: a mapping's own way would look each of them up."""
        return self._all().items()

    @abstractmethod
    def get(self, name: str, /, default: Any = None) -> Any:
        """The value of a field."""

    @abstractmethod
    def _all(self) -> dict[str, str]: ...


class AnswerHeaders(_ReadWhenAsked):
    """The fields of a head as it came, by name in any case; iterating gives names in lower case. Shown without them: unmasked."""

    __slots__ = ("_head", "_values")

    def __init__(self, head: bytes) -> None:
        """Take a head, its status line first."""
        self._head = head
        self._values: dict[str, str] | None = None

    def get(self, name: str, /, default: Any = None) -> Any:
        """The value of a field, repeated ones joined by a comma (RFC 9110 5.3)."""
        finder = _finder(name) if self._values is None else None
        if finder is None:
            return self._all().get(name.lower(), default)
        found = finder.findall(self._head)
        if len(found) == 1:
            return found[0].decode("latin-1").strip()
        return ", ".join([value.decode("latin-1").strip() for value in found]) if found else default

    def __repr__(self) -> str:
        return f"<AnswerHeaders, {len(self._head)} bytes>"  # a server may repeat the key in them

    def _all(self) -> dict[str, str]:
        values = self._values
        if values is None:
            values = {}
            for line in self._head.decode("latin-1").split("\n")[1:]:
                name, colon, value = line.partition(":")
                if colon:
                    name, value = name.strip().lower(), value.strip()
                    values[name] = f"{values[name]}, {value}" if name in values else value
            self._values = values
        return values


@lru_cache(maxsize=_MOST_KEPT)
def _finder(name: str) -> re.Pattern[bytes] | None:
    """What finds the values of a field, in any head: as `_all` would. None for what is no name of a field."""
    if not _TOKEN.fullmatch(name):
        return None
    return re.compile(rb"\n%b%b%b:([^\n]*)" % (_BLANK, re.escape(name.encode()), _BLANK), re.IGNORECASE)


class MaskedHeaders(_ReadWhenAsked):
    """Fields without the key and what else is a credential, which is taken out when a field is asked for. Pickled masked."""

    __slots__ = ("_source",)

    def __init__(self, headers: Mapping[str, str], secret: Secret) -> None:
        """Take the fields as they came, found by a name in lower case, and what masks them."""
        self._source: tuple[Mapping[str, str], Secret] | dict[str, str] = (headers, secret)

    def get(self, name: str, /, default: Any = None) -> Any:
        """The masked value of a field."""
        source, name = self._source, name.lower()  # asked once: another thread may read all meanwhile
        if isinstance(source, dict):
            return source.get(name, default)
        headers, secret = source
        value = headers.get(name)
        return default if value is None else secret.masked_header(name, value)

    def __repr__(self) -> str:
        return f"Headers({self._all()!r})"

    def __reduce__(self) -> tuple[type[Headers], tuple[dict[str, str]]]:
        return Headers, (self._all(),)

    def _all(self) -> dict[str, str]:
        source = self._source
        if not isinstance(source, dict):
            headers, secret = source
            source = self._source = secret.masked_headers(headers)
        return source
