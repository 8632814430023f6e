"""OpenFeature providers for tests: real ones, and ones that misbehave, each under a domain of its own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

_DOMAINS = itertools.count()


def client_of(provider: AbstractProvider) -> OpenFeatureClient:
    """A client whose evaluations go to this provider alone."""
    domain = f"test-{next(_DOMAINS)}"
    api.set_provider_and_wait(provider, domain=domain)
    return api.get_client(domain)


def in_memory(**values: Any) -> InMemoryProvider:
    """A provider of flags that have one value each."""
    return InMemoryProvider({key: InMemoryFlag("on", {"on": value}) for key, value in values.items()})


class Answering(AbstractProvider):
    """A provider that answers each evaluation by a function, which may block or raise, and tells what it was asked to track."""

    def __init__(self, answer: Callable[[Any], FlagResolutionDetails[Any]]) -> None:
        super().__init__()
        self.answer = answer
        self.tracked: list[tuple[str, Any]] = []
        self.threads: set[str] = set()
        self.calls = 0

    def get_metadata(self) -> Metadata:
        """Its name."""
        return Metadata(name="answering")

    def _details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Any]:
        self.threads.add(threading.current_thread().name)
        self.calls += 1
        return self.answer(default_value)

    resolve_boolean_details = _details
    resolve_string_details = _details
    resolve_integer_details = _details
    resolve_float_details = _details
    resolve_object_details = _details

    def track(self, tracking_event_name: str, *_rest: Any) -> None:
        """Remember an event."""
        self.tracked.append((tracking_event_name, _rest[-1].attributes))


class BadTracker(Answering):
    """A provider whose `track` has another signature, as a published one has."""

    def track(self, tracking_event_name: str) -> None:  # type: ignore[override]  # that is what is wrong with it
        """Never reached: the call does not fit."""


class FlagdFile(Answering):
    """flagd's file mode: its evaluator over a flag file, which is read again for each evaluation."""

    def __init__(self, path: Path) -> None:
        super().__init__(lambda default: FlagResolutionDetails(default, reason=Reason.DEFAULT))
        self._path = path
        self._core = FlagdCore()

    def _resolve(self, method: str, flag_key: str, default_value: Any, context: Any) -> FlagResolutionDetails[Any]:
        self._core.set_flags(self._path.read_text())
        details: FlagResolutionDetails[Any] = getattr(self._core, method)(flag_key, default_value, context)
        return details

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - OpenFeature's own signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """A boolean flag."""
        return self._resolve("resolve_boolean_value", flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Any]:
        """A flag that holds an object."""
        return self._resolve("resolve_object_value", flag_key, default_value, evaluation_context)
