"""Doctor: what a program uses of openai 0.28, where, and how it fares on the new path; nothing of it is executed.

Not the table of names (`shim.compat.v0_names`) nor that of models (`shim.migration.upgrades`), not the printing (`shim.cli`).
"""

from shim.doctor.examining import Examination, examine
from shim.doctor.finding import CodePlace, Finding, Kind, Support, Unread
from shim.doctor.fixing import Fix, fix_file, write_fix

__all__ = [
    "CodePlace",
    "Examination",
    "Finding",
    "Fix",
    "Kind",
    "Support",
    "Unread",
    "examine",
    "fix_file",
    "write_fix",
]
