"""Reading a policy from the bytes of a TOML or JSON file.

Not the watching of the file (`watched_file`), not the meaning of its keys (`policy`). TOML 1.0; JSON as RFC 8259, so no NaN.
"""

from __future__ import annotations

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
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise PolicyError(f"byte {error.start} is not UTF-8; save it as UTF-8", field="path") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PolicyError(f"this is no TOML: {error}", field="path") from None


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(f"this is no JSON: {error}", field="path") from None
