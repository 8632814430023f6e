"""Tests that the legacy client is what it was: its files match the recorded checksums."""

from __future__ import annotations

from tests.house.freeze import LIST, checksum_lines
from tests.house.sources import complain

RECORD = f"python -m tests.house.freeze > tests/house/{LIST.name}"


def test_the_legacy_client_is_unchanged() -> None:
    """No file of `legacy_openai` is changed, added or removed."""
    assert LIST.is_file(), (
        f"tests/house/{LIST.name}: not there\nRemedy: when the legacy client is finished, run `{RECORD}` and commit the list."
    )
    recorded, actual = by_path(LIST.read_text().splitlines()), by_path(checksum_lines())
    changes = {path: change(recorded.get(path), actual.get(path)) for path in sorted(recorded.keys() | actual.keys())}
    findings = [f"{path}:1: {what}" for path, what in changes.items() if what]
    assert not findings, complain(
        findings,
        "take the change back: the shim adapts to the legacy client, never the reverse. "
        f"If it must change, say why in the changelog and run `{RECORD}`.",
    )


def by_path(lines: list[str]) -> dict[str, str]:
    """The checksums of a list, by path."""
    checksums: dict[str, str] = {}
    for line in lines:
        checksum, _, path = line.partition("  ")
        checksums[path] = checksum
    return checksums


def change(recorded: str | None, actual: str | None) -> str | None:
    """What became of a file, None where it is as recorded."""
    if recorded is None:
        return "was added"
    if actual is None:
        return "was removed"
    return None if recorded == actual else "was changed"


def test_each_change_is_named() -> None:
    """A file that was added, removed or changed is told apart from one that is as recorded."""
    recorded, actual = by_path(["1  kept", "2  gone", "3  other"]), by_path(["1  kept", "4  other", "5  new"])
    changes = {path: change(recorded.get(path), actual.get(path)) for path in {**recorded, **actual}}
    assert changes == {"kept": None, "gone": "was removed", "other": "was changed", "new": "was added"}
