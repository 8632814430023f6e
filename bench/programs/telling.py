"""How the tasks tell what came of each step: a JSON line each, exceptions too, so that two runs can be compared.

Not the tasks. Runs in the programs' environments: nothing but the standard library.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

QUESTION = "Count to 3"
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
"""A function as callers of 0.28 declare it."""


def tell(step: str, act: Callable[[], Any]) -> None:
    """Take a step, and print what it gave or raised."""
    try:
        told = {"step": step, "gave": act()}
    except Exception as raised:  # noqa: BLE001 - whatever it is, it is what is told
        told = {"step": step, "raised": type(raised).__name__, "said": str(raised)}
    print(json.dumps(told, default=repr), flush=True)
