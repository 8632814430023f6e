"""A WSGI application with a rollout, made in the master of a prefork server; each answer tells its worker's decision.

Not a test: `test_prefork` serves it with gunicorn.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from shim.migration import FilePolicy, KillSwitch, Rollout, SqliteStore
from tests.migration.helpers.rollouts import unit_in

FOLDER = os.environ["PREFORK_FOLDER"]
UNIT = unit_in(0, 5)

rollout = Rollout(
    FilePolicy(f"{FOLDER}/policy.toml"),
    store=SqliteStore(f"{FOLDER}/store"),
    kill_switch=KillSwitch(file=f"{FOLDER}/kill"),
)
rollout.decide(UNIT)  # the master has a thread before it forks, as a preloaded service may


def application(_environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer with the worker's process id, and the stage and reason of its decision."""
    decision = rollout.decide(UNIT)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {decision.stage} {decision.reason}".encode()]
