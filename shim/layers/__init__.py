"""Layers: providers that wrap a provider and change one thing of it.

Not the providers at the bottom (`shim.legacy_adapter`, `shim.native`); `shim.factory` stacks them. `layer` forwards the nine
calls of the interface, once for all; `deadlines` keeps limits of time.
"""

from shim.layers.deadlines import DeadlineLayer
from shim.layers.layer import Layer

__all__ = ["DeadlineLayer", "Layer"]
