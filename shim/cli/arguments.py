"""The options of every command, read by argparse.

Not what the commands do with them. A value that is wrong by itself ends here, with the option's name and exit status 2.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from shim import __version__
from shim.cli.rollout_arguments import add_rollout
from shim.factory import KINDS

DEFAULT_MODEL = "gpt-4o-mini"

_COMMANDS = """\
commands:
  chat         ask a model, and watch the answer arrive
  compare      compare recorded exchanges: would the new path ask, and read, the same?
  demo         watch the legacy client answer through the shim
  doctor       find what a program uses of openai 0.28, and how it fares
  fake-server  run a loopback server that speaks the OpenAI API
  run          run a program written for openai 0.28, with a rollout or a recording beside it
  record       pass requests on to an API, and record them for `shim compare`
  rollout      see and move a rollout: its stage, its guard, its switches
  "shim COMMAND --help" tells the options of each.

examples:
  shim demo                                    watch it work: no key, no network
  shim chat "Why is the sky blue?"             needs OPENAI_API_KEY
  git diff | shim chat --system "Review this." read the question from a pipe
  shim fake-server                             an API of your own to try things on
"""
_CHAT_NOTE = """\
The key is read from OPENAI_API_KEY, the address from --base-url or else OPENAI_BASE_URL. The answer goes to standard
output, everything else to standard error. Ctrl-C stops the answer and keeps what has arrived.
exit status: 0 answered, 1 failed, 2 used wrongly, 130 interrupted.
"""
_COMPARE_NOTE = """\
FILE holds recorded exchanges, one JSON object a line, plain or gzip; - is standard input. Files larger than memory are fine.
rungs: wire, would the new path send the same request? tee, does it read the same recorded bytes the same way?
exit status: 0 all match (or differ as --ignore allows), 1 a mismatch, 2 input that cannot be used, or nothing proven,
130 interrupted. A line that cannot be used is told, and the others are compared.
--shard ends with 0 once its parts are written, whatever they say, so that a scheduler repeats only what broke: --merge judges.
"""
_RECORD_NOTE = """\
FILE is appended to: one exchange a line, in gzip if its name ends in .gz. It holds what was asked and answered, but of
headers only those that are known to be harmless, and no key. Only HTTP/1.1; proxy environment variables are not read.
exit status: 0 ended by Ctrl-C or SIGTERM, 1 something could not be written, 2 it could not start.
"""
_RUN_NOTE = """\
Where openai 0.28 is installed it stays, and --rollout moves its chat calls one by one; elsewhere shim.compat.openai_v0 takes its
place. Processes the program starts inherit it. Where a command line cannot change, the environment does the same:
  PYTHONPATH="$(shim run --print-path)" SHIM_OPENAI_V0_ROLLOUT=FILE SHIM_OPENAI_V0_RECORD=FILE SHIM_OPENAI_V0=native …
exit status: that of the program; 2 used wrongly.
"""


_DOCTOR_NOTE = """\
PATH is a file or a folder: modules and notebooks are parsed, nothing is executed or imported. Virtual environments, .git,
node_modules and the like are left out, and told. Names stand as: supported, upgrade needed, needs a hand, not 0.28.
--fix writes import lines for the drop-in (shim.compat.openai_v0) and nothing else: a diff first, changed with --write.
exit status: 0 nothing to do, 1 something needs an upgrade or a hand (see --fail-on), or --fix without --write found something,
2 used wrongly, or no Python there, 130 interrupted. A file that cannot be parsed and names openai needs a hand.
"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps descriptions as they are written, and gives names enough room."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read a command line; `command` of the result is the command's name. Ends the program as argparse does."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        parser.exit(2)
    return arguments


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="shim",
        usage="%(prog)s COMMAND …",
        description="Move a legacy OpenAI client to a new provider interface.",
        epilog=_COMMANDS,
        formatter_class=_Formatter,
    )
    version = f"shim {__version__} (Python {'.'.join(map(str, sys.version_info[:3]))})"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(prog="shim", dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    _add_chat(commands)
    _add_fake_server(commands)
    _add_demo(commands)
    _add_compare(commands)
    _add_record(commands)
    _add_doctor(commands)
    add_rollout(commands, formatter=_Formatter)
    _add_run(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "run",
        usage="%(prog)s [options] program.py … | %(prog)s [options] -m module …",
        description="Run a program that was written for openai 0.28, unchanged.",
        epilog=_RUN_NOTE,
        formatter_class=_Formatter,
    )
    command.add_argument(
        "--rollout", metavar="FILE", help="a policy file (TOML or JSON), read again whenever it changes"
    )
    command.add_argument("--record", metavar="FILE", help="record every exchange, for shim compare")
    command.add_argument(
        "--provider",
        choices=sorted(KINDS),
        help="who serves the calls that move (default: native); without openai 0.28, who serves all (default: legacy)",
    )
    command.add_argument("--print-path", action="store_true", help="print the folder for PYTHONPATH, and end")
    command.add_argument("-m", dest="module", action="store_true", help="the program is the name of a module")
    command.add_argument("program", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def _add_chat(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    chat = commands.add_parser(
        "chat",
        description="Ask a model, and watch the answer arrive.",
        epilog=_CHAT_NOTE,
        formatter_class=_Formatter,
    )
    chat.add_argument("prompt", nargs="?", default="-", help="the question; - or none reads standard input")
    chat.add_argument("--model", default=DEFAULT_MODEL, help="the model's name (default: %(default)s)")
    chat.add_argument(
        "--provider", choices=sorted(KINDS), help="which provider carries it (default: legacy; native with --azure)"
    )
    chat.add_argument(
        "--api",
        choices=("auto", "chat_completions", "responses"),
        help="which API the native provider speaks (default: auto, by the model and what the request needs)",
    )
    chat.add_argument("--base-url", metavar="URL", help="where the API is (default: OPENAI_BASE_URL, or OpenAI's own)")
    azure = chat.add_argument_group("Azure OpenAI", "The key is read from AZURE_OPENAI_API_KEY, else OPENAI_API_KEY.")
    azure.add_argument(
        "--azure", metavar="RESOURCE", help="ask a deployment there: the resource's name, or its address"
    )
    azure.add_argument("--deployment", metavar="NAME", help="the deployment's name (default: that of --model)")
    azure.add_argument(
        "--api-version", metavar="DATE", help="the API's version (default: OPENAI_API_VERSION, or 2024-10-21)"
    )
    chat.add_argument("--system", metavar="TEXT", help="instructions put before the question")
    chat.add_argument("--temperature", type=_number, metavar="NUMBER", help="how freely it answers, 0 to 2")
    chat.add_argument("--max-tokens", type=_positive, metavar="COUNT", help="upper bound of the answer")
    chat.add_argument("--tools", type=Path, metavar="FILE", help="a JSON list of functions that the model may call")
    chat.add_argument(
        "--stream",
        action=argparse.BooleanOptionalAction,
        help="print the answer as it arrives, or once it is whole (default: as it arrives; whole with --json)",
    )
    chat.add_argument("--json", action="store_true", help="print one JSON object; with --stream one a line, per event")


def _add_fake_server(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    server = commands.add_parser(
        "fake-server",
        formatter_class=_Formatter,
        description="Run a loopback server that speaks the OpenAI API, until Ctrl-C. It has no model behind it, only manners.",
    )
    server.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    server.add_argument("--port", type=_port, default=0, help="0 takes a free one (default: %(default)s)")
    server.add_argument("--api-key", metavar="KEY", help="the only key accepted (default: any)")
    server.add_argument("--endpoints", action="store_true", help="list every path that is served, and end")
    server.add_argument(
        "--delay", type=_seconds, default=0.0, metavar="SECONDS", help="between the events of a stream (default: 0)"
    )


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    commands.add_parser(
        "demo",
        description="Watch the legacy client answer through the shim, on a server of its own: no key, no network.",
    )


def _add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "compare",
        description="Compare recorded exchanges: what the legacy client sent and read, with what the new path would.",
        epilog=_COMPARE_NOTE,
        formatter_class=_Formatter,
    )
    command.add_argument(
        "files", nargs="*", metavar="FILE", help="recorded exchanges: paths, patterns, URLs; - is standard input"
    )
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
    judging.add_argument("--ignore", type=Path, metavar="FILE", help="differences that are known: JSON or TOML")
    judging.add_argument("--limit", type=_positive, metavar="COUNT", help="compare only the first COUNT exchanges")
    running = command.add_argument_group("how it runs")
    running.add_argument(
        "--workers",
        type=_positive,
        metavar="COUNT",
        help="processes (default: 1 for small input, else one per core, to 8)",
    )
    running.add_argument("--resume", type=Path, metavar="FILE", help="a journal: go on where an interrupted run ended")
    sharing = command.add_argument_group("many machines (docs/at_scale.md)")
    sharing.add_argument(
        "--shard", type=_shard, metavar="I/N", help="compare every Nth file, from the Ith on, counted from 0"
    )
    sharing.add_argument("--parts", metavar="DIR", help="where what a shard found is kept: a folder or a URL")
    sharing.add_argument("--merge", metavar="DIR", help="show the parts of all shards as one run; takes no FILE")
    shown = command.add_argument_group("what is shown and written")
    shown.add_argument("--json", action="store_true", help="print one JSON object; tables go to standard error")
    shown.add_argument("--junit", type=Path, metavar="FILE", help="write a JUnit report, for CI servers")
    shown.add_argument("--html", type=Path, metavar="FILE", help="write a page with tables, plots and differences")
    shown.add_argument(
        "--show", type=_not_negative, default=10, metavar="COUNT", help="mismatches to print (default: %(default)s)"
    )
    shown.add_argument("--quiet", action="store_true", help="print only warnings; the exit status tells the rest")
    shown.add_argument("--no-progress", dest="progress", action="store_false", help="draw no progress bar")


def _add_record(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "record",
        description="Pass requests on to an API unchanged, and record them: for clients in any language, until Ctrl-C.",
        epilog=_RECORD_NOTE,
        formatter_class=_Formatter,
    )
    command.add_argument("file", metavar="FILE", help="what is recorded is added to it")
    command.add_argument(
        "--upstream", required=True, metavar="URL", help="where requests go, such as https://api.openai.com/v1"
    )
    command.add_argument(
        "--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="port 0 takes a free one (default: %(default)s)"
    )
    command.add_argument(
        "--allow-remote", action="store_true", help="listen where others reach it; the keys of all callers pass through"
    )
    command.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name, beside this machine's own, that clients may ask it by, or whose web pages may ask; may be repeated",
    )
    command.add_argument("--ca-file", metavar="FILE", help="a PEM file of the authorities the upstream is verified by")
    command.add_argument("--timeout", type=_positive_seconds, metavar="SECONDS", help="the upstream's longest silence")
    command.add_argument(
        "--redact",
        action="append",
        default=[],
        metavar="PATH",
        help="cover this place of bodies, such as request.body.messages[*].content; may be repeated",
    )
    command.add_argument(
        "--max-body", type=_positive, default=16 << 20, metavar="BYTES", help="kept of each body (default: %(default)s)"
    )
    command.add_argument(
        "--max-connections", type=_positive, default=400, metavar="COUNT", help="of clients (default: %(default)s)"
    )
    command.add_argument("--quiet", action="store_true", help="no line per exchange")


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "doctor",
        description="Find what a program uses of openai 0.28, where, and how it fares on the new path.",
        epilog=_DOCTOR_NOTE,
        formatter_class=_Formatter,
    )
    command.add_argument("paths", nargs="+", metavar="PATH", help="a module, a notebook, or a folder with all below it")
    command.add_argument(
        "--skip", action="append", default=[], metavar="GLOB", help="names or paths to leave out; may be repeated"
    )
    command.add_argument(
        "--today", type=_date, metavar="DATE", help="the day that decides which models are gone (default: today, UTC)"
    )
    command.add_argument(
        "--api",
        default="chat_completions",
        choices=("chat_completions", "responses"),
        help="which API the new path will speak: what it lacks is told (default: %(default)s)",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object; tables go to standard error")
    command.add_argument("--quiet", action="store_true", help="with --json: no tables at all")
    command.add_argument("--all", action="store_true", help="print what is supported, too, each with its place")
    command.add_argument(
        "--fail-on",
        default="upgrade",
        choices=("upgrade", "hand", "never"),
        help="what makes the exit status 1: anything to do, only what needs a hand, nothing (default: %(default)s)",
    )
    command.add_argument("--fix", action="store_true", help="print the import lines for the drop-in, as a diff")
    command.add_argument("--write", action="store_true", help="with --fix: change the files")
    command.add_argument("--no-progress", dest="progress", action="store_false", help="draw no progress bar")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; give one such as 2026-10-23") from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is negative; give seconds, such as 0.05")
    return value


def _positive_seconds(text: str) -> float:
    value = _seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 leaves no time at all; give seconds, such as 60")
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard; give index and count, such as 0/4")
    if int(index) >= int(count):
        shards = (
            f"the {int(count)} shards are 0/{int(count)} to {int(count) - 1}/{int(count)}"
            if int(count)
            else "no shards"
        )
        raise argparse.ArgumentTypeError(f"{text!r} is out of range: {shards}")
    return int(index), int(count)


def _positive(text: str) -> int:
    value = _whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 1")
    return value


def _not_negative(text: str) -> int:
    value = _whole(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is negative")
    return value


def _port(text: str) -> int:
    value = _whole(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 0 to 65535")
    return value
