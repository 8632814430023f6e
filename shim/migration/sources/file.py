"""FilePolicy: a policy from a TOML or JSON file, read again when the file changed.

Not the looking (`shim.migration.watched_file`), not the format (`shim.migration.policy_file`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from shim.migration.policy import Policy, PolicyError
from shim.migration.policy_file import parse_policy_file
from shim.migration.sources.source import LastGood, SourceHealth
from shim.migration.watched_file import WatchedFile

__all__ = ["FilePolicy"]


class FilePolicy:
    """The policy in a file. A change is seen within `check_every` seconds, in every process that uses it, forked ones too.

    Write a new file beside it and rename it over the old one. A file that is missing, broken, empty or too large later on
    changes nothing: the last good policy holds, and `health` and one line of the log say why.

    Args:
        path: a file that ends in `.json` is JSON, any other TOML. The keys are those of `Policy.parse`.
        check_every: seconds between two looks at the file, which cost a `stat` each, in the caller's thread.

    Raises:
        PolicyError: the file cannot be read now, or holds no policy; `field` names the key, or is "path".
    """

    def __init__(self, path: str | os.PathLike[str], *, check_every: float = 0.2) -> None:
        self._file = WatchedFile(path, check_every=check_every)
        try:
            content = self._file.read_changed()
        except OSError as error:
            raise PolicyError(f"{self._file.path} cannot be read: {error.strerror or error}", field="path") from error
        self._kept = LastGood(f"file {self._file.path}", Policy())
        self._kept.read(self._parse(content or b""))

    @property
    def health(self) -> SourceHealth:
        """How the last look went."""
        return self._kept.health

    def policy(self) -> Policy:
        """The policy in the file, or the last good one."""
        if self._file.due():
            self._look()
        return self._kept.policy

    def tell(self, event: str, details: Mapping[str, Any]) -> None:
        """Nothing to tell a file."""

    def close(self) -> None:
        """Nothing to close: no descriptor is kept."""

    def _look(self) -> None:
        try:
            content = self._file.read_changed()
            if content is not None:  # the same broken file stays a fault
                self._kept.read(self._parse(content))
        except (OSError, PolicyError) as error:
            self._kept.failed(error)

    def _parse(self, content: bytes) -> Policy:
        return parse_policy_file(content, name=str(self._file.path))
