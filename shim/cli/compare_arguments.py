"""The options of `shim compare`, read by argparse.

Not what it does with them (`compare`), nor which go together (`compare_recordings`, `compare_shards`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from shim.cli.argument_types import local_path, not_negative, positive, positive_seconds, shard

_NOTE = """\
FILE holds recorded exchanges, one JSON object a line, plain or gzip; - is standard input. Files larger than memory are fine.
Two recordings, of any two clients: shim compare CONTROL --candidate FILE holds what was asked and answered in one against the
other, by pair id, else by request and order. Requests must be the same; answers are compared by rates and times, never by text.
rungs: wire, would the new path send the same request? tee, does it read the same recorded bytes the same way?
exit status: 0 all match (or differ as --ignore allows), 1 a mismatch, 2 input that cannot be used, or nothing proven,
130 interrupted. A line that cannot be used is told, and the others are compared.
--shard ends with 0 once its parts are written, whatever they say, so that a scheduler repeats only what broke: --merge judges.
"""


OF_THE_NEW_PATH = ("rung", "control", "api", "base_url", "organization", "project", "resplit", "truncate")
"""The options on which the verdicts of one recording depend, besides `--ignore`."""


def add_compare(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], *, formatter: type[argparse.HelpFormatter]
) -> None:
    """Add `compare` to the commands."""
    command = commands.add_parser(
        "compare",
        description="Compare recorded exchanges: what the legacy client sent and read, with what the new path would.",
        epilog=_NOTE,
        formatter_class=formatter,
    )
    command.add_argument(
        "files", nargs="*", metavar="FILE", help="recorded exchanges: paths, patterns, URLs; - is standard input"
    )
    _add_two_recordings(command)
    judging = command.add_argument_group("what is compared")
    judging.add_argument("--rung", choices=("wire", "tee"), help="only this comparison (default: both)")
    judging.add_argument(
        "--control",
        default="legacy",
        choices=("legacy", "openai-0.28"),
        help="who reads for the old side (default: legacy; openai-0.28: the real one, where it is installed)",
    )
    judging.add_argument(
        "--api",
        default="recorded",
        choices=("recorded", "auto", "chat_completions", "responses"),
        help="which API the new path speaks (default: recorded, like for like; auto: as the native provider chooses)",
    )
    judging.add_argument(
        "--base-url", metavar="URL", help="the new path's (default: the recorded one, not compared then)"
    )
    judging.add_argument("--organization", metavar="ID", help="the new path's, for the header of that name")
    judging.add_argument("--project", metavar="ID", help="the new path's, for the header of that name")
    judging.add_argument("--resplit", action="store_true", help="read each answer split at every byte, too (tee)")
    judging.add_argument("--truncate", action="store_true", help="read each answer cut at every byte, too (tee)")
    judging.add_argument("--ignore", type=local_path, metavar="FILE", help="differences that are known: JSON or TOML")
    judging.add_argument("--limit", type=positive, metavar="COUNT", help="compare only the first COUNT exchanges")
    running = command.add_argument_group("how it runs")
    running.add_argument(
        "--workers",
        type=positive,
        metavar="COUNT",
        help="processes (default: 1 for small input, else one per core, to 8)",
    )
    running.add_argument(
        "--resume", type=local_path, metavar="FILE", help="a journal: go on where an interrupted run ended"
    )
    _add_sharing(command)
    shown = command.add_argument_group("what is shown and written")
    shown.add_argument("--json", action="store_true", help="print one JSON object; tables go to standard error")
    shown.add_argument("--junit", type=local_path, metavar="FILE", help="write a JUnit report, for CI servers")
    shown.add_argument(
        "--html", type=local_path, metavar="FILE", help="write a page with tables, plots and differences"
    )
    shown.add_argument(
        "--show", type=not_negative, default=10, metavar="COUNT", help="mismatches to print (default: %(default)s)"
    )
    shown.add_argument("--quiet", action="store_true", help="print only warnings; the exit status tells the rest")
    shown.add_argument("--no-progress", dest="progress", action="store_false", help="draw no progress bar")
    command.set_defaults(default_of=command.get_default)


def given(arguments: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """Those of some options that say something else than they do unsaid, as they are typed."""
    return [f"--{name.replace('_', '-')}" for name in names if getattr(arguments, name) != arguments.default_of(name)]


def _add_two_recordings(command: argparse.ArgumentParser) -> None:
    two = command.add_argument_group("two recordings")
    two.add_argument(
        "--candidate",
        action="append",
        default=[],
        metavar="FILE",
        help="what another client asked and got: compare with that; a path, pattern or URL; may be repeated, as where a "
        "recorder began a new file",
    )
    two.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="FILE",
        help="what the control's client asked and got once more: what those two differ in is noise; may be repeated",
    )


def _add_sharing(command: argparse.ArgumentParser) -> None:
    sharing = command.add_argument_group("many machines (docs/at_scale.md)")
    sharing.add_argument(
        "--shard", type=shard, metavar="I/N", help="compare every Nth file, from the Ith on, counted from 0"
    )
    sharing.add_argument("--parts", metavar="DIR", help="where what a shard found is kept: a folder or a URL")
    sharing.add_argument("--merge", metavar="DIR", help="show the parts of all shards as one run; takes no FILE")
    sharing.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="have a Dask cluster compare the files into --parts, such as tcp://127.0.0.1:8786, and then merge",
    )
    sharing.add_argument(
        "--patience",
        type=positive_seconds,
        metavar="SECONDS",
        help="how long to wait for a scheduler that is gone, or for workers (default: 300)",
    )
