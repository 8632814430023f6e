"""The legacy client's own tests over the native provider; `exceptions` lists those that cannot pass."""

from __future__ import annotations

from shim.native import NativeProvider
from tests.compat.legacy_multi.ported import ported

globals().update(ported(NativeProvider))
