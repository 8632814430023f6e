"""Reading a policy from the bytes of a TOML or JSON file.

Not the watching of the file (`watched_file`), not the meaning of its keys (`policy`). TOML 1.0; JSON as RFC 8259, so no NaN, and
no name twice (4: what such a name means is anybody's guess). A byte order mark, which some editors put first, is passed over.
"""

from __future__ import annotations

import codecs
import json
import sys
from typing import Any

import msgspec

from shim.migration.policy import Policy, PolicyError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["parse_policy_file", "read_toml"]


def parse_policy_file(content: bytes, *, name: str) -> Policy:
    """Read a policy; a name that ends in `.json` says JSON, any other TOML.

    Raises:
        PolicyError: the content is empty, broken, or no policy; the message begins with `name`.
    """
    if not content.strip():
        raise PolicyError(f'{name} is empty; write a policy, such as stage = "off"', field="path")
    try:
        return Policy.parse(_json(content) if name.lower().endswith(".json") else read_toml(content))
    except PolicyError as error:
        raise PolicyError(f"{name}: {error}", field=error.field) from None


def read_toml(content: bytes) -> dict[str, Any]:
    """Read a TOML document.

    Raises:
        PolicyError: it is not UTF-8, or broken; the message names the place.
    """
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise PolicyError(f"byte {error.start} is not UTF-8; save it as UTF-8", field="path") from None
    except (ValueError, RecursionError) as error:  # a plain ValueError: a number of more digits than Python reads
        raise PolicyError(f"this is no TOML: {error}", field="path") from None


def _json(content: bytes) -> Any:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        found = msgspec.json.decode(content)
        json.loads(content, object_pairs_hook=_each_once)  # which a decoder that keeps the last one does not look at
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"this is no JSON: {error}", field="path") from None
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"{name[:60]!r} is there twice; keep one of them")
        seen.add(name)
