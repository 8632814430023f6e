"""Samples: looks at a rollout kept in a JSON Lines file, so that a report can plot evidence over time.

Not the history, which tells what happened (`shim.migration.history`). A line is what `shim rollout status --json` prints, so a
timer that appends that does as well as `shim rollout watch`.
"""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from shim.migration.policy import PolicyError
from shim.migration.status import RolloutStatus

__all__ = ["MOST_SAMPLES", "add_sample", "read_samples"]

MOST_SAMPLES = 2000
"""So many samples, the last ones, are read: more points than a screen has across."""

# A line has some two thousand bytes; at one every two seconds this is a week.
_MOST_BYTES = 512 * 1024 * 1024
_MODE = 0o600


def add_sample(path: str, status: RolloutStatus) -> None:
    """Append a look.

    Raises:
        PolicyError: the file cannot be written, or is full.
    """
    line = msgspec.json.encode({"at": time.time(), **msgspec.to_builtins(status)}) + b"\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
        with os.fdopen(handle, "ab") as file:
            if file.tell() > _MOST_BYTES:
                raise PolicyError(f"samples {path} has {_MOST_BYTES} bytes; move it away", field="samples")
            file.write(line)
    except OSError as error:
        raise PolicyError(f"samples {path} cannot be written: {error.strerror or error}", field="samples") from error


def read_samples(path: str, *, flag: str) -> list[dict[str, Any]]:
    """The last looks at a rollout, oldest first; none where there is no file. Lines that are none are passed over.

    Raises:
        PolicyError: the file cannot be read.
    """
    found: deque[dict[str, Any]] = deque(maxlen=MOST_SAMPLES)
    try:
        with Path(path).open("rb") as file:
            for line in file:
                sample = _sample(line)
                if sample is not None and sample.get("flag") == flag:
                    found.append(sample)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PolicyError(f"samples {path} cannot be read: {error.strerror or error}", field="samples") from error
    return list(found)


def _sample(line: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeError):  # half a line of a writer that was killed
        return None
    return found if isinstance(found, dict) and isinstance(found.get("at"), int | float) else None
