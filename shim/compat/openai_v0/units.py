"""What a chat call is decided by: its unit, and its attributes for policies with `only`.

Not the deciding (`shim.migration.Rollout`).
"""

from __future__ import annotations

import itertools
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote_plus, urlsplit

from msgspec import Struct

_log = logging.getLogger("shim.compat.openai_v0")

CONVERSATION_HEADER = "X-Conversation-Id"
"""A header of the caller's (`headers={…}`) that names the conversation; it is sent on as ever."""


class RoutedCall(Struct, frozen=True, kw_only=True):
    """A chat call as its caller made it.

    Attributes:
        fields: its body: `model`, `messages`, `user`, ...; not to be changed.
        headers: the caller's own, from `headers=`.
        engine: `engine=` or `deployment_id=`; None where there is none.
    """

    fields: Mapping[str, Any]
    headers: Mapping[str, str]
    engine: str | None = None

    def __repr__(self) -> str:
        return f"<RoutedCall of {self.engine or self.fields.get('model')!r}>"  # the rest is the caller's own


UnitOf: TypeAlias = Callable[[RoutedCall], "str | None"]
"""Names the unit of a call: all calls of a unit go one way. None: control serves it, and it is not counted."""


def unit_of(call: RoutedCall) -> str | None:
    """The unit where nobody says otherwise: the header `X-Conversation-Id`, else `user`, else the call alone.

    Without a name, each call is drawn by itself: a share of 5 percent is one of the calls then, and two turns of a conversation
    may go different ways. Chat Completions keeps nothing between them, so both are answered.
    """
    for name, value in call.headers.items():
        if str(name).lower() == CONVERSATION_HEADER.lower() and value:
            return value
    user = call.fields.get("user")
    return user if isinstance(user, str) and user else uuid.uuid4().hex


class UnitNaming:
    """Names the unit of each call, by the caller's own function or by `unit_of`. For any number of threads.

    Attributes:
        faults: calls whose unit could not be told, because the function raised.
    """

    def __init__(self, unit: UnitOf | None) -> None:
        self._unit = unit or unit_of
        self._lock = threading.Lock()
        self.faults = 0

    def __call__(self, call: RoutedCall) -> str | None:
        """The unit; None where the function gives none, or raises: control serves the call."""
        try:
            return self._unit(call)
        except Exception as error:  # noqa: BLE001 - the caller's own function; the call itself has to go somewhere
            with self._lock:
                self.faults += 1
                is_first = self.faults == 1
            if is_first:
                _log.warning("unit= raised %s; control serves such calls, more are counted only", type(error).__name__)
            return None


def attributes_of(call: RoutedCall) -> dict[str, object]:
    """What a policy's `only` may ask for: the values of `metadata`, and `model`: the model, or the engine."""
    metadata = call.fields.get("metadata")
    given = dict(metadata) if isinstance(metadata, Mapping) else {}
    return {**given, "model": call.fields.get("model") or call.engine}


def engine_in(url: str) -> str | None:
    """The engine or deployment that an address names."""
    parts = urlsplit(url).path.split("/")
    for before, name in itertools.pairwise(parts):
        if before in ("engines", "deployments"):
            return unquote_plus(name)
    return None
