"""Tests of the migration's public surface: every name is there, and importing it is cheap."""

from __future__ import annotations

import json
import subprocess
import sys

import shim.migration

PROBE = """
import json, sys, threading
import shim.migration
from shim.migration import FilePolicy, Guard, Policy, Rollout
print(json.dumps([sorted(sys.modules), threading.active_count()]))
"""

EXTRAS = ("openfeature", "redis", "sqlite3", "requests", "pycurl", "asyncio")


def test_every_public_name_is_there() -> None:
    """Each exported name can be asked for, stands there once, and has words of its own."""
    names = shim.migration.__all__
    assert len(set(names)) == len(names)
    things = {name: getattr(shim.migration, name) for name in names}
    assert not [name for name, thing in things.items() if isinstance(thing, type) and not thing.__doc__]
    assert set(names) <= set(dir(shim.migration))


def test_importing_it_is_cheap() -> None:
    """A rollout over a file loads no flag library, no store and no transport, and starts no thread."""
    told = subprocess.run(  # noqa: S603 - our own interpreter on the text above
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=15
    )
    loaded, threads = json.loads(told.stdout)
    assert [name for name in EXTRAS if name in loaded] == []
    assert threads == 1
