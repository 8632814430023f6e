"""The headers of an answer, read when they are asked for: as they came, and masked for whoever is told of them.

Not the headers of a request (`request_headers`) nor what is a credential (`shim.wire.masking`). Most answers are asked for one
or two of a dozen headers, and those are found without reading the others. Source: RFC 9110 5.1 to 5.3.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import ItemsView, Iterator, Mapping
from typing import Any

from shim.model.headers import Headers
from shim.wire.masking import Secret


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

    __slots__ = ("_raw", "_values")

    def __init__(self, raw: bytes) -> None:
        """Take the lines of the head that follow the status line."""
        self._raw = b"\n" + raw
        self._values: dict[str, str] | None = None

    def get(self, name: str, /, default: Any = None) -> Any:
        """The value of a field, repeated ones joined by a comma (RFC 9110 5.3)."""
        value = self._found(name) if self._values is None and name.isascii() else self._all().get(name.lower())
        return default if value is None else value

    def __repr__(self) -> str:
        return f"<AnswerHeaders, {len(self._raw)} bytes>"  # a server may repeat the key in them

    def _found(self, name: str) -> str | None:
        """Look for one field; where its name stands anywhere but once at the beginning of a line, all are read."""
        lowered = self._raw.lower()  # made anew: kept it would be half of what the headers of an open stream hold
        key = name.lower().encode()
        at = lowered.find(key)
        if at < 0:
            return None
        begin = at + len(key) + 1
        if lowered[at - 1 : begin] != b"\n%b:" % key or lowered.find(key, begin - 1) >= 0:
            return self._all().get(name.lower())
        end = lowered.find(b"\n", begin)
        return self._raw[begin : end if end >= 0 else None].decode("latin-1").strip()

    def _all(self) -> dict[str, str]:
        values = self._values
        if values is None:
            values = {}
            for line in self._raw.decode("latin-1").split("\n"):
                name, colon, value = line.partition(":")
                if colon:
                    name, value = name.strip().lower(), value.strip()
                    values[name] = f"{values[name]}, {value}" if name in values else value
            self._values = values
        return values


class MaskedHeaders(_ReadWhenAsked):
    """The same without the key and what else is a credential, which is taken out when a field is asked for. Pickled masked."""

    __slots__ = ("_source",)

    def __init__(self, headers: AnswerHeaders, secret: Secret) -> None:
        self._source: tuple[AnswerHeaders, Secret] | dict[str, str] = (headers, secret)

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
