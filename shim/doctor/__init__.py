"""Doctor: what a program uses of openai 0.28, where, and how it fares on the new path; nothing of it is executed.

Not the table of names (`shim.compat.v0_names`) nor that of models (`shim.migration.upgrades`), not the printing (`shim.cli`).
"""

from shim.doctor.examining import Examination, examine
from shim.doctor.finding import Finding, Kind, Place, Standing, Unread
from shim.doctor.fixing import Fix, fix_file, write_fix

__all__ = [
    "Examination",
    "Finding",
    "Fix",
    "Kind",
    "Place",
    "Standing",
    "Unread",
    "examine",
    "fix_file",
    "write_fix",
]
