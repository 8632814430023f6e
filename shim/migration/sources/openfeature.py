"""OpenFeaturePolicy: a policy from a feature flag, whichever vendor's.

Not the evaluation (`shim.migration.flag_reader`). The flag says stage and percent; which unit is the candidate's is decided by
our own bucketing, so that the share is known exactly, as the guard needs, and survives the vendor's upgrades.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from shim.migration.flag_reader import FlagReader
from shim.migration.policy import Policy, PolicyError
from shim.migration.sources.source import LastGood, SourceHealth

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.flag_evaluation import FlagEvaluationDetails

__all__ = ["OpenFeaturePolicy"]


class OpenFeaturePolicy:
    """The policy in a flag, evaluated on a thread of its own; off until the first answer came.

    Code default is off: a flag that is switched off, and a provider that answers the code default, put the rollout to off. A
    fault (reason ERROR: the provider is not ready, the flag is missing, its type is another) keeps the last good policy.

    Args:
        client, context: see `FlagReader`.
        flag_key: of the flag.
        kind: "object": a mapping as `Policy.parse` takes it. "string": a stage, "ramp 5" for one with its percent, or the
            mapping as JSON. "auto": whichever of them the flag is.
        max_age: seconds after which the flag is evaluated again.
        wait: seconds to wait here for the first answer, so that a restarted worker does not begin with control.

    Raises:
        PolicyError: an argument cannot be.
    """

    def __init__(
        self,
        client: OpenFeatureClient,
        flag_key: str,
        *,
        kind: Literal["auto", "object", "string"] = "auto",
        max_age: float = 0.5,
        context: EvaluationContext | None = None,
        wait: float = 1.0,
    ) -> None:
        self._kept = LastGood(f"flag {flag_key}", Policy())
        self._reader = FlagReader(
            client,
            flag_key,
            kind=kind,
            max_age=max_age,
            context=context,
            on_details=self._read,
            on_error=self._kept.failed,
        )
        if wait > 0 and not self._reader.wait(wait):
            self._kept.failed(TimeoutError(f"no answer within {wait:g} s"))

    @property
    def health(self) -> SourceHealth:
        """How the last evaluation went, or that there is none for long."""
        health = self._kept.health
        if health.fault is None and self._reader.is_silent():
            return replace(health, fault="the provider does not answer")
        return health

    def policy(self) -> Policy:
        """The policy of the flag, or the last good one."""
        self._reader.ensure()
        return self._kept.policy

    def tell(self, event: str, details: Mapping[str, Any]) -> None:
        """Track an event with the provider, on the flag's thread."""
        self._reader.track(f"shim.rollout.{event}", details)

    def close(self) -> None:
        """End the thread."""
        self._reader.close()

    def _read(self, details: FlagEvaluationDetails[Any]) -> None:
        value = details.value
        self._kept.read(Policy.parse(_mapping(value) if isinstance(value, str) else value))


def _mapping(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise PolicyError(f"the flag's value is no JSON: {error}", field="stage") from None
    stage, _, percent = text.strip().partition(" ")
    if not percent:
        return {"stage": stage}
    try:
        return {"stage": stage, "percent": float(percent)}
    except ValueError:
        raise PolicyError(f"percent is {percent[:60]!r}; give a number from 0 to 100", field="percent") from None
