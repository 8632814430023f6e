"""The report of a rollout: one HTML page that holds all it needs, for people who have to decide on the next step.

Not the figures (`shim.migration.operations`). Names, reasons and figures of a store are strangers' text: all of it goes through
jinja2's escaping, and the page runs no script and loads nothing (its own policy says so). Needs the extra `cli`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from shim.migration.operations.samples import read_samples
from shim.migration.policy import PolicyError

if TYPE_CHECKING:
    from shim.migration.operations.observer import Observer

__all__ = ["MOST_ENTRIES", "render_report", "write_report"]

MOST_ENTRIES = 500
"""Of the history on the page, the last ones: a rollout has some dozens."""

_MODE = 0o600  # who runs what, and with how many errors, is nobody else's business


def write_report(path: str, operator: Observer, *, made_at: float | None = None) -> None:
    """Write the page of a rollout; a file that is there is replaced, whole at once, and only its owner may read it.

    Raises:
        ModuleNotFoundError: jinja2 is missing; the message names the extra.
        PolicyError: the page cannot be written, or something of the rollout cannot be read.
        StoreError: the store cannot be used.
    """
    page = render_report(operator, made_at=made_at)
    target = Path(path)
    try:
        if target.is_dir():
            raise IsADirectoryError(None, "it is a directory")
        handle, beside = tempfile.mkstemp(dir=target.absolute().parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), _MODE)
                file.write(page.encode("utf-8", "backslashreplace"))
            Path(beside).replace(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(beside).unlink()
            raise
    except OSError as error:
        raise PolicyError(f"report {path} cannot be written: {error.strerror or error}", field="html") from error


def render_report(operator: Observer, *, made_at: float | None = None) -> str:
    """Give the page of a rollout as text; raises as `write_report`."""
    from shim.migration.report.page import page_of
    from shim.migration.report.rendering import render

    place = operator.place
    status = operator.status()
    entries = operator.history() if place.history is not None or place.store is not None else iter(())
    return render(
        page_of(
            status,
            needs=operator.needs(status),
            entries=tuple(deque(entries, maxlen=MOST_ENTRIES)),
            samples=[] if place.samples is None else read_samples(place.samples, flag=place.flag),
            made_at=time.time() if made_at is None else made_at,
        )
    )
