"""FlagReader: one OpenFeature flag, evaluated off the caller's thread, since some providers make a request per evaluation.

Not what is read from its value (`sources.openfeature`, `kill_switch`). OpenFeature's evaluation does not raise: a fault gives
the code default with the reason ERROR, and a flag that is disabled gives it with the reason DISABLED (specification 1.4).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from shim.migration import refresher
from shim.migration.policy import PolicyError, checked_seconds
from shim.migration.refresher import Refresher

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.flag_evaluation import FlagEvaluationDetails

__all__ = ["FlagError", "FlagKind", "FlagReader"]

FlagKind: TypeAlias = Literal["object", "string", "boolean", "auto"]

LOGGER = logging.getLogger("shim.migration")

# Kind of flag -> the client's methods, each with the code default: always the legacy path. The next one is asked where the value
# is of another type.
_OBJECT = ("get_object_details", {"stage": "off"})
_STRING = ("get_string_details", "off")
_EVALUATIONS: dict[FlagKind, tuple[tuple[str, Any], ...]] = {
    "object": (_OBJECT,),
    "string": (_STRING,),
    "boolean": (("get_boolean_details", False),),
    "auto": (_OBJECT, _STRING),
}

# The specification's codes for a value of another type; providers of text (the environment's) say the second.
_OTHER_TYPE = frozenset({"TYPE_MISMATCH", "PARSE_ERROR"})

# Events that wait to be tracked: a rollout has some a day. A provider that hangs must not gather them for ever.
_MAX_EVENTS = 100


class FlagError(Exception):
    """The flag could not be evaluated; the message says why."""


class FlagReader:
    """Evaluates one flag again and again, and hands what came to `on_details` or `on_error`, on a thread of its own.

    Args:
        client: from `openfeature.api.get_client()`. A provider that polls with a thread of its own has to be made after the
            fork, in each worker: it is frozen in the child otherwise, whoever reads it.
        flag_key: of the flag.
        kind: of its value; "auto" is an object or a string.
        max_age: seconds after which it is evaluated again.
        context: of the evaluation; the units are ours to bucket, so it holds what is the same for all.
        on_details: gets each evaluation without a fault, `disabled` among them.
        on_error: gets why there was none.

    Raises:
        PolicyError: an argument cannot be.
    """

    def __init__(
        self,
        client: OpenFeatureClient,
        flag_key: str,
        *,
        kind: FlagKind,
        max_age: float,
        context: EvaluationContext | None,
        on_details: Callable[[FlagEvaluationDetails[Any]], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        if kind not in _EVALUATIONS:
            raise PolicyError(f"kind is {kind!r}; give one of {', '.join(_EVALUATIONS)}", field="kind")
        self._evaluations = _EVALUATIONS[kind]
        if not all(callable(getattr(client, method, None)) for method, _ in self._evaluations):
            raise PolicyError(
                f"client is of type {type(client).__name__}; give an OpenFeature client (api.get_client())",
                field="client",
            )
        if not isinstance(flag_key, str) or not flag_key:
            raise PolicyError("flag_key is empty or no string; give the flag's key", field="flag_key")
        self._client = client
        self._flag_key = flag_key
        self._context = context
        self._on_details = on_details
        self._on_error = on_error
        self._max_age = checked_seconds(max_age, field="max_age", least=0.01)
        self._ended = time.monotonic()  # the last evaluation, well or not
        self._events: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_MAX_EVENTS)
        self._refresher = Refresher(self._refresh, every=max_age, name=f"shim-flag-{flag_key[:40]}")

    def ensure(self) -> None:
        """Have the flag evaluated in this process; cheap, never raises."""
        self._refresher.ensure()

    def wait(self, timeout: float) -> bool:
        """Wait for the first evaluation in this process."""
        return self._refresher.wait(timeout)

    def is_silent(self) -> bool:
        """Whether the provider has not answered, well or not, for `SILENT_SECONDS` more than it should."""
        return time.monotonic() - self._ended > self._max_age + refresher.SILENT_SECONDS

    def track(self, event: str, details: Mapping[str, Any]) -> None:
        """Have the provider track an event, later; never blocks, never raises."""
        self._events.append((event, dict(details)))
        self._refresher.wake()

    def close(self) -> None:
        """End the thread; one that a provider holds ends when that lets go."""
        self._refresher.close()

    def _refresh(self) -> None:
        try:
            self._on_details(self._evaluated())
        except BaseException as error:  # noqa: BLE001 - clients and providers are others' code and may raise anything, SystemExit too
            self._on_error(error if isinstance(error, Exception) else FlagError(f"{type(error).__name__}: {error}"))
        self._ended = time.monotonic()
        while self._events:
            self._track(*self._events.popleft())

    def _evaluated(self) -> FlagEvaluationDetails[Any]:
        fault = ""
        for method, default in self._evaluations:
            details: FlagEvaluationDetails[Any] = getattr(self._client, method)(self._flag_key, default, self._context)
            if details.reason != "ERROR" and details.error_code is None:
                return details
            code = str(getattr(details.error_code, "value", details.error_code or "ERROR"))
            fault = fault or f"{code}: {details.error_message or 'the provider does not say why'}"
            if code not in _OTHER_TYPE:
                break
        raise FlagError(fault)

    def _track(self, event: str, details: dict[str, Any]) -> None:
        try:
            from openfeature.track import TrackingEventDetails

            told: dict[str, Any] = {
                name: value for name, value in details.items() if isinstance(value, str | int | float | bool)
            }
            self._client.track(event, self._context, TrackingEventDetails(attributes=told))
        except Exception as error:  # noqa: BLE001 - a provider whose `track` has another signature raises TypeError
            LOGGER.warning("flag %s: tracking %s failed: %s: %s", self._flag_key, event, type(error).__name__, error)
