"""Ignore rules in a file: JSON or TOML, each with its path, its reason and its owner.

Not what a rule covers (`rules.IgnoreRule`). JSON: a list of objects, or an object whose `ignore` is one; TOML: tables
`[[ignore]]`, where the Python has tomllib (3.11).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import DecodeError, ValidationError, convert, json

from shim.comparison.rules import IgnoreRule

_FORM = (
    'each rule is an object such as {"path": "header.user-agent", "reason": "names the client", "owner": "team-llm"}'
)


class IgnoreFileError(ValueError):
    """A file of ignore rules that cannot be used; the message names the file, the rule and what to write."""


def read_ignore_rules(path: str | Path) -> tuple[IgnoreRule, ...]:
    """Read the ignore rules of a file; `.toml` is TOML, anything else JSON.

    Raises:
        IgnoreFileError: it cannot be read, or a rule lacks its path, reason or owner.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise IgnoreFileError(f"{file}: {error.strerror or error}; give a file of ignore rules") from None
    held = _toml(file, data) if file.suffix == ".toml" else _json(file, data)
    rules = held.get("ignore") if isinstance(held, dict) else held
    if not isinstance(rules, list):
        raise IgnoreFileError(f'{file}: give a list of rules, or an object with one under "ignore"; {_FORM}')
    return tuple(_rule(file, rule, place=place) for place, rule in enumerate(rules, start=1))


def _rule(file: Path, held: object, *, place: int) -> IgnoreRule:
    named = f"{file}: rule {place}"
    if isinstance(held, dict):
        missing = [name for name in ("path", "reason", "owner") if name not in held]
        if missing:
            covers = f" ({held['path']!r})" if "path" in held else ""
            raise IgnoreFileError(f"{named}{covers} has no {' and no '.join(missing)}; {_FORM}")
    try:
        return convert(held, IgnoreRule)
    except ValidationError as error:
        raise IgnoreFileError(f"{named}: {str(error).rstrip('.')}; {_FORM}") from None


def _json(file: Path, data: bytes) -> Any:
    try:
        return json.decode(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise IgnoreFileError(f"{file} is not JSON: {error}; {_FORM}") from None


def _toml(file: Path, data: bytes) -> Any:
    try:
        import tomllib
    except ModuleNotFoundError:
        raise IgnoreFileError(f"{file}: reading TOML needs Python 3.11; write the rules as JSON: {_FORM}") from None
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise IgnoreFileError(f"{file} is not TOML: {error}; each rule is a table [[ignore]]") from None
