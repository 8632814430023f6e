"""Recorded cases: one folder each with a request, the exact response bytes, and what a reader should make of them.

Not a recorder (`shim.comparison` has one). A case folder holds `request.json` (the body asked with), `response.head`
(status line and headers, CRLF), `body.raw` (the decoded body), `segments.json` (how it arrived) and `expected.json`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec


@dataclass(frozen=True)
class FixtureSegment:
    """Bytes that arrived together, `at` seconds after the headers."""

    data: bytes
    at: float


@dataclass(frozen=True)
class Fixture:
    """One case. `request` and `expected` are decoded JSON; `headers` keep their order and case."""

    name: str
    request: dict[str, Any] = field(repr=False)
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    segments: tuple[FixtureSegment, ...] = field(repr=False)
    expected: dict[str, Any] = field(repr=False)

    @property
    def api(self) -> str:
        """The API it was recorded from: "chat_completions" or "responses"."""
        return str(self.expected.get("api", "chat_completions"))


class _Arrival(msgspec.Struct, forbid_unknown_fields=True):
    """One row of `segments.json`: how many bytes, and when."""

    length: int
    at: float


def load(path: str | Path) -> Fixture:
    """Read one case folder; FileNotFoundError for a missing part, ValueError that names the file for an unusable one."""
    folder = Path(path)
    body = (folder / "body.raw").read_bytes()
    status, reason, headers = _head(folder / "response.head")
    return Fixture(
        name=folder.name,
        request=_json(folder / "request.json", dict[str, Any]),
        status=status,
        reason=reason,
        headers=headers,
        body=body,
        segments=tuple(_segments(folder / "segments.json", body)),
        expected=_json(folder / "expected.json", dict[str, Any]),
    )


def discover(directory: str | Path) -> list[Path]:
    """The case folders below a directory, sorted; ValueError if there are none."""
    folders = sorted(head.parent for head in Path(directory).rglob("response.head"))
    if not folders:
        raise ValueError(f"no fixture folders below {directory}: each needs a response.head")
    return folders


def _head(path: Path) -> tuple[int, str, tuple[tuple[str, str], ...]]:
    lines = path.read_bytes().decode("latin-1").split("\r\n")
    if lines[-2:] != ["", ""]:
        raise ValueError(f"{path}: the head must have CRLF line ends and end with an empty line")
    version, _, rest = lines[0].partition(" ")
    code, _, reason = rest.partition(" ")
    if version != "HTTP/1.1" or not code.isdigit():
        raise ValueError(f"{path}: the first line must be a status line such as 'HTTP/1.1 200 OK'")
    fields = (line.partition(":") for line in lines[1:-2])
    return int(code), reason, tuple((name, value.strip()) for name, _, value in fields)


def _segments(path: Path, body: bytes) -> Iterator[FixtureSegment]:
    rows = _json(path, list[_Arrival])
    total = sum(row.length for row in rows)
    if total != len(body) or any(row.length < 1 for row in rows):
        raise ValueError(
            f"{path}: the segments must have at least a byte each and sum to the body: {total}, not {len(body)}"
        )
    start = 0
    for row in rows:
        yield FixtureSegment(body[start : start + row.length], row.at)
        start += row.length


def _json(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}") from None
