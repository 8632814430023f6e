"""The options of every command, read by argparse.

Not what the commands do with them. A value that is wrong by itself ends here, with the option's name and exit status 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from shim import __version__
from shim.cli.argument_types import iso_date, local_file, number, port, positive, positive_seconds, seconds
from shim.cli.compare_arguments import add_compare
from shim.cli.quantities import age, size
from shim.cli.recordings_arguments import add_recordings
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
  recordings   list, filter, split, merge, redact recordings; their figures
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
_RECORD_NOTE = """\
FILE is appended to: one exchange a line, in gzip if its name ends in .gz. It holds what was asked and answered, but of
headers only those that are known to be harmless, and no key. Only HTTP/1.1; proxy environment variables are not read.
{time} in FILE's name becomes the time at which a file is begun: day-{time}.jsonl.gz with --rotate-size 100MB --rotate-age 1h.
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
    add_compare(commands, formatter=_Formatter)
    _add_record(commands)
    add_recordings(commands, formatter=_Formatter)
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
    command.add_argument(
        "--upgrade",
        action="append",
        default=[],
        metavar="NAME",
        help="change the calls that move as shim doctor names it, such as model-successor; undone in the answer; may be "
        "repeated; they are applied in an order of their own",
    )
    command.add_argument("--record", type=local_file, metavar="FILE", help="record every exchange, for shim compare")
    command.add_argument(
        "--provider",
        choices=sorted(KINDS),
        help="who serves the calls that move (default: native); without openai 0.28, who serves all (default: legacy)",
    )
    _add_insecure_host(command)
    command.add_argument("--print-path", action="store_true", help="print the folder for PYTHONPATH, and end")
    _add_rotation(command)
    command.add_argument("-m", dest="module", action="store_true", help="the program is the name of a module")
    command.add_argument("program", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def _add_insecure_host(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--insecure-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host, beside this machine, that may get the key over plain HTTP; may be repeated",
    )


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
    _add_insecure_host(chat)
    azure = chat.add_argument_group("Azure OpenAI", "The key is read from AZURE_OPENAI_API_KEY, else OPENAI_API_KEY.")
    azure.add_argument(
        "--azure", metavar="RESOURCE", help="ask a deployment there: the resource's name, or its address"
    )
    azure.add_argument("--deployment", metavar="NAME", help="the deployment's name (default: that of --model)")
    azure.add_argument(
        "--api-version", metavar="DATE", help="the API's version (default: OPENAI_API_VERSION, or 2024-10-21)"
    )
    chat.add_argument("--system", metavar="TEXT", help="instructions put before the question")
    chat.add_argument("--temperature", type=number, metavar="NUMBER", help="how freely it answers, 0 to 2")
    chat.add_argument("--max-tokens", type=positive, metavar="COUNT", help="upper bound of the answer")
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
    server.add_argument("--port", type=port, default=0, help="0 takes a free one (default: %(default)s)")
    server.add_argument("--api-key", metavar="KEY", help="the only key accepted (default: any)")
    server.add_argument("--endpoints", action="store_true", help="list every path that is served, and end")
    server.add_argument(
        "--delay", type=seconds, default=0.0, metavar="SECONDS", help="between the events of a stream (default: 0)"
    )


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    commands.add_parser(
        "demo",
        description="Watch the legacy client answer through the shim, on a server of its own: no key, no network.",
    )


def _add_record(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "record",
        description="Pass requests on to an API unchanged, and record them: for clients in any language, until Ctrl-C.",
        epilog=_RECORD_NOTE,
        formatter_class=_Formatter,
    )
    command.add_argument("file", type=local_file, metavar="FILE", help="what is recorded is added to it")
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
    _add_insecure_host(command)
    command.add_argument("--ca-file", metavar="FILE", help="a PEM file of the authorities the upstream is verified by")
    command.add_argument("--timeout", type=positive_seconds, metavar="SECONDS", help="the upstream's longest silence")
    command.add_argument(
        "--redact",
        action="append",
        default=[],
        metavar="PATH",
        help="cover this place of bodies, such as request.body.messages[*].content; may be repeated",
    )
    command.add_argument(
        "--max-body", type=positive, default=16 << 20, metavar="BYTES", help="kept of each body (default: %(default)s)"
    )
    command.add_argument(
        "--max-connections", type=positive, default=400, metavar="COUNT", help="of clients (default: %(default)s)"
    )
    command.add_argument("--quiet", action="store_true", help="no line per exchange")
    _add_rotation(command)


def _add_rotation(command: argparse.ArgumentParser) -> None:
    rotation = command.add_argument_group("rotation", "FILE's name then holds {time}.")
    rotation.add_argument(
        "--rotate-size", type=size, metavar="SIZE", help="begin a new file before one is larger, such as 100MB"
    )
    rotation.add_argument(
        "--rotate-age", type=age, metavar="TIME", help="begin a new file once one is so old, such as 1h"
    )
    rotation.add_argument(
        "--rotate-keep", type=positive, metavar="COUNT", help="delete the oldest beyond so many (default: keep all)"
    )


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
        "--today",
        type=iso_date,
        metavar="DATE",
        help="the day that decides which models are gone (default: today, UTC)",
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
