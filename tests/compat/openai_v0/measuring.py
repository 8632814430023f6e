"""Runs the calls of a library in a process of its own, and puts what it told beside what it sent.

Not the calls (`calls`) nor the comparing (`comparing`).
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.compat.openai_v0.replies import reply_to
from tests.compat.openai_v0.telling import of_request
from tests.helpers.loopback import Loopback

ROOT = Path(__file__).resolve().parents[3]
MEASURED = Path(__file__).with_name("measured_0_28_1.json.gz")
"""What the real openai 0.28.1 told and sent; written by `python -m bench.parity_v0 --write`."""


def measured() -> dict[str, Any]:
    """What was measured of the real one, by call."""
    told: dict[str, Any] = json.loads(gzip.decompress(MEASURED.read_bytes()))
    return told


def told_by(python: Path, mode: str, *, names: Sequence[str] = (), seconds: float) -> dict[str, Any]:
    """What each call came to and what it sent, by name; all calls unless some are named."""
    with Loopback(reply_to) as server:
        command = [str(python), "-m", "tests.compat.openai_v0.running", mode, server.url, *names]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "SHIM_"))}
        environ |= {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
        ran = subprocess.run(  # noqa: S603 - our own calls
            command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds
        )
        requests = list(server.received)
    told = {each.pop("name", "after all"): each for each in map(json.loads, ran.stdout.splitlines())}
    for each in told.values():
        each["requests"] = []
    for request in requests:
        headers = [list(each) for each in request.headers]
        sent = of_request(request.method, request.target, headers, request.body)
        told.setdefault(_name_in(request.target), {"requests": []})["requests"].append(sent)
    return told


def _name_in(target: str) -> str:
    """The name of the call in the address of its request."""
    return unquote(target.split("/")[2]).replace("~", "@")
