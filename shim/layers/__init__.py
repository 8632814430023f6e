"""Layers: providers that wrap a provider and change one thing of it.

Not the providers at the bottom (`shim.legacy_adapter`, `shim.native`); `shim.factory` stacks them. `layer` forwards the nine
calls of the interface, once for all; `deadlines` keeps limits of time, `retries` tries again, `telemetry` tells
OpenTelemetry.
"""

from shim.layers.deadlines import DeadlineLayer
from shim.layers.layer import Layer
from shim.layers.retries import RetryLayer
from shim.layers.retry_policy import RetryBudget, RetryPolicy
from shim.layers.telemetry import Telemetry, TelemetryLayer

__all__ = ["DeadlineLayer", "Layer", "RetryBudget", "RetryLayer", "RetryPolicy", "Telemetry", "TelemetryLayer"]
