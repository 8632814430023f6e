"""The options of `shim recordings` and its actions, read by argparse.

Not what the actions do with them (`recordings`).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from shim.cli.argument_types import local_file
from shim.cli.quantities import size

NOTE = """\
actions:
  ls      what each file holds: exchanges, time, APIs, models, endings, pairs
  cat     print the exchanges that are chosen, as they stand there
  split   into files of some count or size, or into shards that keep pairs together
  merge   into one file, by time; what is there twice is told
  redact  take out of older recordings what a recorder takes out today
  stats   rates, statuses, categories, times and sizes
  "shim recordings ACTION --help" tells the options of each.

FILE holds recorded exchanges, one JSON object a line, plain or gzip; - is standard input. Files larger than memory are fine.
A line that is no exchange is told by file and line, and the others are used; --on-error stop ends there, and makes no file.
exit status: 0 done, 1 redact --check: there is something to take out, 2 used wrongly, or a line that cannot be used,
130 interrupted.
"""

ENDINGS: Final = ("complete", "aborted", "failed", "overflow")
_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)|none")
_FILE_TIME: Final = "%Y%m%dT%H%M%S.%fZ"  # as `{time}` in a file's name
_DATE: Final = len("20260102")  # a date and no seconds of 1970
_BASIC = re.compile(r"[0-9]{8}(?:T|\Z)")
_SECONDS = re.compile(r"(?![0-9]{8}\Z)[0-9]+(?:\.[0-9]*)?")

# A parser of an action, by its name and what it does.
_Add = Callable[..., argparse.ArgumentParser]


def add_recordings(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], *, formatter: type[argparse.HelpFormatter]
) -> None:
    """Add the command and its actions."""
    command = commands.add_parser(
        "recordings",
        usage="shim recordings ACTION …",
        description="List, filter, split, merge and redact recordings, and tell their figures.",
        epilog=NOTE,
        formatter_class=formatter,
    )
    actions = command.add_subparsers(
        prog="shim recordings", dest="action", metavar="ACTION", required=True, help=argparse.SUPPRESS
    )

    def add(name: str, does: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, description=does, formatter_class=formatter)
        action.add_argument(
            "files", nargs="+", metavar="FILE", help="recorded exchanges: paths, patterns, URLs; - is standard input"
        )
        return action

    for add_action in (_add_ls, _add_cat, _add_split, _add_merge, _add_redact, _add_stats):
        _add_reading(add_action(add))


def _add_reading(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--on-error",
        choices=("skip", "stop"),
        help="a line that is no exchange: tell it and go on, or stop there (default: skip; stop with --in-place)",
    )
    action.add_argument("--no-progress", dest="progress", action="store_false", help="draw no progress bar")


def _add_ls(add: _Add) -> argparse.ArgumentParser:
    action = add("ls", "Show what each file holds, and all of them together.")
    action.add_argument("--json", action="store_true", help="print one JSON object")
    return action


def _add_stats(add: _Add) -> argparse.ArgumentParser:
    action = add("stats", "Show rates, statuses, categories, times and sizes, over all files.")
    _add_selection(action)
    action.add_argument("--json", action="store_true", help="print one JSON object")
    return action


def _add_cat(add: _Add) -> argparse.ArgumentParser:
    action = add("cat", "Print the exchanges for which all filters hold, unchanged, one a line.")
    _add_selection(action)
    _add_output(action, default="-", says="where to (default: standard output); in gzip if its name ends in .gz")
    return action


def _add_selection(action: argparse.ArgumentParser) -> None:
    chosen = action.add_argument_group("filters", "Of one that is repeated, one value must hold; of several, each.")
    _repeated(chosen, "--model", metavar="NAME", says="a model's name, or a pattern such as gpt-4*")
    _repeated(chosen, "--status", type=_status, metavar="STATUS", says="such as 429, 5xx, or none: no answer came")
    _repeated(chosen, "--ended", choices=ENDINGS, says="how it ended")
    _repeated(chosen, "--role", choices=("control", "candidate"), says="whose record it is")
    _repeated(chosen, "--pair", metavar="ID", says="its pair id")
    chosen.add_argument("--since", type=_time, metavar="TIME", help="begun then or later: ISO 8601, UTC unless it says")
    chosen.add_argument("--until", type=_time, metavar="TIME", help="begun before that")
    chosen.add_argument(
        "--index",
        type=_index,
        metavar="A:B",
        help="those from A to before B over all files, from 0; either may be left out",
    )


def _repeated(group: argparse._ArgumentGroup, name: str, *, says: str, **more: object) -> None:
    options: dict[str, object] = {"action": "append", "default": [], "help": f"{says}; may be repeated", **more}
    group.add_argument(name, **options)  # type: ignore[arg-type]  # argparse's own types take no mapping of options


def _add_split(add: _Add) -> argparse.ArgumentParser:
    action = add(
        "split", "Split recordings; lines stay as they are. All files are put in their places at the end, or none."
    )
    how = action.add_mutually_exclusive_group(required=True)
    how.add_argument("--count", type=_positive, metavar="COUNT", help="exchanges a file")
    how.add_argument("--size", type=size, metavar="SIZE", help="a file at most, on the disk, such as 100MB")
    how.add_argument(
        "--shards", type=_positive, metavar="N", help="N files, by a stable hash of the pair: pairs stay together"
    )
    _add_output(action, says="their names, with {part} in them (default: that of FILE with -{part})")
    return action


def _add_merge(add: _Add) -> argparse.ArgumentParser:
    action = add("merge", "Merge recordings into one, by the time at which exchanges began.")
    _add_output(action, required=True, says="where to; - is standard output; in gzip if its name ends in .gz")
    action.add_argument(
        "--duplicates",
        choices=("drop", "keep"),
        default="drop",
        help="lines that are the same byte for byte: once, or as often as they come; told either way (default: drop)",
    )
    return action


def _add_redact(add: _Add) -> argparse.ArgumentParser:
    action = add("redact", "Take out of older recordings what a recorder takes out today, and what else is named.")
    how = action.add_mutually_exclusive_group(required=True)
    how.add_argument("-o", "--output", type=local_file, metavar="FILE", help="a new file; - is standard output")
    how.add_argument("--in-place", action="store_true", help="put the redacted file in the place of each FILE")
    how.add_argument("--check", action="store_true", help="write nothing: tell where there is something, status 1")
    action.add_argument("--force", action="store_true", help="replace an output that is there")
    rules = action.add_argument_group("what is taken out, besides credentials and what looks like a key")
    _repeated(rules, "--redact", metavar="PATH", says="a place of bodies, such as request.body.messages[*].content")
    rules.add_argument(
        "--conversation", action="store_true", help="all places where people's and models' words stand, in both APIs"
    )
    rules.add_argument("--drop-bodies", action="store_true", help="every body; lengths and hashes stay")
    action.add_argument(
        "--show",
        type=_not_negative,
        default=10,
        metavar="COUNT",
        help="places to print with --check (default: %(default)s)",
    )
    return action


def _add_output(
    action: argparse.ArgumentParser, *, says: str, default: str | None = None, required: bool = False
) -> None:
    action.add_argument(
        "-o", "--output", type=local_file, metavar="FILE", default=default, required=required, help=says
    )
    action.add_argument("--force", action="store_true", help="replace an output that is there")


def _status(text: str) -> str:
    if not _STATUS.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError(f"{text!r} is no status; give one such as 429, 5xx or none")
    return text.lower()


def _time(text: str) -> float:
    try:
        if _SECONDS.fullmatch(text):
            return float(text)
        read = (
            datetime.strptime(text, _FILE_TIME[: 6 if len(text) == _DATE else None])
            if _BASIC.match(text)
            else _iso(text)
        )
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; give one such as 2026-01-02, 2026-01-02T03:04:05Z, or seconds since 1970"
        ) from None
    return (read if read.tzinfo else read.replace(tzinfo=timezone.utc)).timestamp()


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


def _index(text: str) -> tuple[int, int | None]:
    first, colon, last = text.partition(":")
    if not colon or not all(part == "" or part.isdecimal() for part in (first, last)):
        raise argparse.ArgumentTypeError(f"{text!r} is no range; give one such as 0:100, 100: or :100")
    return int(first or 0), int(last) if last else None


def _positive(text: str) -> int:
    value = _not_negative(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 1")
    return value


def _not_negative(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, or negative")
    return int(text)


def beside(file: str) -> Path:
    """The default names of parts: those of a file, with the number of the part before their suffixes."""
    path = Path(file)
    stem, dot, suffixes = path.name.partition(".")
    return path.with_name(f"{stem}-{{part}}{dot}{suffixes}")
