"""The legacy client's own tests over a migrating provider in stage complete; `exceptions` lists those that cannot pass."""

from __future__ import annotations

from shim.migration import Policy, Stage
from tests.compat.legacy_multi.ported import each_its_own, migrating, ported

globals().update(ported(migrating(Policy(stage=Stage.COMPLETE)), unit=each_its_own()))
