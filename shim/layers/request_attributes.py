"""Attributes of a request that somebody above or below a telemetry layer knows, such as the arm a rollout gave it.

Not the layer (`telemetry`), and nothing about rollouts: whoever starts a request says them around the start, and a telemetry
layer reads them on either side of him.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["collected_attributes", "given_attributes"]

_NONE: Final[Mapping[str, str]] = {}
_GIVEN: ContextVar[Mapping[str, str]] = ContextVar("shim_request_attributes", default=_NONE)
_COLLECTING: ContextVar[dict[str, str] | None] = ContextVar("shim_request_attributes_collected", default=None)


@contextmanager
def given_attributes(attributes: Mapping[str, str]) -> Iterator[None]:
    """Have the requests that are started meanwhile carry these; names by OpenTelemetry's rules, values few."""
    collecting = _COLLECTING.get()
    if collecting is not None:
        collecting.update(attributes)
    token = _GIVEN.set(attributes)
    try:
        yield
    finally:
        _GIVEN.reset(token)


@contextmanager
def collected_attributes() -> Iterator[Mapping[str, str]]:
    """What is given for a request: what holds already, and what is added while it is started."""
    collected = dict(_GIVEN.get())
    token = _COLLECTING.set(collected)
    try:
        yield collected
    finally:
        _COLLECTING.reset(token)
