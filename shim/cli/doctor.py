"""`shim doctor`: examines a program for what it uses of openai 0.28, and tells how that fares on the new path.

Not the examining (`shim.doctor`) nor the tables printed (`doctor_output`). Nothing of the program is executed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shim.cli.doctor_output import DoctorShown, progress
from shim.cli.rendering import UsageError, plural, printer
from shim.doctor import Examination, Finding, Support, examine, fix_file, write_fix
from shim.doctor.reading import UnreadableSourceError
from shim.migration.upgrades import AS_OF

if TYPE_CHECKING:
    import argparse

NOTHING_TO_DO, SOMETHING_TO_DO, UNUSABLE = 0, 1, 2

_FAILING: dict[str, tuple[Support, ...]] = {
    "upgrade": (Support.UPGRADE, Support.HAND),
    "hand": (Support.HAND,),
    "never": (),
}


def doctor(arguments: argparse.Namespace) -> int:
    """Examine, print, and fix where asked; 1 where something needs an upgrade or a hand, 2 where nothing could be examined.

    Raises:
        UsageError: a path is not there, or options do not go together.
    """
    if arguments.write and not arguments.fix:
        raise UsageError("--write goes with --fix, which says what would be written")
    examination = _examined(arguments)
    if arguments.fix:
        return _fix(examination, write=arguments.write)
    if arguments.json:
        print(json.dumps(as_json(examination), indent=2, ensure_ascii=False))
    shown = DoctorShown(printer(sys.stderr if arguments.json else sys.stdout), everything=arguments.all)
    if not (arguments.json and arguments.quiet):
        shown.print(examination)
    return exit_status(examination, fail_on=arguments.fail_on)


def exit_status(examination: Examination, *, fail_on: str) -> int:
    """How an examination came out, as a status."""
    if not examination.files:
        return UNUSABLE
    return SOMETHING_TO_DO if any(examination.count(each) for each in _FAILING[fail_on]) else NOTHING_TO_DO


def _examined(arguments: argparse.Namespace) -> Examination:
    with progress(wanted=arguments.progress) as bar:
        try:
            return examine(
                arguments.paths, today=arguments.today, api=arguments.api, skip=arguments.skip, on_file=bar.advance
            )
        except FileNotFoundError as error:
            raise UsageError(f"{error}; give a file or a folder that exists") from None


def _fix(examination: Examination, *, write: bool) -> int:
    """Print the edits of import lines as a diff on standard output, and write them where asked."""
    out, told = printer(sys.stdout), printer(sys.stderr)
    paths = {each.place.path: None for each in examination.findings if each.kind == "import"}
    libraries = {each.name for each in examination.findings if each.kind == "third-party"}
    changed = 0
    for name in paths:
        try:
            fix = fix_file(Path(name), libraries=libraries)
        except (OSError, UnreadableSourceError) as error:
            told.line(f"{name}: not changed: {error}", "yellow")
            continue
        if fix is None:
            continue
        out.write(fix.diff)
        for words in fix.left:
            told.line(f"{name}: {words}", "yellow")
        if fix.before != fix.after:
            changed += 1
            if write:
                write_fix(fix)
    done = "changed" if write else "would change; --write changes them"
    told.line(f"{plural(changed, 'file')} {done}." if changed else "No import line to change.")
    return NOTHING_TO_DO if write or not changed else SOMETHING_TO_DO


def as_json(examination: Examination) -> dict[str, Any]:
    """An examination as plain JSON."""
    return {
        "models_as_of": AS_OF.isoformat(),
        "files": examination.files,
        "parsed": examination.parsed,
        "counts": {str(standing): examination.count(standing) for standing in Support},
        "findings": [_finding_json(each) for each in examination.findings],
        "unread": [{"path": each.path, "reason": each.reason} for each in examination.unread],
        "skipped": [{"path": each.path, "reason": each.reason} for each in examination.skipped],
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    place = finding.place
    where: dict[str, Any] = {"path": place.path, "line": place.line, "column": place.column}
    if place.cell:
        where["cell"] = place.cell
    return where | {
        "kind": finding.kind,
        "name": finding.name,
        "standing": str(finding.standing),
        "reason": finding.reason,
        "remedy": finding.remedy,
        "upgrade": finding.upgrade,
    }
